//! Image models: an image tower as a list of layers, and for a CLIP model the text tower beside it.
//!
//! The rows are those of the papers' own tables. Models that are trained with branches and deployed without them
//! (FastViT, MobileCLIP) are described in the deployed form.

use serde::{Deserialize, Serialize};

/// An image model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vision {
    /// Edge of the square RGB image it takes.
    pub image: u32,
    /// The image tower, in order.
    pub layers: Vec<Layer>,
    /// The text tower of a CLIP model.
    pub text: Option<TextTower>,
}

/// What stands after a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the functions' own")]
pub enum Activation {
    #[default]
    None,
    Relu,
    Relu6,
    HardSwish,
    HardSigmoid,
    Silu,
    Gelu,
    Sigmoid,
}

/// Squeeze-and-excitation: a gate for each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Channels between its two convolutions.
    pub channels: u32,
    /// Activation between them.
    pub activation: Activation,
    /// What makes the gate.
    pub gate: Activation,
}

fn one() -> u32 {
    1
}

/// A row of the image tower. A stage of `repeat` blocks applies its stride in the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layer {
    /// Convolution, batch norm, activation.
    Conv {
        /// Output channels.
        out: u32,
        /// Kernel edge.
        kernel: u32,
        /// Stride.
        #[serde(default = "one")]
        stride: u32,
        /// Activation.
        activation: Activation,
    },
    /// Maximum pooling, padded by half the kernel.
    MaxPool {
        /// Kernel edge.
        kernel: u32,
        /// Stride.
        stride: u32,
    },
    /// ResNet: two 3×3 convolutions and a shortcut.
    Basic {
        /// Output channels.
        out: u32,
        /// Stride of the first block.
        #[serde(default = "one")]
        stride: u32,
        /// Blocks.
        repeat: u32,
    },
    /// ResNet: 1×1, 3×3, 1×1 convolutions and a shortcut.
    Bottleneck {
        /// Channels of the 3×3 convolution.
        mid: u32,
        /// Output channels.
        out: u32,
        /// Stride of the first block's 3×3 convolution.
        #[serde(default = "one")]
        stride: u32,
        /// Blocks.
        repeat: u32,
    },
    /// MobileNet and EfficientNet: widen, depthwise, gate, project; a shortcut where shapes agree.
    Inverted {
        /// Channels of the depthwise convolution; equal to the input's when nothing widens.
        expand: u32,
        /// Output channels.
        out: u32,
        /// Kernel edge of the depthwise convolution.
        kernel: u32,
        /// Stride of the first block.
        #[serde(default = "one")]
        stride: u32,
        /// Blocks.
        #[serde(default = "one")]
        repeat: u32,
        /// Activation of the first two convolutions.
        activation: Activation,
        /// The gate, if there is one.
        gate: Option<Gate>,
    },
    /// ViT: patches as tokens, a class token before them, learned positions.
    Patches {
        /// Edge of a patch.
        edge: u32,
        /// Width of a token.
        out: u32,
    },
    /// ViT: transformer encoder layers.
    Encoder {
        /// Attention heads.
        heads: u32,
        /// Hidden width of the feed-forward part.
        hidden: u32,
        /// Layers.
        repeat: u32,
    },
    /// ViT: the last norm, and the class token alone.
    ClassToken,
    /// FastViT: the stem of three MobileOne blocks, which quarters the size.
    Stem {
        /// Output channels.
        out: u32,
    },
    /// FastViT: token mixing by a depthwise convolution, then a convolutional feed-forward part.
    RepMixer {
        /// Feed-forward width over the stage's channels.
        ratio: u32,
        /// Blocks.
        repeat: u32,
    },
    /// FastViT: halves the size with a 7×7 depthwise and a 1×1 convolution.
    Downsample {
        /// Output channels.
        out: u32,
        /// Activation after the depthwise convolution.
        #[serde(default)]
        activation: Activation,
        /// Its gate, if there is one.
        gate: Option<Gate>,
    },
    /// FastViT: positions from a 7×7 depthwise convolution.
    Positions,
    /// FastViT: token mixing by attention, then a convolutional feed-forward part.
    Attention {
        /// Width of a head.
        head: u32,
        /// Feed-forward width over the stage's channels.
        ratio: u32,
        /// Blocks.
        repeat: u32,
    },
    /// FastViT: widens to twice the channels before the head, with a gate over all of them.
    Widen {
        /// Channels inside the gate.
        gate: u32,
    },
    /// The mean over the image, as a row.
    Pool,
    /// Fully connected layer.
    Linear {
        /// Outputs.
        out: u32,
        /// Activation.
        #[serde(default)]
        activation: Activation,
    },
    /// The mean over the image times a matrix, without a bias.
    Project {
        /// Outputs.
        out: u32,
    },
}

/// The text tower of MobileCLIP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTower {
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
    /// Kernel of the convolutional mixers before the first and after the last layer; 0 when there are none.
    pub mixer: u32,
    /// Width of the embedding shared with the image tower.
    pub embedding: u32,
}
