//! Scales: `linear_quantize_weights` of coremltools 9.0 in its symmetric mode.
//!
//! Up to iOS 17 (`constexpr_affine_dequantize`) a zero point is stored for each scale even when it is zero; from iOS 18
//! (`constexpr_blockwise_shift_scale`) a symmetric weight has none. A block that does not divide the input channels
//! leaves the weight as it is: there is no fallback to channels.

use super::{
    ScaleScope,
    file::{packed, piece, shared_piece},
    row::{Dialect, Row},
    stored::{Pieces, Reason},
};

/// What the weight becomes.
pub(super) fn quantize(
    row: &Row<'_>,
    bits: u32,
    scope: ScaleScope,
    dialect: Dialect,
    value_bytes: u64,
) -> Result<Pieces, Reason> {
    let (_, channels) = row.channels().ok_or(Reason::AxesConflict)?;
    let n_scales = match scope {
        ScaleScope::PerTensor => 1,
        ScaleScope::PerChannel => channels,
        ScaleScope::PerBlock(size) => {
            let inputs = row.input_channels().ok_or(Reason::AxesConflict)?;
            let size = u64::from(size);
            if size == 0 || !inputs.is_multiple_of(size) {
                return Err(Reason::BlockDoesNotDivide);
            }
            channels.saturating_mul(inputs / size)
        }
    };
    let offset = match dialect {
        Dialect::Attributes => shared_piece(n_scales, n_scales),
        Dialect::Inputs => super::Piece::default(),
    };
    Ok(Pieces {
        data: piece(row.elements, packed(row.elements, bits)),
        scale: piece(n_scales, n_scales.saturating_mul(value_bytes)),
        offset,
        ..Pieces::default()
    })
}
