//! What a reader wants to know of a plan: each operation with its unit, what it could run on, and why.
//!
//! The plan itself is made by `segment`; this looks up every rule that speaks of an operation or the function, which the
//! matrix never does. Invariants: shares sum to one where there is a cost; operations inside control flow are listed and
//! go where the control flow goes. Absent on purpose: words (`report`), measured plans.

use crate::{
    catalog::{Effect, Rule, RuleTexts, Test},
    machine::{Machine, Unit},
    model::{Model, Op, OpKind},
    scenario::Units,
    units::Seconds,
    variant::Precision,
};

use super::{
    Ask, Plan, Prepared, Traits,
    certainty::{Certainty, Sureness},
    facts::Facts,
    predicate,
    rules::{self, RuleIdx, has},
};

/// A function with every operation placed.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// Every operation, nested ones after the one that holds them.
    pub ops: Vec<PlacedOp>,
    /// Runs of operations on one unit.
    pub runs: Vec<Run>,
    /// Runs in a whole call, copies counted.
    pub n_runs: u64,
    /// Operations on each unit, copies counted, by [`Unit::idx`].
    pub n_ops: [u64; 3],
    /// Share of the planner's cost on each unit.
    pub cost_share: [f64; 3],
    /// All of it in a word.
    pub label: Label,
    /// What may keep the Neural Engine's compiler from taking the function.
    pub risks: Vec<Why>,
    /// What else to know: numbers that may come out wrong, contested rules.
    pub warnings: Vec<Why>,
}

/// One operation, placed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedOp {
    /// Name of its first result; of what it writes when it has none.
    pub output: String,
    /// Its MIL name.
    pub kind: String,
    /// How many times the graph holds it.
    pub times: u32,
    /// Where it is predicted to run.
    pub unit: Unit,
    /// Where it could, by [`Unit::idx`].
    pub eligible: [bool; 3],
    /// Its share of what the planner thinks all operations cost.
    pub cost_share: f64,
    /// How sure the prediction is.
    pub certainty: Certainty,
    /// Why it is not on the Neural Engine, and what else rules say of it.
    pub whys: Vec<Why>,
}

/// A rule that speaks of an operation or a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// Its row among the words of rules.
    pub rule: RuleIdx,
    /// Operations it speaks of; 0 for the function as a whole.
    pub n_ops: u64,
}

/// A run of operations on one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The unit.
    pub unit: Unit,
    /// Rows of [`Placed::ops`].
    pub ops: std::ops::Range<usize>,
    /// Operations, copies counted.
    pub n_ops: u64,
    /// Share of the planner's cost.
    pub cost_share: f64,
    /// The change of unit before it, likely value.
    pub boundary: Seconds,
}

/// Where a function lands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// 99 % of the operations on the Neural Engine.
    Ane,
    /// 80 %.
    MostlyAne,
    /// Some.
    Mixed,
    /// None; more on the CPU than on the GPU.
    Cpu,
    /// None; more on the GPU.
    Gpu,
}

impl Label {
    /// The word for operations by [`Unit::idx`].
    #[must_use]
    pub fn of(n_ops: [u64; 3]) -> Self {
        let [ane, gpu, cpu] = n_ops;
        let total = ane + gpu + cpu;
        // In whole operations: 99 % of 100 are 99.
        if total > 0 && ane * 100 >= total * 99 {
            Self::Ane
        } else if total > 0 && ane * 100 >= total * 80 {
            Self::MostlyAne
        } else if ane > 0 {
            Self::Mixed
        } else if gpu > cpu {
            Self::Gpu
        } else {
            Self::Cpu
        }
    }
}

/// Gathers what there is to say about a plan.
#[must_use]
pub fn place(
    model: &Model,
    prepared: &Prepared<'_>,
    plan: &Plan,
    machine: &Machine,
    ask: &Ask,
    traits: &[Traits],
) -> Placed {
    let facts = Facts::of(model, prepared.function, machine);
    let gates: Vec<(RuleIdx, &Rule)> = prepared.gates(machine, ask).collect();
    let mut units = vec![Unit::Cpu; prepared.ops.len()];
    for segment in &plan.segments {
        units.get_mut(segment.ops.clone()).unwrap_or_default().fill(segment.unit);
    }
    let teller = Teller { facts, prepared, machine, ask, traits, gates, units };
    teller.tell(plan)
}

struct Teller<'a> {
    facts: Facts<'a>,
    prepared: &'a Prepared<'a>,
    machine: &'a Machine,
    ask: &'a Ask,
    traits: &'a [Traits],
    gates: Vec<(RuleIdx, &'static Rule)>,
    units: Vec<Unit>,
}

