//! What placement asks about the weights of a variant: how each is encoded, as far as a unit may refuse it.

use crate::{
    catalog::WeightTrait,
    model::{Encoding, Granularity, Model, PartRole, Weight},
    variant::{Stored, StoredAs},
};

use super::rules::Traits;

/// Specification version from which linear weights have the form of iOS 18.
const SPEC_IOS18: u32 = 9;

/// The traits of each weight of the model, as a variant stores it.
#[must_use]
pub fn traits(model: &Model, stored: &Stored) -> Vec<Traits> {
    let of = |weight: &Weight, stored_as: &StoredAs| match stored_as {
        StoredAs::Kept => of_file(weight, model.spec_version),
        StoredAs::Palettized { bits, vector, .. } => palettized(*bits, *vector),
        StoredAs::SparsePalettized { bits, .. } => palettized(*bits, 1),
        StoredAs::Linear { bits, granularity } => linear(*granularity, *bits < 8),
        StoredAs::Dense | StoredAs::Computed | StoredAs::Sparse { .. } => Traits::default(),
        StoredAs::Ggml(_) | StoredAs::Group { .. } => Traits::default(),
    };
    model.weights.iter().zip(&stored.weights).map(|(weight, kept)| of(weight, &kept.stored_as)).collect()
}

fn of_file(weight: &Weight, spec_version: u32) -> Traits {
    let has_scale = weight.parts.iter().any(|part| part.role == PartRole::Scale);
    let mut encoding = &weight.encoding;
    if let Encoding::Sparse { values, .. } = encoding {
        encoding = values;
    }
    match encoding {
        Encoding::Palettized { bits, vector, int8_table, .. } => {
            let own = palettized(*bits, *vector);
            match (int8_table, has_scale) {
                // The scale of a quantized table belongs to the table.
                (true, _) => own.with(WeightTrait::QuantizedTable),
                (false, true) => own.with(WeightTrait::ScaledTable),
                (false, false) => own,
            }
        }
        Encoding::Linear { granularity, .. } => linear(*granularity, spec_version >= SPEC_IOS18),
        Encoding::Dense | Encoding::Sparse { .. } | Encoding::Other => Traits::default(),
    }
}

fn palettized(bits: u32, vector: u32) -> Traits {
    let mut own = Traits::default().with(WeightTrait::Palettized);
    if bits <= 4 {
        own = own.with(WeightTrait::Palettized4);
    }
    if vector > 1 {
        own = own.with(WeightTrait::VectorTable);
    }
    own
}

fn linear(granularity: Granularity, is_shift_scale: bool) -> Traits {
    match granularity {
        Granularity::PerBlock(_) => Traits::default().with(WeightTrait::PerBlock),
        Granularity::PerTensor | Granularity::PerChannel if is_shift_scale => {
            Traits::default().with(WeightTrait::ShiftScale)
        }
        Granularity::PerTensor | Granularity::PerChannel => Traits::default(),
    }
}
