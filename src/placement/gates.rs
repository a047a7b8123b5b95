//! What decides about a whole function: compute units, precision, sizes, flexible shapes, states.
//!
//! Invariants: total; what depends on a variant comes with [`Ask`]. Absent on purpose: single operations (`predicate`).

use crate::{
    catalog::{DeviceKind, Effect, OsFamily, Rule, Test},
    machine::{Machine, Unit},
    model::{Dim, Flexibility, Function, OpKind},
    scenario::Units,
    variant::Precision,
};

use super::{
    Prepared,
    facts::Facts,
    rules::{self, RuleIdx, has},
};

/// What a plan is asked for, as far as whole functions are decided by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask {
    /// The units that the app allows.
    pub units: Units,
    /// The precision that the model is converted to.
    pub precision: Precision,
    /// Bytes of the weight file.
    pub weight_bytes: f64,
    /// Whether some weight has a scale for each block.
    pub has_blocks: bool,
}

/// What whole-function rules ask about a function, whatever the variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traits {
    flexibility: Flexibility,
    n_ops: u64,
    n_states: usize,
    /// The state widths' greatest common divisor; 0 without states.
    state_width: u64,
    has_half: bool,
    has_rank3: bool,
    computes_shapes: bool,
    /// Not a neural network of the older format.
    is_program: bool,
    /// Read from a file.
    is_file: bool,
}

/// Gathers them.
pub(super) fn traits(facts: &Facts<'_>) -> Traits {
    let function = facts.function;
    let mut has_rank3 = false;
    function.visit(&mut |_, op| {
        if matches!(op.kind, OpKind::LayerNorm | OpKind::Matmul) {
            has_rank3 |= facts.tensor(op, "x").is_some_and(|x| x.shape.len() == 3);
        }
    });
    Traits {
        flexibility: facts.flexibility,
        n_ops: facts.n_ops,
        n_states: function.states.len(),
        state_width: state_width(function),
        has_half: facts.has_half,
        has_rank3,
        computes_shapes: facts.computes_shapes,
        is_program: function.opset != "NeuralNetwork",
        is_file: facts.model.spec_version > 0,
    }
}

fn state_width(function: &Function) -> u64 {
    let last = |id| match function.tensor(id)?.shape.last() {
        Some(Dim::Fixed(size)) => Some(*size),
        _ => None,
    };
    let mut common = 0;
    for width in function.states.iter().filter_map(|id| last(*id)) {
        let (mut a, mut b) = (common, width);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        common = a;
    }
    common
}

/// The largest weight file that the Neural Engine of a machine takes, as the rules say; `None` when none does.
#[must_use]
pub fn largest_weight_file(machine: &Machine, is_file: bool) -> Option<f64> {
    let is_mobile = !matches!(machine.kind, DeviceKind::Laptop | DeviceKind::Desktop);
    let bound = |rule: &Rule| match rule.test {
        Test::LoaderWeights(most) => Some(most),
        // As in the gate: a preset of that size is shipped in pieces.
        Test::MobileWeights(most) if is_mobile && is_file => Some(most),
        _ => None,
    };
    let in_force = rules::gates().filter(|(_, rule)| rules::is_in_force(rule, machine));
    in_force.filter_map(|(_, rule)| bound(rule)).reduce(f64::min)
}

/// What the rules about whole functions come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gated {
    /// What keeps the function off the Neural Engine.
    pub(super) off_ane: Option<RuleIdx>,
    /// Where all of it goes, as far as it may.
    pub(super) all_on: Option<(Unit, RuleIdx)>,
}

impl Prepared<'_> {
    /// The rules about whole functions that apply.
    pub(super) fn gates<'a>(
        &'a self,
        machine: &'a Machine,
        ask: &'a Ask,
    ) -> impl Iterator<Item = (RuleIdx, &'static Rule)> + 'a {
        rules::gates().filter(move |(_, rule)| rules::is_in_force(rule, machine) && self.gate(&rule.test, machine, ask))
    }

    /// What they come to: the first that applies counts.
    pub(super) fn gated(&self, machine: &Machine, ask: &Ask) -> Gated {
        let mut gated = Gated::default();
        for (at, rule) in self.gates(machine, ask) {
            if has(rule, Effect::GraphOffAne) {
                gated.off_ane = gated.off_ane.or(Some(at));
            }
            for (effect, unit) in [(Effect::GraphOnCpu, Unit::Cpu), (Effect::GraphOnGpu, Unit::Gpu)] {
                if has(rule, effect) {
                    gated.all_on = gated.all_on.or(Some((unit, at)));
                }
            }
        }
        gated
    }

    fn gate(&self, test: &Test, machine: &Machine, ask: &Ask) -> bool {
        let own = &self.traits;
        let is_mac = machine.os == OsFamily::Macos;
        match test {
            Test::UnitsWithoutAne => matches!(ask.units, Units::CpuOnly | Units::CpuAndGpu),
            Test::NoAne => machine.ane.is_none(),
            // A file that mixes both and stays as it is has fp32 operations, each refused on its own.
            Test::FullPrecisionProgram => {
                let mixed = self.written_in == Precision::Fp32 && own.has_half;
                ask.precision == Precision::Fp32 && !mixed
            }
            Test::OpsFrom(least) => own.n_ops >= *least,
            Test::StatesAbove(most) => own.n_states > *most,
            Test::StateWidth(multiple) => !own.state_width.is_multiple_of((*multiple).max(1)),
            Test::RangeShapes(narrow) => matches!(own.flexibility, Flexibility::Range { span } if span > *narrow),
            Test::NarrowRange(narrow) => matches!(own.flexibility, Flexibility::Range { span } if span <= *narrow),
            Test::RangeByValues => own.computes_shapes && matches!(own.flexibility, Flexibility::Range { .. }),
            Test::ListedShapes => own.flexibility == Flexibility::Listed,
            Test::ListedShapesRank3 => own.flexibility == Flexibility::Listed && own.has_rank3,
            Test::FlexibleStateBlocks => own.flexibility != Flexibility::Fixed && own.n_states > 0 && ask.has_blocks,
            Test::MobileWeights(most) => {
                let is_mobile = !matches!(machine.kind, DeviceKind::Laptop | DeviceKind::Desktop);
                // A preset of that size is shipped in pieces; a file is what it is.
                own.is_file && is_mobile && ask.weight_bytes > *most
            }
            Test::LoaderWeights(most) => ask.weight_bytes > *most,
            Test::Tiny(bytes, flops) => {
                let is_asked = matches!(ask.units, Units::All | Units::CpuAndNe) && machine.ane.is_some();
                own.is_program && is_asked && ask.weight_bytes < *bytes && self.flops < *flops
            }
            Test::WideGpu(cores, bytes) => {
                let widest = machine.soc.and_then(|soc| soc.gpu_cores.last()).copied().unwrap_or(0);
                ask.units == Units::All && is_mac && widest >= *cores && ask.weight_bytes >= *bytes
            }
            Test::LeadingUnsupported => {
                let first = self.function.ops().next().map(|(_, op)| op.kind);
                let refused = self.ops.first().is_some_and(|op| op.refusal.is_some() || op.full_refusal.is_some());
                refused && first != Some(OpKind::Cast)
            }
            // Tests of one operation are no gates: the build holds the table to that.
            _ => false,
        }
    }
}