impl Teller<'_> {
    fn tell(&self, plan: &Plan) -> Placed {
        let function = self.prepared.function;
        let mut placed = Placed {
            name: function.name.clone(),
            ops: Vec::with_capacity(self.prepared.ops.len()),
            runs: Vec::new(),
            n_runs: plan.n_hops + 1,
            n_ops: [0; 3],
            cost_share: [0.0; 3],
            label: Label::Cpu,
            risks: Vec::new(),
            warnings: Vec::new(),
        };
        for (at, rule) in &self.gates {
            note(&mut placed, *at, rule, 0);
        }
        let mut total = 0.0;
        let mut rows = function.sections.iter().flat_map(|section| section.ops.iter().map(|op| (section.times, op)));
        for row in 0..self.prepared.ops.len() {
            let Some((times, op)) = rows.next() else { break };
            let unit = self.units.get(row).copied().unwrap_or(Unit::Cpu);
            let first = placed.ops.len();
            let own = self.op(&mut placed, op, row, times, unit);
            total += own.cost_share;
            placed.ops.push(own);
            self.nested(&mut placed, op, times, unit);
            extend(&mut placed, unit, first, self.machine);
        }
        for op in &mut placed.ops {
            op.cost_share = if total > 0.0 { op.cost_share / total } else { 0.0 };
            let n = u64::from(op.times);
            if let (Some(n_ops), Some(share)) =
                (placed.n_ops.get_mut(op.unit.idx()), placed.cost_share.get_mut(op.unit.idx()))
            {
                *n_ops += n;
                *share += op.cost_share;
            }
        }
        for run in &mut placed.runs {
            let own = placed.ops.get(run.ops.clone()).unwrap_or_default();
            run.n_ops = own.iter().map(|op| u64::from(op.times)).sum();
            run.cost_share = own.iter().map(|op| op.cost_share).sum();
        }
        placed.label = Label::of(placed.n_ops);
        placed
    }

    /// One top-level operation; its cost share is still seconds.
    fn op(&self, placed: &mut Placed, op: &Op, row: usize, times: u32, unit: Unit) -> PlacedOp {
        let prepared = self.prepared.ops.get(row);
        let seen = predicate::look(&self.facts, op);
        let weight = prepared.and_then(|own| own.work.weight).and_then(|id| self.traits.get(id.0 as usize));
        let weight = weight.copied().unwrap_or_default();
        let reconverted = prepared.is_some_and(|own| own.refusal.is_none()) && self.is_reconverted();
        let mut whys = Vec::new();
        let mut certainty = Sureness::default();
        for (at, rule) in rules::about(self.facts.model, op) {
            let wanted = rules::weight_trait(rule).is_none_or(|one| weight.has(one));
            if !wanted
                || !rules::is_in_force(rule, self.machine)
                || !predicate::holds(&rule.test, &self.facts, op, &seen)
            {
                continue;
            }
            if reconverted && super::is_about_full_precision(&rule.test) {
                continue;
            }
            certainty.hear(rule, unit);
            if has(rule, Effect::Native) {
                continue;
            }
            // What the engine would slow down or get wrong matters where it runs.
            let only_there = [Effect::Numerics, Effect::Slow].iter().any(|effect| has(rule, *effect));
            if only_there && unit != Unit::Ane {
                continue;
            }
            add(&mut whys, at);
            note(placed, at, rule, u64::from(times));
        }
        self.hear_gates(op, unit, &mut whys, &mut certainty);
        let eligible = self.eligible(row);
        if unit != Unit::Ane && eligible.first() == Some(&true) && !certainty.has_cause {
            certainty.follows();
            whys.extend(not_evaluated(self.follows_as(row)).map(|rule| Why { rule, n_ops: 0 }));
        }
        let seconds = prepared.and_then(|own| own.cost.get(unit.idx())).copied().unwrap_or(0.0);
        PlacedOp {
            output: self.name(op),
            kind: self.facts.model.op_name(op.kind).to_owned(),
            times,
            unit,
            eligible,
            cost_share: seconds * f64::from(times),
            certainty: certainty.of(unit),
            whys,
        }
    }

    /// What rules about the function say of one operation.
    fn hear_gates(&self, op: &Op, unit: Unit, whys: &mut Vec<Why>, certainty: &mut Sureness) {
        let is_stateful = matches!(op.kind, OpKind::ReadState | OpKind::WriteState | OpKind::SliceUpdate);
        for (at, rule) in &self.gates {
            let moves = [Effect::GraphOffAne, Effect::GraphOnCpu, Effect::GraphOnGpu];
            let decides = moves.iter().any(|effect| has(rule, *effect)) && unit != Unit::Ane;
            let about_state = is_stateful && matches!(rule.test, Test::StateWidth(_) | Test::StatesAbove(_));
            let doubts = has(rule, Effect::Contested);
            if decides || doubts || about_state {
                certainty.hear(rule, unit);
                add(whys, *at);
            }
        }
    }

    /// The operations inside an operation's blocks, which run where it runs.
    fn nested(&self, placed: &mut Placed, op: &Op, times: u32, unit: Unit) {
        let mut waiting: Vec<&Op> = op.blocks.iter().rev().flat_map(|block| block.ops.iter().rev()).collect();
        let reason = rules::about(self.facts.model, op).find(|(_, rule)| has(rule, Effect::RefusesAne));
        while let Some(inner) = waiting.pop() {
            waiting.extend(inner.blocks.iter().rev().flat_map(|block| block.ops.iter().rev()));
            placed.ops.push(PlacedOp {
                output: self.name(inner),
                kind: self.facts.model.op_name(inner.kind).to_owned(),
                times,
                unit,
                eligible: Unit::EVERY.map(|own| own == unit),
                cost_share: 0.0,
                certainty: Certainty::Likely,
                whys: reason.iter().map(|(rule, _)| Why { rule: *rule, n_ops: 0 }).collect(),
            });
        }
    }

    fn is_reconverted(&self) -> bool {
        self.prepared.written_in == Precision::Fp32 && self.ask.precision != Precision::Fp32
    }

    fn eligible(&self, row: usize) -> [bool; 3] {
        let Some(op) = self.prepared.ops.get(row) else { return [false, false, true] };
        let off = self.gates.iter().any(|(_, rule)| has(rule, Effect::GraphOffAne));
        Unit::EVERY.map(|unit| match unit {
            Unit::Ane => !off && self.prepared.ane_may_run(op, self.ask.precision, self.traits),
            Unit::Gpu => {
                let asked = matches!(self.ask.units, Units::All | Units::CpuAndGpu);
                asked && self.machine.gpu.is_some() && op.gpu_refusal.is_none()
            }
            Unit::Cpu => true,
        })
    }

    /// Whether an operation that could run on the Neural Engine stands between two that cannot (an island) or beside one.
    fn follows_as(&self, row: usize) -> &'static str {
        let refused = |row: usize| self.eligible(row).first() == Some(&false);
        let on_ane = |row: usize| self.units.get(row) == Some(&Unit::Ane);
        let before = (0..row).rev().take_while(|row| !on_ane(*row)).any(refused);
        let after = (row + 1..self.units.len()).take_while(|row| !on_ane(*row)).any(refused);
        if before && after { "P06" } else { "P07" }
    }

    fn name(&self, op: &Op) -> String {
        let first = op.outputs.first().copied().or_else(|| self.facts.arg(op, "input"));
        first.and_then(|value| self.facts.function.value(value)).map_or_else(String::new, |value| value.name.clone())
    }
}

