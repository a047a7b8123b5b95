//! Streams or folds: whether a compressed weight reaches a unit as it is stored.
//!
//! It decides the bytes that move for each call and the memory that stays resident; the bundle shrinks regardless.
//! Source: the compression × engine table (coremltools performance guides, ane-guide chapter 7, Anemll bench).

use crate::{
    machine::{Coef, Machine, Unit},
    model::{Encoding, Granularity, Model},
    placement::{Carriage, WeightLoad},
    variant::{Precision, Runtime, Stored, Variant},
};

use super::verdict::os_level;

/// Specification versions at which Core ML changed how it takes compressed weights.
const SPEC_IOS17: u32 = 8;

/// What each weight costs each unit, and which ones the Neural Engine refuses.
pub(super) fn loads(
    model: &Model,
    variant: &Variant,
    stored: &Stored,
    machine: &Machine,
) -> (Vec<WeightLoad>, Vec<bool>) {
    let bytes_per_element = match variant.precision {
        Precision::Fp32 => 4.0,
        Precision::Fp16 | Precision::W8A8 => 2.0,
    };
    let mut loads = Vec::with_capacity(model.weights.len());
    let mut refuses = Vec::with_capacity(model.weights.len());
    for (weight, kept) in model.weights.iter().zip(&stored.weights) {
        let elements = weight.elements() as f64;
        let padding = ane_padding(&kept.encoding);
        let is_plain = kept.encoding == Encoding::Dense;
        loads.push(WeightLoad {
            stored: kept.bytes() * padding,
            dense: elements * bytes_per_element,
            elements: if is_plain { 0.0 } else { elements },
            carriage: Unit::EVERY.map(|unit| carriage(&kept.encoding, variant.runtime, unit, machine)),
        });
        refuses.push(has_blocks(&kept.encoding));
    }
    (loads, refuses)
}

/// The Neural Engine pads 3-bit indices to 4 and 6-bit indices to 8 when it streams them.
fn ane_padding(encoding: &Encoding) -> f64 {
    match encoding {
        Encoding::Palettized { bits: 3, .. } => 4.0 / 3.0,
        Encoding::Palettized { bits: 6, .. } => 8.0 / 6.0,
        Encoding::Palettized { .. }
        | Encoding::Dense
        | Encoding::Linear { .. }
        | Encoding::Sparse { .. }
        | Encoding::Other => 1.0,
    }
}

fn has_blocks(encoding: &Encoding) -> bool {
    match encoding {
        Encoding::Linear { granularity: Granularity::PerBlock(_), .. } => true,
        Encoding::Sparse { values, .. } => {
            matches!(values.as_ref(), Encoding::Linear { granularity: Granularity::PerBlock(_), .. })
        }
        Encoding::Linear { .. } | Encoding::Dense | Encoding::Palettized { .. } | Encoding::Other => false,
    }
}

fn carriage(encoding: &Encoding, runtime: Runtime, unit: Unit, machine: &Machine) -> Carriage {
    match (runtime, unit) {
        // Their kernels read their own formats block by block.
        (Runtime::LlamaCpp | Runtime::Mlx, _) => Carriage::Streams,
        (Runtime::CoreMl, _) if *encoding == Encoding::Dense => Carriage::Streams,
        // Core ML on the CPU expands every compressed weight when it loads.
        (Runtime::CoreMl, Unit::Cpu) => Carriage::Folds,
        (Runtime::CoreMl, Unit::Gpu) => on_gpu(encoding),
        (Runtime::CoreMl, Unit::Ane) => on_ane(encoding, machine),
    }
}

fn on_gpu(encoding: &Encoding) -> Carriage {
    match encoding {
        Encoding::Dense | Encoding::Linear { .. } => Carriage::Streams,
        Encoding::Palettized { .. } => Carriage::Multiple(Coef::GpuLutSlowdown),
        Encoding::Sparse { .. } | Encoding::Other => Carriage::Unknown,
    }
}

fn on_ane(encoding: &Encoding, machine: &Machine) -> Carriage {
    // Before iOS 17 and macOS 14 weights were expanded when the model was compiled for the device.
    if os_level(machine.os, machine.os_version) < SPEC_IOS17 {
        return Carriage::Folds;
    }
    let generation = machine.ane_generation;
    match encoding {
        Encoding::Dense => Carriage::Streams,
        Encoding::Palettized { int8_table: true, .. } | Encoding::Other => Carriage::Unknown,
        Encoding::Palettized { .. } if generation >= 13 => Carriage::Streams,
        Encoding::Linear { bits: 8, granularity: Granularity::PerTensor | Granularity::PerChannel } => match generation
        {
            13 => Carriage::Folds,
            14.. => Carriage::Streams,
            _ => Carriage::Unknown,
        },
        Encoding::Sparse { values, .. } if **values == Encoding::Dense && generation >= 13 => Carriage::Streams,
        Encoding::Palettized { .. } | Encoding::Linear { .. } | Encoding::Sparse { .. } => Carriage::Unknown,
    }
}
