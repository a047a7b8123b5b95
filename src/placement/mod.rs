//! Where each operation of a function lands, and how long a call takes.
//!
//! Rules (`rules`, data) say which units may run an operation (`predicate`) and what decides about a whole function
//! (`gates`); then a shortest path over operations × units (`segment`) with what Core ML's planner charges (`cost`), as
//! that planner is described to work; `time` says how long the chosen path really takes. `place` gathers what a reader
//! wants to know of each operation. Invariant: total and deterministic; a prediction, never called measured. Absent on
//! purpose: memory and sizes.

mod certainty;
mod cost;
mod facts;
mod gates;
mod place;
mod predicate;
mod rules;
mod segment;
mod time;
mod weights;
mod work;

pub use certainty::Certainty;
pub use cost::Cost;
pub use gates::{Ask, largest_weight_file};
pub use place::{Label, Placed, PlacedOp, Run, Why, place};
pub use rules::{RuleIdx, Traits};
pub use segment::{Plan, Segment};
pub use time::{Carriage, Terms, WeightLoad};
pub use weights::traits as weight_traits;
pub(crate) use work::cache_values;
pub use work::{OpClass, Work};

use crate::{
    catalog::{Effect, Rule, Test},
    machine::Machine,
    model::{DType, Function, Model, Op},
    variant::Precision,
};

use facts::Facts;

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
    /// Arithmetic of one call.
    pub flops: f64,
    traits: gates::Traits,
}

/// One operation, prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreparedOp {
    /// What it asks for.
    pub work: Work,
    /// What Core ML's planner thinks it costs.
    pub cost: Cost,
    /// Why the Neural Engine refuses it, if it does.
    pub refusal: Option<RuleIdx>,
    /// The same for reasons that go away when an fp32 program is converted to fp16.
    pub full_refusal: Option<RuleIdx>,
    /// Why the GPU refuses it, if it does.
    pub gpu_refusal: Option<RuleIdx>,
    /// Why Core ML prefers the CPU, if it does.
    pub prefers_cpu: Option<RuleIdx>,
    /// Traits of its weights that the Neural Engine would refuse here.
    pub refused_traits: Traits,
}

/// Prepares a function.
#[must_use]
pub fn prepare<'m>(model: &'m Model, function: &'m Function, machine: &Machine) -> Prepared<'m> {
    let cached = work::cache_values(model, function);
    let facts = Facts::of(model, function, machine);
    let mut ops = Vec::new();
    let mut sections = Vec::with_capacity(function.sections.len());
    let mut flops = 0.0;
    for section in &function.sections {
        let start = ops.len();
        for op in &section.ops {
            let mut work = work::of(model, function, op, &cached);
            add_nested(model, function, op, &cached, &mut work);
            flops += work.flops * f64::from(section.times);
            ops.push(prepare_op(&facts, op, work));
        }
        sections.push((start..ops.len(), section.times));
    }
    let (written_in, traits) = (written_in(function), gates::traits(&facts));
    Prepared { function, ops, sections, written_in, flops, traits }
}

/// What Core ML's planner thinks each top-level operation costs, in seconds: Neural Engine, GPU, and the newer and the
/// older library of the CPU. For whoever compares with what it prints.
#[must_use]
pub fn planner_costs(model: &Model, function: &Function, machine: &Machine) -> Vec<[f64; 4]> {
    let cached = work::cache_values(model, function);
    let facts = Facts::of(model, function, machine);
    let each = function.ops().map(|(_, op)| {
        let work = work::of(model, function, op, &cached);
        let [ane, gpu, cpu] = cost::of(&facts, op, &work);
        [ane, gpu, cpu, cost::classic(&facts, op, &work)]
    });
    each.collect()
}

fn prepare_op(facts: &Facts<'_>, op: &Op, work: Work) -> PreparedOp {
    let mut prepared = PreparedOp {
        work,
        cost: cost::of(facts, op, &work),
        refusal: None,
        full_refusal: None,
        gpu_refusal: None,
        prefers_cpu: None,
        refused_traits: Traits::default(),
    };
    let seen = predicate::look(facts, op);
    for (at, rule) in rules::about(facts.model, op) {
        if !decides(rule) || !rules::is_in_force(rule, facts.machine) {
            continue;
        }
        if !predicate::holds(&rule.test, facts, op, &seen) {
            continue;
        }
        let slot = |effect, slot: &mut Option<RuleIdx>| {
            if rules::has(rule, effect) {
                *slot = slot.or(Some(at));
            }
        };
        slot(Effect::RefusesGpu, &mut prepared.gpu_refusal);
        slot(Effect::PrefersCpu, &mut prepared.prefers_cpu);
        match (rules::weight_trait(rule), is_about_full_precision(&rule.test)) {
            (Some(one), _) => prepared.refused_traits = prepared.refused_traits.with(one),
            (None, true) => slot(Effect::RefusesAne, &mut prepared.full_refusal),
            (None, false) => slot(Effect::RefusesAne, &mut prepared.refusal),
        }
    }
    prepared
}

/// Whether a rule can move an operation; the others only speak of it.
fn decides(rule: &Rule) -> bool {
    let moves = [Effect::RefusesAne, Effect::RefusesGpu, Effect::PrefersCpu];
    rule.effects.iter().any(|effect| moves.contains(effect))
}

/// Whether what a test finds goes away when an fp32 program is converted to fp16.
fn is_about_full_precision(test: &Test) -> bool {
    matches!(
        test,
        Test::FullPrecision | Test::FullPrecisionIsland | Test::BoundaryCast | Test::InnerCast | Test::ImageScale
    )
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
fn add_nested(model: &Model, function: &Function, op: &Op, cached: &[Option<f64>], work: &mut Work) {
    let mut waiting: Vec<&Op> = op.blocks.iter().flat_map(|block| &block.ops).collect();
    while let Some(nested) = waiting.pop() {
        let inner = work::of(model, function, nested, cached);
        work.flops += inner.flops;
        work.read += inner.read;
        work.written += inner.written;
        work.small_weights += inner.small_weights;
        waiting.extend(nested.blocks.iter().flat_map(|block| &block.ops));
    }
}
