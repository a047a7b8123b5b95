//! The shortest path over operations × units.

use crate::{
    catalog::Law,
    machine::{Coef, Machine, Unit},
    scenario::Units,
    units::{Basis, Figure, Quantity, Seconds},
    variant::{Precision, Runtime},
};

use super::{
    Ask, Prepared, PreparedOp, Traits,
    gates::Gated,
    time::{self, End, Setting, Terms, WeightLoad},
};

/// Paths whose costs differ by less are alike (a picosecond): the order of the units decides, not the order of a sum.
const TIE: f64 = 1e-12;

/// Where a function's operations land, and what a call costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Runs of operations on one unit, in order; a repeated section appears once, with its copies.
    pub segments: Vec<Segment>,
    /// Time of one call.
    pub time: Figure<Seconds>,
    /// What the likely time is made of.
    pub terms: Terms,
    /// Operations on each unit, copies counted, by [`Unit::idx`].
    pub n_ops: [u64; 3],
    /// Seconds of the likely time spent on each unit, by [`Unit::idx`].
    pub seconds: [f64; 3],
    /// Changes of unit in one call.
    pub n_hops: u64,
    /// The fitted law that the time goes by, once one was put in (`estimate::law`).
    pub law: Option<&'static Law>,
}

/// A run of operations on one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The unit.
    pub unit: Unit,
    /// Rows of [`Prepared::ops`].
    pub ops: std::ops::Range<usize>,
    /// How many times the graph holds this run.
    pub times: u32,
}

/// One step of the path: an operation, its multiplicity, and how often the step into it is taken.
struct Step {
    op: usize,
    times: f64,
    entered: f64,
}

impl<'m> Prepared<'m> {
    /// Which units a choice allows, given what decides about the whole function.
    fn allowed(machine: &Machine, runtime: Runtime, units: Units, gated: &Gated) -> [bool; 3] {
        let by_choice = match (runtime, units) {
            (Runtime::CoreMl, Units::All) => [true, true, true],
            (Runtime::CoreMl, Units::CpuOnly) => [false, false, true],
            (Runtime::CoreMl, Units::CpuAndGpu) => [false, true, true],
            (Runtime::CoreMl, Units::CpuAndNe) => [true, false, true],
            // These runtimes put every operation on the GPU.
            (Runtime::LlamaCpp | Runtime::Mlx, _) => [false, true, false],
        };
        let mut allowed = by_choice;
        for unit in Unit::EVERY {
            let elsewhere = match (unit, gated.all_on) {
                (Unit::Ane, Some(_)) | (Unit::Gpu, Some((Unit::Cpu, _))) => true,
                (Unit::Ane, None) => gated.off_ane.is_some(),
                (Unit::Gpu | Unit::Cpu, _) => false,
            };
            if let Some(slot) = allowed.get_mut(unit.idx()) {
                *slot = *slot && machine.engine(runtime, unit).is_some() && !elsewhere;
            }
        }
        allowed
    }

