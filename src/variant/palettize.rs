//! Lookup tables: `palettize_weights` of coremltools 9.0.
//!
//! One index for each element (or vector of elements), packed without gaps, and one table for each group of output
//! channels. The number of values in a table is 2^bits whatever the values are, so k-means and uniform tables cost the
//! same. A group that does not divide the output channels leaves the weight as it is.

use super::{
    TableScope,
    file::{packed, piece},
    row::Row,
    stored::{Pieces, Reason},
};
use crate::model::OpKind;

/// What the weight becomes, and how many tables it has.
pub(super) fn palettize(
    row: &Row<'_>,
    bits: u32,
    scope: TableScope,
    vector: u32,
    value_bytes: u64,
) -> Result<(Pieces, u64), Reason> {
    let (_, channels) = row.channels().ok_or(Reason::AxesConflict)?;
    let vector = u64::from(vector.max(1));
    if vector > 1 && !row.vector_fits(vector) {
        return Err(Reason::VectorDoesNotDivide);
    }
    let group = match scope {
        TableScope::PerTensor => channels,
        TableScope::PerGroupedChannel(group) => u64::from(group),
    };
    if group == 0 || !channels.is_multiple_of(group) {
        return Err(Reason::GroupDoesNotDivide);
    }
    if !group.is_multiple_of(vector) {
        return Err(Reason::VectorDoesNotDivide);
    }
    let n_tables = channels / group;
    let n_indices = row.elements / vector;
    let n_entries = n_tables.saturating_mul((1 << bits.min(8)) * vector);
    let pieces = Pieces {
        data: piece(n_indices, packed(n_indices, bits)),
        table: piece(n_entries, n_entries.saturating_mul(value_bytes)),
        ..Pieces::default()
    };
    Ok((pieces, n_tables))
}

impl Row<'_> {
    /// A convolution in groups sees only its own part of the output channels, and vectors must not cross parts.
    fn vector_fits(&self, vector: u64) -> bool {
        let grouped = matches!(self.consumer, Some(OpKind::Conv | OpKind::ConvTranspose)) && self.groups > 1;
        let Some((axis, channels)) = self.channels() else { return false };
        let effective = if grouped && axis == 0 { channels / self.groups } else { channels };
        effective.is_multiple_of(vector)
    }
}
