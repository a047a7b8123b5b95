//! Size, memory, speed and whether it ships: one row of the matrix at a time.
//!
//! Invariants: total (a number that cannot be had is an [`Absent`] with its reason), deterministic, parts sum to
//! totals. Absent on purpose: words and formatting (`report`), and any factor that has no row in the catalogue.

mod carriage;
pub mod energy;
pub mod law;
mod memory;
pub mod sustained;
mod verdict;

pub use memory::{Memory, activation_peak};
pub use verdict::{LimitKind, Status, Verdict, Weight as VerdictWeight, overall};

use crate::{
    catalog::{Law, WeightTrait},
    machine::{Coef, Machine, Share, Unit},
    model::{Model, OpKind, Role},
    placement::{self, Ask, Placed, Plan, Prepared, Traits, WeightLoad},
    scenario::Units,
    units::{Bytes, Figure, Quantity, Seconds, TokensPerSec, tokens_per_second},
    variant::{Compression, Precision, Runtime, Stored, Variant},
};

/// A model on a machine, prepared for every variant and choice of units.
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// The machine.
    pub machine: &'a Machine,
    /// Whether the app has the increased-memory entitlement.
    pub entitled: bool,
    functions: Vec<Prepared<'a>>,
    /// Peak of live activations of each function, in bytes of the graph's own types.
    peaks: Vec<f64>,
    cache: f64,
    /// The specification version that the graph itself needs.
    own_spec: u32,
}

/// Why a number is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The model writes no tokens.
    NotALanguageModel,
    /// The model is a language model: tokens a second say more than a latency.
    IsALanguageModel,
    /// The graph of this kind of model is not operations that can be timed.
    NoGraph,
    /// The device has no compute unit of that choice, or nobody published its rate.
    NoUnit,
    /// The OS cannot load this variant.
    OsTooOld,
}

/// Everything about one variant on one choice of units.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The package (or GGUF or safetensors file) on disk.
    pub bundle: Figure<Bytes>,
    /// What the App Store delivers.
    pub download: Figure<Bytes>,
    /// Run-time memory, by part.
    pub memory: Memory,
    /// Prompt tokens a second.
    pub prefill: Result<Figure<TokensPerSec>, Absent>,
    /// Time to the first token.
    pub ttft: Result<Figure<Seconds>, Absent>,
    /// Generated tokens a second.
    pub decode: Result<Figure<TokensPerSec>, Absent>,
    /// Time of one job (one image, 30 s of audio, one whole generated picture).
    pub latency: Result<Figure<Seconds>, Absent>,
    /// What each limit says.
    pub verdicts: Vec<Verdict>,
    /// The plan of each function, in the model's order; empty when nothing could be planned.
    pub plans: Vec<Plan>,
}

impl Estimate {
    /// The fitted law behind the first call of a metric; none where too few rows were measured.
    #[must_use]
    pub fn law(&self, metric: law::Metric) -> Option<&'static Law> {
        let is_of = |law: &&Law| law.class.split(' ').next() == Some(metric.id());
        self.plans.iter().find_map(|plan| plan.law.filter(is_of))
    }
}

impl<'a> Subject<'a> {
    /// Prepares a model for a machine.
    #[must_use]
    pub fn new(model: &'a Model, machine: &'a Machine, entitled: bool) -> Self {
        let functions: Vec<Prepared<'a>> =
            model.functions.iter().map(|function| placement::prepare(model, function, machine)).collect();
        let peaks = model.functions.iter().map(|function| activation_peak(model, function)).collect();
        let states = |function: &crate::model::Function| -> f64 {
            function.states.iter().filter_map(|id| function.tensor(*id)).map(|tensor| tensor.bytes() as f64).sum()
        };
        // Functions of one model share their states; the largest set is what is held.
        let cache = model.functions.iter().map(states).fold(0.0, f64::max);
        Self { model, machine, entitled, functions, peaks, cache, own_spec: needed_spec(model) }
    }

    /// The functions as they were prepared.
    #[must_use]
    pub fn functions(&self) -> &[Prepared<'a>] {
        &self.functions
    }

