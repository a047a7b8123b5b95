//! Decoder-only language models: everything that decides a weight, an operation or a cache.
//!
//! Left out on purpose: what changes numbers but no shape (the base of the rotary angles, epsilons, scales).

use serde::{Deserialize, Serialize};

/// A decoder-only language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    /// Rows of the embedding table.
    pub vocab: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Width of one attention head.
    pub head_dim: u32,
    /// Tokens that the model was made for.
    pub max_context: u32,
    /// The layers, from first to last.
    pub groups: Vec<LayerGroup>,
    /// Where the head's matrix comes from.
    #[serde(default)]
    pub head: Head,
    /// How positions get in.
    #[serde(default)]
    pub positions: Positions,
    /// The kind of norm.
    #[serde(default)]
    pub norm: NormKind,
    /// Where a layer's norms stand.
    #[serde(default)]
    pub order: Order,
    /// Whether queries and keys are normalized, head by head.
    #[serde(default)]
    pub qk_norm: QkNorm,
    /// Which linear layers have a bias.
    #[serde(default)]
    pub bias: Bias,
    /// Whether query, key and value (and gate and up) are one matrix.
    #[serde(default)]
    pub projections: Projections,
    /// The feed-forward block.
    #[serde(default)]
    pub mlp: MlpKind,
    /// The activation of the feed-forward block.
    #[serde(default)]
    pub activation: Activation,
    /// Whether the embedding is multiplied by a constant.
    #[serde(default)]
    pub embedding: Embedding,
    /// Whether attention scores and logits go through a scaled tanh.
    #[serde(default)]
    pub softcap: Softcap,
    /// Whether attention may look at nothing.
    #[serde(default)]
    pub sinks: Sinks,
    /// The experts in place of the feed-forward block, if there are any.
    #[serde(default)]
    pub experts: Option<Experts>,
}

/// Layers that repeat as a group: the group's layers in order, `times` times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerGroup {
    /// How many times.
    pub times: u32,
    /// The layers of one repetition.
    pub layers: Vec<Layer>,
}

/// A layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Such layers in a row, within the group.
    #[serde(default = "one")]
    pub n: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub kv_heads: u32,
    /// Width of the feed-forward block (of one expert, when there are experts).
    pub ffn: u32,
    /// Tokens that the layer looks back, when it does not look back to the first.
    #[serde(default)]
    pub window: Option<u32>,
    /// Where keys and values come from.
    #[serde(default)]
    pub kv: KeyValues,
    /// Whether the model's rotary positions are applied.
    #[serde(default)]
    pub rotary: Rotary,
}

fn one() -> u32 {
    1
}

/// Where a layer's keys and values come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyValues {
    /// The layer projects and caches its own.
    #[default]
    Own,
    /// The layer reads the cache of the last layer that has its own; the prompt passes it with its last token only.
    Shared,
}

/// Whether a layer applies the model's rotary positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotary {
    /// It does.
    #[default]
    Applied,
    /// It has no positions at all.
    LeftOut,
}

/// Where the head's matrix comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The embedding table, stored once.
    #[default]
    Tied,
    /// A matrix of its own.
    Own,
    /// A matrix and a bias of its own.
    OwnWithBias,
}

/// How positions get in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// Rotary, over the whole head.
    #[default]
    Rope,
    /// Rotary, over that many elements of each head.
    PartialRope(u32),
    /// A table of that many rows, added to the embedding.
    Learned(u32),
}

/// The kind of norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Root mean square, with a scale.
    #[default]
    Rms,
    /// Layer norm, with a scale and a bias.
    Layer,
}

/// Where a layer's norms stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Before attention and before the feed-forward block.
    #[default]
    Pre,
    /// Before and after each.
    Sandwich,
    /// One norm, before attention and feed-forward side by side.
    Parallel,
}

/// Whether queries and keys are normalized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QkNorm {
    /// They are not.
    #[default]
    None,
    /// Each head by itself, with one scale for all heads.
    PerHead,
}

/// Which linear layers have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// None.
    #[default]
    None,
    /// Query, key and value.
    Qkv,
    /// All within the layers, experts and router included.
    All,
}

/// Whether projections of the same input are one matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projections {
    /// Each is a matrix.
    #[default]
    Separate,
    /// Query, key and value are one matrix; so are gate and up.
    Fused,
}

/// The feed-forward block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MlpKind {
    /// Up, times an activated gate, then down.
    #[default]
    Gated,
    /// Up, activation, down.
    Plain,
}

/// An activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x · sigmoid(x).
    #[default]
    Silu,
    /// Gauss error linear unit, exact or with tanh.
    Gelu,
    /// x · sigmoid(1.702 x), as CLIP has it.
    QuickGelu,
    /// max(0, x).
    Relu,
}

/// What happens to the embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embedding {
    /// Nothing.
    #[default]
    Plain,
    /// It is multiplied by a constant.
    Scaled,
}

/// Whether scores go through a scaled tanh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Softcap {
    /// They do not.
    #[default]
    None,
    /// Attention scores and logits do.
    Both,
}

/// Whether attention may look at nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sinks {
    /// It may not.
    #[default]
    None,
    /// Each head has a score that takes weight and gives no value.
    PerHead,
}

/// Experts: feed-forward blocks of which each token passes a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Experts of a layer.
    pub all: u32,
    /// Experts that a token passes.
    pub active: u32,
}
