//! Streams or folds: whether a compressed weight reaches a unit as it is stored.
//!
//! It decides the bytes that move for each call and the memory that stays resident; the bundle shrinks regardless.
//! Source: the compression × engine table (coremltools performance guides, ane-guide chapter 7, Anemll bench).

use crate::{
    machine::{Coef, Machine, Share, Unit},
    model::{Encoding, Granularity, Model, Weight},
    placement::{Carriage, WeightLoad},
    units::Quantity,
    variant::{Precision, Runtime, Stored, StoredAs, Variant},
};

use super::verdict::os_level;

/// Specification versions at which Core ML changed how it takes compressed weights.
const SPEC_IOS17: u32 = 8;

/// What each weight costs each unit.
pub(super) fn loads(model: &Model, variant: &Variant, stored: &Stored, machine: &Machine) -> Vec<WeightLoad> {
    let bytes_per_element = match variant.precision {
        Precision::Fp32 => 4.0,
        Precision::Fp16 | Precision::W8A8 => 2.0,
    };
    let reload = Coef::AneTableReload.figure::<Share>().value.get();
    let mut loads = Vec::with_capacity(model.weights.len());
    for (weight, kept) in model.weights.iter().zip(&stored.weights) {
        let copies = f64::from(weight.copies.max(1));
        let elements = weight.elements() as f64;
        let form = form(&kept.stored_as, &weight.encoding);
        loads.push(WeightLoad {
            stored: kept.bytes as f64 / copies,
            dense: elements * bytes_per_element,
            elements: if form == Form::Plain {
                0.0
            } else {
                elements * (1.0 + reload * reloads(&kept.stored_as, weight))
            },
            carriage: Unit::EVERY.map(|unit| carriage(form, variant.runtime, unit, machine)),
        });
    }
    loads
}

/// How often the decompressor changes its table, as a share of once for every channel: less by the square of a group's size.
fn reloads(stored_as: &StoredAs, weight: &Weight) -> f64 {
    if let StoredAs::Palettized { tables, .. } = stored_as
        && let Some(channels) = weight.shape.first()
        && *tables > 1
        && *channels >= *tables
    {
        let group = *channels as f64 / *tables as f64;
        return 1.0 / (group * group);
    }
    0.0
}

/// What matters of an encoding for the unit that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    /// Lookup tables with plain entries.
    Table {
        bits: u32,
    },
    /// 8-bit linear with a scale for the tensor or for each channel.
    Linear8,
    /// 4-bit linear with a scale for the tensor or for each channel.
    Linear4,
    /// Linear with a scale for each block.
    Blocks,
    /// Zeros left out, plain values.
    Sparse,
    /// Chains, quantized tables and what this version does not know.
    Other,
    /// A format of another runtime.
    Foreign,
}

fn form(stored_as: &StoredAs, own: &Encoding) -> Form {
    match stored_as {
        StoredAs::Dense | StoredAs::Computed => Form::Plain,
        StoredAs::Kept => form_of_file(own),
        StoredAs::Palettized { bits, .. } => Form::Table { bits: *bits },
        StoredAs::Linear { bits, granularity } => linear(*bits, *granularity),
        StoredAs::Sparse { .. } => Form::Sparse,
        StoredAs::SparsePalettized { .. } => Form::Other,
        StoredAs::Ggml(_) | StoredAs::Group { .. } => Form::Foreign,
    }
}

fn form_of_file(encoding: &Encoding) -> Form {
    match encoding {
        Encoding::Dense => Form::Plain,
        Encoding::Palettized { int8_table: true, .. } | Encoding::Other => Form::Other,
        Encoding::Palettized { bits, .. } => Form::Table { bits: *bits },
        Encoding::Linear { bits, granularity } => linear(*bits, *granularity),
        Encoding::Sparse { values, .. } => match values.as_ref() {
            Encoding::Dense => Form::Sparse,
            Encoding::Linear { granularity: Granularity::PerBlock(_), .. } => Form::Blocks,
            Encoding::Linear { .. } | Encoding::Palettized { .. } | Encoding::Sparse { .. } | Encoding::Other => {
                Form::Other
            }
        },
    }
}

fn linear(bits: u32, granularity: Granularity) -> Form {
    match granularity {
        Granularity::PerBlock(_) => Form::Blocks,
        Granularity::PerTensor | Granularity::PerChannel if bits == 8 => Form::Linear8,
        Granularity::PerTensor | Granularity::PerChannel => Form::Linear4,
    }
}

fn carriage(form: Form, runtime: Runtime, unit: Unit, machine: &Machine) -> Carriage {
    match (runtime, unit) {
        // Their kernels read their own formats block by block.
        (Runtime::LlamaCpp | Runtime::Mlx, _) => Carriage::Streams,
        (Runtime::CoreMl, _) if form == Form::Plain => Carriage::Streams,
        // Core ML on the CPU expands every compressed weight when it loads.
        (Runtime::CoreMl, Unit::Cpu) => Carriage::Folds,
        (Runtime::CoreMl, Unit::Gpu) => on_gpu(form),
        (Runtime::CoreMl, Unit::Ane) => on_ane(form, machine),
    }
}

fn on_gpu(form: Form) -> Carriage {
    match form {
        Form::Plain | Form::Linear8 | Form::Linear4 | Form::Blocks | Form::Foreign => Carriage::Streams,
        Form::Table { .. } => Carriage::Multiple(Coef::GpuLutSlowdown),
        Form::Sparse | Form::Other => Carriage::Unknown,
    }
}

fn on_ane(form: Form, machine: &Machine) -> Carriage {
    // Before iOS 17 and macOS 14 weights were expanded when the model was compiled for the device.
    if os_level(machine.os, machine.os_version) < SPEC_IOS17 {
        return Carriage::Folds;
    }
    let generation = machine.ane_generation;
    match form {
        Form::Plain => Carriage::Streams,
        Form::Table { .. } | Form::Sparse if generation >= 13 => Carriage::Streams,
        Form::Linear8 if generation == 13 => Carriage::Folds,
        Form::Linear8 if generation >= 14 => Carriage::Streams,
        Form::Table { .. }
        | Form::Sparse
        | Form::Linear8
        | Form::Linear4
        | Form::Blocks
        | Form::Other
        | Form::Foreign => Carriage::Unknown,
    }
}