    /// Unrolls repeated sections twice: the second copy stands for all the others, so that the step from one copy to
    /// the next is counted as often as it is taken.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.ops.len() * 2);
        for (range, copies) in &self.sections {
            if *copies == 0 {
                continue;
            }
            for op in range.clone() {
                steps.push(Step { op, times: 1.0, entered: 1.0 });
            }
            if *copies > 1 {
                let rest = f64::from(*copies - 1);
                for op in range.clone() {
                    steps.push(Step { op, times: rest, entered: rest });
                }
            }
        }
        steps
    }

    /// Plans a call.
    ///
    /// `loads` and `traits` have a row for each weight of the model: how it reaches each unit, and what the Neural Engine
    /// may refuse of it, in the variant that is planned.
    #[must_use]
    pub fn plan(
        &self,
        machine: &Machine,
        runtime: Runtime,
        ask: &Ask,
        loads: &[WeightLoad],
        traits: &[Traits],
    ) -> Option<Plan> {
        let gated = if runtime == Runtime::CoreMl { self.gated(machine, ask) } else { Gated::default() };
        let allowed = Self::allowed(machine, runtime, ask.units, &gated);
        if !allowed.contains(&true) {
            return None;
        }
        let steps = self.steps();
        let terms_of = self.terms_of(machine, runtime, ask, loads);
        let may_run = |op: &PreparedOp, unit: Unit| -> bool {
            let is_allowed = allowed.get(unit.idx()).copied().unwrap_or(false);
            if !is_allowed || runtime != Runtime::CoreMl {
                return is_allowed;
            }
            // Whoever leaves the Neural Engine out has already said no to what Core ML would weigh.
            let stays_on_cpu = op.prefers_cpu.is_some() && matches!(ask.units, Units::All | Units::CpuAndNe);
            match unit {
                Unit::Cpu => true,
                Unit::Gpu => op.gpu_refusal.is_none() && !stays_on_cpu,
                Unit::Ane => !stays_on_cpu && self.ane_may_run(op, ask.precision, traits),
            }
        };
        let units_of_steps = self.shortest_path(&steps, &may_run);
        Some(self.tally(machine, runtime, &steps, &units_of_steps, &terms_of))
    }

    /// Plans a call on one unit alone, whatever Core ML would choose: for whoever measured it there.
    #[must_use]
    pub fn plan_on(
        &self,
        machine: &Machine,
        runtime: Runtime,
        ask: &Ask,
        loads: &[WeightLoad],
        unit: Unit,
    ) -> Option<Plan> {
        machine.engine(runtime, unit)?;
        let steps = self.steps();
        let units = vec![unit; steps.len()];
        Some(self.tally(machine, runtime, &steps, &units, &self.terms_of(machine, runtime, ask, loads)))
    }

    /// What each operation takes on each unit.
    fn terms_of<'s>(
        &'s self,
        machine: &'s Machine,
        runtime: Runtime,
        ask: &Ask,
        loads: &'s [WeightLoad],
    ) -> impl Fn(usize, Unit, End) -> Option<Terms> + use<'s, 'm> {
        let setting = Setting::new(machine, ask.precision, self.written_in, runtime);
        move |op_idx, unit, end| {
            let op = self.ops.get(op_idx)?;
            let engine = machine.engine(runtime, unit)?;
            let load = op.work.weight.and_then(|weight| loads.get(weight.0 as usize));
            Some(time::of(&op.work, load, unit, engine, setting, end))
        }
    }

    /// Whether the Neural Engine may run an operation of this function, as it is planned.
    pub(super) fn ane_may_run(&self, op: &PreparedOp, precision: Precision, traits: &[Traits]) -> bool {
        let weight = op.work.weight.and_then(|weight| traits.get(weight.0 as usize)).copied().unwrap_or_default();
        // A graph written in fp32 that is planned at fp16 is converted again: its fp32 tensors go.
        let reconverted = self.written_in == Precision::Fp32 && precision != Precision::Fp32;
        op.refusal.is_none() && (op.full_refusal.is_none() || reconverted) && !weight.meets(op.refused_traits)
    }

    /// Adds up the chosen path at the likely values and at both ends.
    fn tally(
        &self,
        machine: &Machine,
        runtime: Runtime,
        steps: &[Step],
        units: &[Unit],
        terms_of: &impl Fn(usize, Unit, End) -> Option<Terms>,
    ) -> Plan {
        let mut n_ops = [0_u64; 3];
        let mut seconds = [0.0; 3];
        let mut n_hops = 0.0;
        let mut basis = Basis::Exact;
        let mut totals = [Terms::default(); 3];
        let mut seen = [false; 3];
        let mut previous: Option<Unit> = None;
        for (step, unit) in steps.iter().zip(units) {
            for (end, total) in [End::Likely, End::Fast, End::Slow].into_iter().zip(&mut totals) {
                let Some(terms) = terms_of(step.op, *unit, end) else { continue };
                total.add(&terms, step.times);
                if end == End::Likely
                    && let Some(slot) = seconds.get_mut(unit.idx())
                {
                    *slot += terms.total() * step.times;
                }
                if let Some(before) = previous
                    && before != *unit
                {
                    let hop =
                        if before == Unit::Ane || *unit == Unit::Ane { &machine.ane_hop } else { &machine.gpu_hop };
                    total.hops += time::cost(hop, end) * step.entered;
                }
            }
            if previous.is_some_and(|before| before != *unit) {
                n_hops += step.entered;
            }
            if let Some(slot) = n_ops.get_mut(unit.idx()) {
                *slot += step.times as u64;
            }
            if let Some(slot) = seen.get_mut(unit.idx())
                && !*slot
            {
                *slot = true;
                if let Some(engine) = machine.engine(runtime, *unit) {
                    basis = basis.min(engine.dense.basis).min(engine.weights.basis);
                    for (end, total) in [End::Likely, End::Fast, End::Slow].into_iter().zip(&mut totals) {
                        total.fixed += time::cost(&engine.call, end);
                    }
                }
            }
            previous = Some(*unit);
        }
        let [likely, fast, slow] = totals;
        let time = Figure::range(
            Seconds::of(likely.total()),
            Seconds::of(fast.total()),
            Seconds::of(slow.total()),
            basis.min(Basis::Derived),
        );
        let segments = self.segments(units);
        Plan { segments, time, terms: likely, n_ops, seconds, n_hops: n_hops as u64, law: None }
    }

    /// Merges neighbours on one unit, section by section (the second unrolled copy says what the section does).
    fn segments(&self, units: &[Unit]) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        let mut step = 0;
        for (range, copies) in &self.sections {
            if *copies == 0 {
                continue;
            }
            let unrolled = if *copies > 1 { range.len() } else { 0 };
            for (offset, op) in range.clone().enumerate() {
                let Some(unit) = units.get(step + unrolled + offset).copied() else { continue };
                match segments.last_mut() {
                    Some(last) if last.unit == unit && last.times == *copies && last.ops.end == op && offset > 0 => {
                        last.ops.end = op + 1;
                    }
                    _ => segments.push(Segment { unit, ops: op..op + 1, times: *copies }),
                }
            }
            step += range.len() + unrolled;
        }
        segments
    }

    /// The unit of each step on the cheapest path, by what the planner charges for work, launches and changes.
    fn shortest_path(&self, steps: &[Step], may_run: &impl Fn(&PreparedOp, Unit) -> bool) -> Vec<Unit> {
        let step: Figure<Seconds> = Coef::PlannerStep.figure();
        let charge = |from, to| charge(step.value.get(), from, to);
        let mut best = [f64::INFINITY; 3];
        let mut came_from: Vec<[u8; 3]> = Vec::with_capacity(steps.len());
        for (at, at_step) in steps.iter().enumerate() {
            let mut next = [f64::INFINITY; 3];
            let mut origin = [2_u8; 3];
            let Some(op) = self.ops.get(at_step.op) else { continue };
            for to in Unit::EVERY {
                if !may_run(op, to) {
                    continue;
                }
                let own = op.cost.get(to.idx()).copied().unwrap_or(0.0) * at_step.times;
                let (mut cheapest, mut via) = (f64::INFINITY, 2_u8);
                if at == 0 {
                    // Inputs lie where every unit finds them.
                    cheapest = charge(None, to);
                } else {
                    for from in Unit::EVERY {
                        let before = best.get(from.idx()).copied().unwrap_or(f64::INFINITY);
                        let total = before + charge(Some(from), to) * at_step.entered;
                        if total < cheapest - TIE {
                            cheapest = total;
                            via = from.idx() as u8;
                        }
                    }
                }
                if let (Some(slot), Some(from)) = (next.get_mut(to.idx()), origin.get_mut(to.idx())) {
                    *slot = cheapest + own;
                    *from = via;
                }
            }
            best = next;
            came_from.push(origin);
        }
        // Results have to leave the Neural Engine.
        let mut last = (Unit::Cpu, f64::INFINITY);
        for unit in Unit::EVERY {
            let total = best.get(unit.idx()).copied().unwrap_or(f64::INFINITY)
                + if unit == Unit::Ane { step.value.get() } else { 0.0 };
            if total < last.1 - TIE {
                last = (unit, total);
            }
        }
        let mut units = vec![last.0; steps.len()];
        let mut unit = last.0;
        for (at, origin) in came_from.iter().enumerate().rev() {
            if let Some(slot) = units.get_mut(at) {
                *slot = unit;
            }
            let from = origin.get(unit.idx()).copied().unwrap_or(2);
            unit = Unit::EVERY.get(usize::from(from)).copied().unwrap_or(Unit::Cpu);
        }
        units
    }
}

/// What the planner charges for going from one unit to another, in seconds: a step for the change, and one for a launch
/// where the work is queued to an accelerator.
fn charge(step: f64, from: Option<Unit>, to: Unit) -> f64 {
    match (from, to) {
        (Some(from), to) if from == to => 0.0,
        (None, Unit::Cpu) => 0.0,
        (None, Unit::Ane | Unit::Gpu) | (Some(_), Unit::Cpu) => step,
        (Some(_), Unit::Ane | Unit::Gpu) => 2.0 * step,
    }
}
