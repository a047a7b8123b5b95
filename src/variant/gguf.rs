//! GGUF: which tensor type llama.cpp's quantizer gives each weight, and what its blocks cost.
//!
//! The rules are those of `llama-quant.cpp`: vectors stay F32; Q4_K_M gives Q6_K to the head (or to the embedding when it
//! is tied) and, in the first and last eighth of the layers and every third between, to `attn_v` and `ffn_down`; a row
//! that 256 does not divide falls back to blocks of 32, and one that 32 does not divide to F16. Which weight is `attn_v`
//! or `ffn_down` is told by its name. Tables that the converter made (masks, rotary tables) are not in the file. Absent
//! on purpose: mixtures for experts, importance matrices and other file types.

use super::{
    GgufType,
    file::plain,
    row::{Row, Use},
    stored::Pieces,
};

/// A tensor type of ggml.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are ggml's own")]
pub enum GgmlType {
    F32,
    F16,
    Q8_0,
    Q5_0,
    Q4K,
    Q6K,
}

impl GgmlType {
    /// Elements and bytes of one block (`ggml-common.h`).
    #[must_use]
    pub fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 => (1, 2),
            // An fp16 scale and 32 bytes.
            Self::Q8_0 => (32, 34),
            // An fp16 scale, 32 high bits and 32 nibbles.
            Self::Q5_0 => (32, 22),
            // Two fp16 scales, 12 bytes of 6-bit scales and minima, 256 nibbles.
            Self::Q4K => (256, 144),
            // 256 × 6 bits, 16 8-bit scales and an fp16 scale.
            Self::Q6K => (256, 210),
        }
    }

    /// Bits for each element.
    #[must_use]
    pub fn bits(self) -> f64 {
        let (elements, bytes) = self.block();
        bytes as f64 * 8.0 / elements as f64
    }

    fn bytes(self, elements: u64) -> u64 {
        let (size, bytes) = self.block();
        elements.div_ceil(size).saturating_mul(bytes)
    }

    /// The type that a row of that length can have.
    fn fit(self, row_length: u64) -> Self {
        if row_length.is_multiple_of(self.block().0) {
            return self;
        }
        let fallback = match self {
            Self::Q4K => Self::Q5_0,
            Self::Q6K => Self::Q8_0,
            Self::F32 | Self::F16 | Self::Q8_0 | Self::Q5_0 => Self::F16,
        };
        if row_length.is_multiple_of(fallback.block().0) { fallback } else { Self::F16 }
    }
}

/// Weights that Q4_K_M gives more bits in some layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sensitive {
    /// The value projection.
    Value,
    /// The last projection of the feed-forward block.
    Down,
    /// Neither.
    No,
}

impl Sensitive {
    /// By the names that checkpoints and llama.cpp use.
    pub(super) fn of(name: &str) -> Self {
        if ["v_proj", "attn_v", "wv."].iter().any(|part| name.contains(part)) {
            Self::Value
        } else if ["down_proj", "ffn_down", "w2."].iter().any(|part| name.contains(part)) {
            Self::Down
        } else {
            Self::No
        }
    }
}

/// Which layer of how many a row is; a row of a repeated section stands for several layers in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layers {
    /// Layer of the first copy.
    pub(super) first: u64,
    /// Layers of the model.
    pub(super) all: u64,
}

/// How many of the first `n` of `all` layers `llama-quant.cpp` gives more bits: the first and the last eighth, and every
/// third between.
fn n_more_bits(n: u64, all: u64) -> u64 {
    let head = all / 8;
    let tail = all.saturating_mul(7) / 8;
    n.min(head) + n.min(tail).saturating_sub(head) / 3 + n.saturating_sub(tail)
}

/// What the row becomes: for each tensor type the copies that get it. At most two types occur in one row.
pub(super) fn types(row: &Row<'_>, kind: GgufType, layers: Layers) -> [(GgmlType, u64); 2] {
    let width = row.row_length();
    let copies = row.copies;
    let one = |kind: GgmlType| [(kind.fit(width), copies), (GgmlType::F32, 0)];
    match row.usage {
        Use::Table => [(GgmlType::F32, 0); 2],
        Use::Vector => [(GgmlType::F32, copies), (GgmlType::F32, 0)],
        Use::Convolution => one(GgmlType::F16),
        Use::Matrix | Use::Embedding | Use::TiedEmbedding => match kind {
            GgufType::F16 => one(GgmlType::F16),
            GgufType::Q8_0 => one(GgmlType::Q8_0),
            GgufType::Q4KM if row.is_head || row.usage == Use::TiedEmbedding => {
                // The head does not fall back by steps: what 256 does not divide is Q8_0.
                one(GgmlType::Q6K)
            }
            GgufType::Q4KM => match row.sensitive {
                Sensitive::No => one(GgmlType::Q4K),
                Sensitive::Value | Sensitive::Down => {
                    let end = layers.first.saturating_add(copies).min(layers.all);
                    let more = n_more_bits(end, layers.all).saturating_sub(n_more_bits(layers.first, layers.all));
                    [(GgmlType::Q6K.fit(width), more), (GgmlType::Q4K.fit(width), copies.saturating_sub(more))]
                }
            },
        },
    }
}

/// The bytes of one copy.
pub(super) fn pieces(row: &Row<'_>, kind: GgmlType) -> Pieces {
    Pieces { data: plain(kind.bytes(row.elements)), ..Pieces::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_layers_get_more_bits() {
        let more = |layer: u64, all: u64| layer < all / 8 || layer >= 7 * all / 8 || (layer - all / 8) % 3 == 2;
        for all in 1..130 {
            for n in 0..=all {
                let counted = (0..n).filter(|layer| more(*layer, all)).count() as u64;
                assert_eq!(n_more_bits(n, all), counted, "{n} of {all}");
            }
        }
        // 32 layers: 4 + 4 at the ends and every third of the 24 between.
        assert_eq!(n_more_bits(32, 32), 16);
    }

    #[test]
    fn blocks_cost_what_ggml_says() {
        let check = |kind: GgmlType, bits: f64| assert!((kind.bits() - bits).abs() < 1e-9, "{kind:?}");
        check(GgmlType::Q8_0, 8.5);
        check(GgmlType::Q4K, 4.5);
        check(GgmlType::Q6K, 6.5625);
        check(GgmlType::Q5_0, 5.5);
    }

    #[test]
    fn a_row_that_the_block_does_not_divide_falls_back() {
        assert_eq!(GgmlType::Q4K.fit(256), GgmlType::Q4K);
        assert_eq!(GgmlType::Q4K.fit(96), GgmlType::Q5_0);
        assert_eq!(GgmlType::Q6K.fit(96), GgmlType::Q8_0);
        assert_eq!(GgmlType::Q4K.fit(33), GgmlType::F16);
    }
}
