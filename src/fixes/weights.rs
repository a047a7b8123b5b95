//! Recipes about how weights are stored.

use crate::model::{DType, Encoding, Granularity, Model, Part, PartRole, Place, Weight};

use super::Target;

/// Channels that share a table in the recipe.
const GROUP: u64 = 16;

/// `palettize`: scales for blocks become tables for groups of channels, with as many bits.
pub(super) fn palettize_blocks(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for weight in &mut model.weights {
        let Encoding::Linear { bits, granularity: Granularity::PerBlock(_) } = weight.encoding else { continue };
        let bits = if bits >= 8 { 8 } else { 4 };
        let tables = weight.shape.first().copied().unwrap_or(1).div_ceil(GROUP).max(1);
        weight.encoding = Encoding::Palettized { bits, tables, vector: 1, int8_table: false };
        let data = weight.elements().saturating_mul(u64::from(bits)).div_ceil(8);
        let table = tables.saturating_mul(1 << bits).saturating_mul(2);
        store(weight, &[(PartRole::Data, DType::UInt8, data), (PartRole::Table, DType::Fp16, table)]);
        n += 1;
    }
    n
}

/// `group-fallback`: tables of single half-precision elements instead of vectors or 8-bit entries.
pub(super) fn plain_tables(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for weight in &mut model.weights {
        if let Encoding::Palettized { vector, int8_table, .. } = &mut weight.encoding
            && (*vector > 1 || *int8_table)
        {
            (*vector, *int8_table) = (1, false);
            n += 1;
        }
    }
    n
}

/// `skip-layer`: palettized weights with large kernels become dense again.
pub(super) fn decompress_odd(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for weight in &mut model.weights {
        let is_large = weight.shape.iter().skip(2).any(|size| *size > 7);
        if is_large && matches!(weight.encoding, Encoding::Palettized { .. }) {
            weight.encoding = Encoding::Dense;
            let bytes = weight.elements().saturating_mul(2);
            store(weight, &[(PartRole::Data, DType::Fp16, bytes)]);
            n += 1;
        }
    }
    n
}

fn store(weight: &mut Weight, parts: &[(PartRole, DType, u64)]) {
    let part = |(role, dtype, bytes): &(PartRole, DType, u64)| Part {
        role: *role,
        dtype: *dtype,
        bytes: *bytes,
        place: Place::Planned,
    };
    weight.parts = parts.iter().map(part).collect();
}