    /// Estimates one variant on one choice of units.
    #[must_use]
    pub fn estimate(&self, variant: &Variant, stored: &Stored, units: Units) -> Estimate {
        let machine = self.machine;
        let loads = carriage::loads(self.model, variant, stored, machine);
        let too_old = self.needed_spec(variant) > verdict::os_level(machine.os, machine.os_version);
        let mut plans = self.plans(variant, stored, units, &loads);
        for (function, plan) in self.functions.iter().zip(plans.iter_mut().flatten()) {
            law::fit(plan, function.function.role, machine, variant.runtime);
        }
        let has_ops = self.functions.iter().any(|function| !function.ops.is_empty());
        let speeds = match &plans {
            _ if too_old => Err(Absent::OsTooOld),
            _ if !has_ops => Err(Absent::NoGraph),
            Some(plans) if !plans.is_empty() => Ok(plans.as_slice()),
            _ => Err(Absent::NoUnit),
        };
        let plans_or_none = plans.as_deref().unwrap_or_default();
        let memory = memory::memory(self, variant, &loads, plans_or_none);
        let bundle = self.bundle(variant, stored);
        let share: Figure<Share> = Coef::DownloadShare.figure();
        let download = Figure::range(
            bundle.value * share.value.get(),
            bundle.low * share.low.get(),
            bundle.high * share.high.get(),
            bundle.basis.min(share.basis),
        );
        let verdicts = verdict::verdicts(self, variant, stored, units, &bundle, &download, &memory, plans_or_none);
        Estimate {
            bundle,
            download,
            prefill: speeds
                .and_then(|plans| self.prefill(plans))
                .map(|(tokens, time)| time.map(|time| tokens_per_second(f64::from(tokens), time))),
            ttft: speeds.and_then(|plans| self.prefill(plans)).map(|(_, time)| time),
            decode: speeds.and_then(|plans| self.decode(plans)),
            latency: speeds.and_then(|plans| self.latency(plans)),
            memory,
            verdicts,
            plans: plans.unwrap_or_default(),
        }
    }

    /// The plan of each function as the cost model alone has it; `None` when one cannot be planned.
    fn plans(&self, variant: &Variant, stored: &Stored, units: Units, loads: &[WeightLoad]) -> Option<Vec<Plan>> {
        let traits = placement::weight_traits(self.model, stored);
        let ask = self.ask(variant, stored, units, &traits);
        let plan = |function: &Prepared<'_>| function.plan(self.machine, variant.runtime, &ask, loads, &traits);
        self.functions.iter().map(plan).collect()
    }

    /// The plans as the cost model alone has them: what the laws are fitted on. A row that says where it ran is planned
    /// there, whatever Core ML would choose.
    #[must_use]
    pub fn unfitted_plans(&self, variant: &Variant, stored: &Stored, units: Units, ran_on: Option<Unit>) -> Vec<Plan> {
        let loads = carriage::loads(self.model, variant, stored, self.machine);
        let plans = self.plans(variant, stored, units, &loads).unwrap_or_default();
        let Some(unit) = ran_on else { return plans };
        let traits = placement::weight_traits(self.model, stored);
        let ask = self.ask(variant, stored, units, &traits);
        let on = |(at, function): (usize, &Prepared<'_>)| match plans.get(at) {
            Some(plan) if law::main_unit(plan) == unit => Some(plan.clone()),
            Some(_) | None => function.plan_on(self.machine, variant.runtime, &ask, &loads, unit),
        };
        self.functions.iter().enumerate().filter_map(on).collect()
    }

    /// Whether a variant leaves an opened file as it is.
    #[must_use]
    pub fn is_as_opened(&self, variant: &Variant) -> bool {
        let written_in = self.functions.first().map(|function| function.written_in);
        self.model.on_disk.is_some()
            && variant.runtime == Runtime::CoreMl
            && variant.compression == Compression::None
            && written_in.is_none_or(|written_in| written_in == variant.precision)
    }

    /// An opened file has its own size; what a compression adds to its specification is added to that one.
    fn bundle(&self, variant: &Variant, stored: &Stored) -> Figure<Bytes> {
        match self.model.on_disk {
            Some(files) if self.is_as_opened(variant) => Figure::exact(Bytes::new(files.total)),
            Some(files) if variant.runtime == Runtime::CoreMl => {
                let counted =
                    Figure::exact(Bytes::new(stored.weight_file) + Bytes::new(files.spec) + Bytes::new(files.other));
                counted.plus(stored.spec_added)
            }
            Some(_) | None => stored.package,
        }
    }

