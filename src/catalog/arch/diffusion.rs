//! Latent diffusion: text encoders, a UNet that is called once for each step, and the decoder that paints the image.

use serde::{Deserialize, Serialize};

/// A text-to-image pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diffusion {
    /// Edge of the latent image; the picture's is eight times that.
    pub latent: u32,
    /// Channels of the latent image.
    pub channels: u32,
    /// Latent images of one UNet call: two for classifier-free guidance.
    pub batch: u32,
    /// UNet calls of one picture.
    pub steps: u32,
    /// Text encoders, in order.
    pub text: Vec<ClipText>,
    /// The UNet.
    pub unet: Unet,
    /// Channels of the decoder's stages, from the picture's size down.
    pub decoder: Vec<u32>,
    /// Residual blocks of each decoder stage.
    pub decoder_blocks: u32,
}

/// A text encoder of CLIP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipText {
    /// Rows of the embedding.
    pub vocabulary: u32,
    /// Tokens of one text.
    pub context: u32,
    /// Width of a token.
    pub width: u32,
    /// Attention heads.
    pub heads: u32,
    /// Hidden width of the feed-forward part.
    pub hidden: u32,
    /// Transformer layers.
    pub layers: u32,
    /// Activation of the feed-forward part.
    pub activation: TextActivation,
    /// Width that the pooled token is projected to; 0 when it is not projected.
    pub projection: u32,
    /// Which hidden state is the result.
    pub result: Hidden,
}

/// Activation of a CLIP feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextActivation {
    /// x times the sigmoid of 1.702 x.
    QuickGelu,
    /// GELU.
    Gelu,
}

/// A hidden state of a text encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hidden {
    /// After the last layer and the last norm.
    Last,
    /// What the last layer takes.
    Penultimate,
}

/// The UNet. Each list has one entry for each stage, from the full size down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unet {
    /// Channels.
    pub channels: Vec<u32>,
    /// Attention heads.
    pub heads: Vec<u32>,
    /// Transformer blocks after each residual block; 0 for a stage without attention.
    pub depth: Vec<u32>,
    /// Transformer blocks in the middle.
    pub middle: u32,
    /// Residual blocks of a stage on the way down; one more on the way up.
    pub blocks: u32,
    /// Width of the text that attention reads.
    pub context: u32,
    /// Sizes and pooled text as further conditions (SDXL).
    pub extra: Option<ExtraCondition>,
}

/// The conditions that SDXL adds to the time embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraCondition {
    /// Numbers (original size, crop, target size).
    pub numbers: u32,
    /// Width of each number's embedding.
    pub width: u32,
    /// Width of the pooled text.
    pub pooled: u32,
}
