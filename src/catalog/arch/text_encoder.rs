//! Text encoders: BERT and its kin, and the text half of CLIP.

use serde::{Deserialize, Serialize};

use super::decoder::Activation;

/// A text encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextEncoder {
    /// Rows of the embedding table.
    pub vocab: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Layers.
    pub layers: u32,
    /// Attention heads.
    pub heads: u32,
    /// Width of the feed-forward block.
    pub ffn: u32,
    /// Rows of the table of positions.
    pub positions: u32,
    /// Rows of the table of segments; 0 when there is none.
    #[serde(default)]
    pub segments: u32,
    /// Tokens of one call.
    pub tokens: u32,
    /// BERT or CLIP.
    pub family: TextFamily,
    /// The activation of the feed-forward block.
    pub activation: Activation,
    /// What is made of the token that stands for the text.
    #[serde(default)]
    pub pooled: Pooled,
}

/// How the layers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFamily {
    /// Norms after each block and after the embedding; every token sees every other that the mask leaves.
    Bert,
    /// Norms before each block and at the end; a token sees those before it.
    Clip,
}

/// What is made of the token that stands for the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooled {
    /// Nothing: every token is returned.
    #[default]
    None,
    /// The last token is picked and returned beside the others.
    Token,
    /// A linear layer with a bias and a tanh (BERT's pooler).
    Pooler,
    /// A matrix to that width (a CLIP model with projection).
    Projection(u32),
}