    /// The specification version that a variant of this model needs; 0 when Core ML does not run it.
    fn needed_spec(&self, variant: &Variant) -> u32 {
        match variant.runtime {
            Runtime::CoreMl => variant.min_spec().spec_version.max(self.own_spec),
            Runtime::LlamaCpp | Runtime::Mlx => 0,
        }
    }

    /// What a plan of a variant is asked for.
    fn ask(&self, variant: &Variant, stored: &Stored, units: Units, traits: &[Traits]) -> Ask {
        Ask {
            units,
            precision: variant.precision,
            weight_bytes: stored.weight_file as f64,
            has_blocks: traits.iter().any(|own| own.has(WeightTrait::PerBlock)),
        }
    }

    /// Every function with every operation placed, in a variant on a choice of units; empty when nothing can be planned.
    #[must_use]
    pub fn place(&self, variant: &Variant, stored: &Stored, units: Units) -> Vec<Placed> {
        let loads = carriage::loads(self.model, variant, stored, self.machine);
        let traits = placement::weight_traits(self.model, stored);
        let ask = self.ask(variant, stored, units, &traits);
        let each = self.functions.iter().filter_map(|function| {
            let plan = function.plan(self.machine, variant.runtime, &ask, &loads, &traits)?;
            Some(placement::place(self.model, function, &plan, self.machine, &ask, &traits))
        });
        each.collect()
    }

    /// The variant that leaves a model as it is: an opened file's own precision, fp16 for a preset.
    #[must_use]
    pub fn own_variant(&self) -> Variant {
        let precision = self.functions.first().map_or(Precision::Fp16, |function| function.written_in);
        Variant { runtime: Runtime::CoreMl, precision, compression: Compression::None }
    }

    /// Whether the OS loads a variant of the model.
    #[must_use]
    pub fn loads_on(&self, variant: &Variant) -> bool {
        self.needed_spec(variant) <= verdict::os_level(self.machine.os, self.machine.os_version)
    }

    fn prefill(&self, plans: &[Plan]) -> Result<(u32, Figure<Seconds>), Absent> {
        let of_role = |(function, plan): (&Prepared<'_>, &Plan)| match function.function.role {
            Role::Prefill { tokens } => Some((tokens, plan.time)),
            Role::Decode { .. } | Role::Single | Role::Step { .. } => None,
        };
        self.functions.iter().zip(plans).find_map(of_role).ok_or(Absent::NotALanguageModel)
    }

    fn decode(&self, plans: &[Plan]) -> Result<Figure<TokensPerSec>, Absent> {
        let of_role = |(function, plan): (&Prepared<'_>, &Plan)| match function.function.role {
            Role::Decode { .. } => Some(plan.time.map(|time| tokens_per_second(1.0, time))),
            Role::Prefill { .. } | Role::Single | Role::Step { .. } => None,
        };
        self.functions.iter().zip(plans).find_map(of_role).ok_or(Absent::NotALanguageModel)
    }

    fn latency(&self, plans: &[Plan]) -> Result<Figure<Seconds>, Absent> {
        let mut total: Option<Figure<Seconds>> = None;
        for (function, plan) in self.functions.iter().zip(plans) {
            let times = match function.function.role {
                Role::Single => 1.0,
                Role::Step { times } => f64::from(times),
                Role::Prefill { .. } | Role::Decode { .. } => continue,
            };
            let time = plan.time;
            let own = Figure::range(time.value * times, time.low * times, time.high * times, time.basis);
            total = Some(match total {
                // The functions of a file are alternatives; only a preset says that they form one job.
                Some(first) if self.model.spec_version > 0 => first,
                Some(sum) => sum.plus(own),
                None => own,
            });
        }
        total.ok_or(Absent::IsALanguageModel)
    }
}

/// What the operations of a graph need: states and the attention operation are new with specification version 9.
fn needed_spec(model: &Model) -> u32 {
    let mut needed = model.spec_version;
    for function in &model.functions {
        if !function.states.is_empty() {
            needed = needed.max(9);
        }
        function.visit(&mut |_, op| {
            if matches!(
                op.kind,
                OpKind::ScaledDotProductAttention | OpKind::ReadState | OpKind::WriteState | OpKind::SliceUpdate
            ) {
                needed = needed.max(9);
            }
        });
    }
    needed
}
