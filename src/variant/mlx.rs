//! MLX's affine quantization: linear and embedding weights in groups along their rows, a scale and a bias for each group
//! in the type of the model, everything else as it is.
//!
//! A row that the group does not divide stays in floating point (the rule of `mlx_lm`). Tables that the converter made
//! (masks, rotary tables) are not in the file: MLX computes them.

use super::{
    file::{packed, plain},
    row::{Row, Use},
    stored::{Pieces, Reason},
};

/// Bytes of one value of the model (fp16 or bf16).
pub(super) const VALUE_BYTES: u64 = 2;

/// What the weight becomes.
pub(super) fn quantize(row: &Row<'_>, bits: u32, group: u32) -> Result<Pieces, Reason> {
    match row.usage {
        Use::Matrix | Use::Embedding | Use::TiedEmbedding => {}
        Use::Convolution | Use::Vector | Use::Table => return Err(Reason::UnsupportedConsumer),
    }
    let width = row.row_length();
    let group = u64::from(group);
    if group == 0 || width == 0 || !width.is_multiple_of(group) {
        return Err(Reason::BlockDoesNotDivide);
    }
    let n_groups = row.elements / group;
    Ok(Pieces {
        data: plain(packed(row.elements, bits)),
        scale: plain(n_groups.saturating_mul(VALUE_BYTES)),
        offset: plain(n_groups.saturating_mul(VALUE_BYTES)),
        ..Pieces::default()
    })
}
