//! Run-time memory by part: weights, cache, activations, runtime.

use crate::{
    machine::{Coef, Machine, Unit},
    model::{Def, Function, Model, Op, OpKind},
    placement::{Carriage, Plan, WeightLoad},
    units::{Basis, Bytes, Figure, Quantity},
    variant::{Precision, Runtime, Variant},
};

use super::Subject;

/// Memory by part; [`Memory::total`] is their sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Weights as they stay resident.
    pub weights: Figure<Bytes>,
    /// KV cache or other states, at their full capacity.
    pub cache: Figure<Bytes>,
    /// The largest set of activations that live at once.
    pub activations: Figure<Bytes>,
    /// The app and the runtime.
    pub runtime: Figure<Bytes>,
}

impl Memory {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Figure<Bytes> {
        self.weights.plus(self.cache).plus(self.activations).plus(self.runtime)
    }
}

pub(super) fn memory(subject: &Subject<'_>, variant: &Variant, loads: &[WeightLoad], plans: &[Plan]) -> Memory {
    let runtime = match variant.runtime {
        Runtime::CoreMl => Coef::RuntimeMemoryCoreml,
        Runtime::LlamaCpp | Runtime::Mlx => Coef::RuntimeMemoryOther,
    };
    let width = match variant.precision {
        Precision::Fp32 => 2.0,
        Precision::Fp16 | Precision::W8A8 => 1.0,
    };
    let peak = subject.peaks.iter().copied().fold(0.0, f64::max) * width;
    Memory {
        weights: weights(subject, loads, plans),
        cache: Figure::exact(Bytes::of(subject.cache * width)),
        // Runtimes reuse buffers more or less well than plain liveness says.
        activations: Figure::range(Bytes::of(peak), Bytes::of(peak * 0.5), Bytes::of(peak * 2.0), Basis::Derived),
        runtime: runtime.figure(),
    }
}

/// Resident weights: compressed where the unit that reads them streams them, expanded where it does not.
fn weights(subject: &Subject<'_>, loads: &[WeightLoad], plans: &[Plan]) -> Figure<Bytes> {
    let mut unit_of = vec![None; loads.len()];
    for (function, plan) in subject.functions.iter().zip(plans) {
        for segment in &plan.segments {
            for op in function.ops.get(segment.ops.clone()).unwrap_or_default() {
                if let Some(weight) = op.work.weight
                    && let Some(slot) = unit_of.get_mut(weight.0 as usize)
                {
                    *slot = Some(segment.unit);
                }
            }
        }
    }
    let (mut value, mut low, mut high) = (0.0, 0.0, 0.0);
    let mut is_exact = true;
    for ((load, unit), weight) in loads.iter().zip(&unit_of).zip(&subject.model.weights) {
        let copies = f64::from(weight.copies);
        // What no dense operation reads (an embedding table, a bias) is looked up by the CPU.
        let unit = unit.unwrap_or(Unit::Cpu);
        let (v, l, h) = match load.carriage.get(unit.idx()).copied().unwrap_or(Carriage::Unknown) {
            Carriage::Streams => (load.stored, load.stored, load.stored),
            // Whether the packed form stays mapped beside the expanded one is contested.
            Carriage::Folds => (load.dense, load.stored, load.dense + load.stored),
            // What is expanded at each use stays packed in between, unless the runtime keeps the expanded form.
            Carriage::Multiple(_) => (load.stored, load.stored, load.dense),
            Carriage::Unknown => (load.dense, load.stored, load.dense),
        };
        is_exact &= v == l && v == h;
        value += v * copies;
        low += l * copies;
        high += h * copies;
    }
    let basis = if is_exact { Basis::Exact } else { Basis::Derived };
    Figure::range(Bytes::of(value), Bytes::of(low), Bytes::of(high), basis)
}

/// The largest set of activations that live at once in one call, in bytes of the graph's own types.
///
/// Values live from the operation that makes them to the last one that reads them. What only renames a tensor, and what
/// is a view of a state, has no memory of its own.
#[must_use]
pub fn activation_peak(model: &Model, function: &Function) -> f64 {
    let n_values = function.values.len();
    let mut last_read = vec![0_usize; n_values];
    let ops: Vec<&Op> = function.ops().map(|(_, op)| op).collect();
    for (at, op) in ops.iter().enumerate() {
        for (_, values) in &op.inputs {
            for value in values {
                if let Some(slot) = last_read.get_mut(value.0 as usize) {
                    *slot = at;
                }
            }
        }
    }
    for output in &function.outputs {
        if let Some(slot) = last_read.get_mut(output.0 as usize) {
            *slot = ops.len();
        }
    }
    // What only renames a tensor keeps its source alive, from the last reader back.
    for op in ops.iter().rev().filter(|op| renames(op)) {
        let last = op.outputs.iter().filter_map(|id| last_read.get(id.0 as usize)).copied().max().unwrap_or(0);
        for (_, values) in &op.inputs {
            for value in values {
                if let Some(slot) = last_read.get_mut(value.0 as usize) {
                    *slot = last.max(*slot);
                }
            }
        }
    }
    let views = crate::placement::cache_values(model, function);
    let size = |value: crate::model::ValueId| -> f64 {
        let held = function.value(value).is_some_and(|value| matches!(value.def, Def::Op | Def::Input));
        let cached = views.get(value.0 as usize).is_some_and(Option::is_some);
        if held && !cached { function.tensor(value).map_or(0.0, |tensor| tensor.bytes() as f64) } else { 0.0 }
    };
    let mut live: f64 = function.inputs.iter().map(|input| size(*input)).sum();
    let mut peak = live;
    let mut dies_after: Vec<Vec<crate::model::ValueId>> = vec![Vec::new(); ops.len() + 1];
    for (at, op) in ops.iter().enumerate() {
        for output in op.outputs.iter().filter(|_| !renames(op)) {
            live += size(*output);
            let last = last_read.get(output.0 as usize).copied().unwrap_or(at).max(at);
            if let Some(slot) = dies_after.get_mut(last) {
                slot.push(*output);
            }
        }
        peak = f64::max(peak, live);
        for dead in dies_after.get(at).into_iter().flatten() {
            live -= size(*dead);
        }
    }
    peak
}

fn renames(op: &Op) -> bool {
    matches!(op.kind, OpKind::Reshape | OpKind::ExpandDims | OpKind::Squeeze | OpKind::Identity)
}

impl Machine {
    /// The memory limit that holds for an app with or without the entitlement.
    #[must_use]
    pub fn memory_limit(&self, entitled: bool) -> Option<Figure<Bytes>> {
        if entitled { self.app_memory_entitled.or(self.app_memory) } else { self.app_memory }
    }
}