/// Adds a rule once, whatever its parts.
fn add(whys: &mut Vec<Why>, rule: RuleIdx) {
    let id = |rule: RuleIdx| rule.rule().map(|rule| rule.id.as_str());
    if !whys.iter().any(|known| id(known.rule) == id(rule)) {
        whys.push(Why { rule, n_ops: 0 });
    }
}

/// Lists a rule among the risks and warnings of the function, with how many operations it speaks of.
fn note(placed: &mut Placed, at: RuleIdx, rule: &Rule, n_ops: u64) {
    let warns = [Effect::Numerics, Effect::Contested, Effect::Slow];
    let list = if has(rule, Effect::CompileRisk) {
        &mut placed.risks
    } else if warns.iter().any(|effect| has(rule, *effect)) {
        &mut placed.warnings
    } else {
        return;
    };
    match list.iter_mut().find(|known| known.rule == at) {
        Some(known) => known.n_ops += n_ops,
        None => list.push(Why { rule: at, n_ops }),
    }
}

/// The row of a rule that only has words.
fn not_evaluated(id: &str) -> Option<RuleIdx> {
    let at = RuleTexts::get().texts.iter().position(|text| text.id == id)?;
    u16::try_from(at).ok().map(RuleIdx)
}

/// Adds the operations from `first` on to the last run, or begins one.
fn extend(placed: &mut Placed, unit: Unit, first: usize, machine: &Machine) {
    let end = placed.ops.len();
    let before = placed.runs.last().map(|run| run.unit);
    match placed.runs.last_mut() {
        Some(run) if run.unit == unit => run.ops.end = end,
        _ => {
            let boundary = match before {
                Some(before) if before == Unit::Ane || unit == Unit::Ane => machine.ane_hop.value,
                Some(_) => machine.gpu_hop.value,
                None => Seconds::ZERO,
            };
            placed.runs.push(Run { unit, ops: first..end, n_ops: 0, cost_share: 0.0, boundary });
        }
    }
}
