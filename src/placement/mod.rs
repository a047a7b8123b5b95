//! Where each operation of a function lands, and how long a call takes.
//!
//! Eligibility per operation (`rules`), then a shortest path over operations × units with launch and switch costs, as
//! Core ML's own planner is described to work (`segment`), over times from shapes, weights and sustained rates (`time`).
//! Invariant: total and deterministic; a prediction, never called measured. Absent on purpose: memory and sizes.

mod rules;
mod segment;
mod time;
mod work;

pub use rules::Reason;
pub use segment::{Plan, Segment};
pub use time::{Carriage, Terms, WeightLoad};
pub(crate) use work::cache_values;
pub use work::{OpClass, Work};

use crate::{
    machine::Machine,
    model::{DType, Function, Model},
    variant::Precision,
};

/// A function prepared for planning on one machine: what each operation asks for and what refuses it.
/// It does not depend on a variant, so one serves the whole matrix.
pub struct Prepared<'m> {
    /// The function it is about.
    pub function: &'m Function,
    /// One row for each top-level operation, in order.
    pub ops: Vec<PreparedOp>,
    /// For each section: the range of its rows in `ops` and its copies.
    pub sections: Vec<(std::ops::Range<usize>, u32)>,
    /// The floating-point type that most of the graph is written in.
    pub written_in: Precision,
}

/// One operation, prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreparedOp {
    /// What it asks for.
    pub work: Work,
    /// Why the Neural Engine refuses it, if it does.
    pub refusal: Option<Reason>,
}

/// Prepares a function.
#[must_use]
pub fn prepare<'m>(model: &'m Model, function: &'m Function, machine: &Machine) -> Prepared<'m> {
    let cached = work::cache_values(model, function);
    let mut ops = Vec::new();
    let mut sections = Vec::with_capacity(function.sections.len());
    for section in &function.sections {
        let start = ops.len();
        for op in &section.ops {
            let mut work = work::of(model, function, op, &cached);
            add_nested(model, function, op, &cached, &mut work);
            ops.push(PreparedOp { work, refusal: rules::refusal(model, function, op, machine) });
        }
        sections.push((start..ops.len(), section.times));
    }
    Prepared { function, ops, sections, written_in: written_in(function) }
}

/// fp32 when more results are fp32 than fp16.
fn written_in(function: &Function) -> Precision {
    let mut balance = 0_i64;
    for (_, op) in function.ops() {
        for output in &op.outputs {
            match function.tensor(*output).map(|tensor| tensor.dtype) {
                Some(DType::Fp32) => balance += 1,
                Some(DType::Fp16) => balance -= 1,
                _ => {}
            }
        }
    }
    if balance > 0 { Precision::Fp32 } else { Precision::Fp16 }
}

/// Adds the work of nested blocks to the operation that holds them, each body counted once: the trip count is not known.
fn add_nested(model: &Model, function: &Function, op: &crate::model::Op, cached: &[Option<f64>], work: &mut Work) {
    let mut waiting: Vec<&crate::model::Op> = op.blocks.iter().flat_map(|block| &block.ops).collect();
    while let Some(nested) = waiting.pop() {
        let inner = work::of(model, function, nested, cached);
        work.flops += inner.flops;
        work.read += inner.read;
        work.written += inner.written;
        work.small_weights += inner.small_weights;
        waiting.extend(nested.blocks.iter().flat_map(|block| &block.ops));
    }
}
