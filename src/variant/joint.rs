//! Zeros left out, then lookup tables for the rest (`joint_compression=True`, iOS 18): `constexpr_lut_to_sparse` feeds
//! `constexpr_sparse_to_dense`, and both read one mask that is stored once.

use super::{
    TableScope,
    file::{packed, piece},
    palettize::palettize,
    prune::{mask, n_nonzero},
    row::Row,
    stored::{Pieces, Reason},
};

/// What the weight becomes.
pub(super) fn prune_and_palettize(row: &Row<'_>, percent: u32, bits: u32, value_bytes: u64) -> Result<Pieces, Reason> {
    let (palettized, _) = palettize(row, bits, TableScope::PerTensor, 1, value_bytes)?;
    let left = n_nonzero(row.elements, percent);
    Ok(Pieces { data: piece(left, packed(left, bits)), mask: mask(row.elements), ..palettized })
}
