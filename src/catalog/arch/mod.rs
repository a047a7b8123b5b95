//! Exact architectures of published models: what `lower` turns into a graph. Shared with the build script.

pub mod decoder;
mod diffusion;
mod mlp;
mod speech;
pub mod text_encoder;
mod vision;

pub use decoder::Decoder;
pub use diffusion::{ClipText, Diffusion, ExtraCondition, Hidden, TextActivation, Unet};
pub use mlp::Mlp;
pub use speech::Speech;
pub use text_encoder::TextEncoder;
pub use vision::{Activation, Gate, Layer, TextTower, Vision};

use serde::{Deserialize, Serialize};

/// The architecture of a preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// Fully connected layers.
    Mlp(Mlp),
    /// A decoder-only language model.
    Decoder(Decoder),
    /// A text encoder (BERT, CLIP text).
    TextEncoder(TextEncoder),
    /// A speech encoder with a text decoder (Whisper).
    Speech(Speech),
    /// A latent diffusion pipeline: text encoders, UNet, VAE decoder.
    Diffusion(Diffusion),
    /// An image model.
    Vision(Vision),
}
