//! Speech encoders with a text decoder: Whisper.

use serde::{Deserialize, Serialize};

/// Whisper: an encoder over 30 seconds of audio and a decoder that looks at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// Rows of the tied embedding table.
    pub vocab: u32,
    /// Width of the residual streams.
    pub hidden: u32,
    /// Attention heads.
    pub heads: u32,
    /// Width of the feed-forward blocks.
    pub ffn: u32,
    /// Layers of the encoder.
    pub encoder_layers: u32,
    /// Layers of the decoder.
    pub decoder_layers: u32,
    /// Bands of the spectrogram.
    pub mel_bands: u32,
    /// Frames of the spectrogram; the encoder has half as many positions.
    pub frames: u32,
    /// Positions of the decoder: the capacity of its cache.
    pub text_positions: u32,
    /// Tokens that start the decoder.
    pub prompt: u32,
}
