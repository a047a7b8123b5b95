//! The fitted laws: what measured rows say about the parts of a prediction, class by class.
//!
//! `value = max(stream × weights, compute × (arithmetic + chain × arithmetic of a stand-in)) + traffic × (activations,
//! caches) + fixed × (fixed costs)`, each part as the cost model has it, each multiple fitted by `planner fit` over the
//! measured rows of a class (metric, runtime, unit, chip family) and held near 1 where there are few. Weights and arithmetic are sums over the whole call: what is read
//! for one operation hides behind the arithmetic of another. `low` and `high` are where nine rows in ten of sources that
//! the fit did not see lie.
//! Multiples are positive, so a prediction grows with bytes and falls with bandwidth. Absent on purpose: a law for one
//! device, and any decision by a name.

use crate::{
    catalog::{Catalog, DeviceKind, Law},
    machine::{Machine, Unit},
    model::Role,
    placement::{Plan, Terms},
    units::{Basis, Bytes, Figure, Quantity, Seconds},
    variant::Runtime,
};

/// What a law predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Seconds of one generated token.
    Decode,
    /// Seconds of one call over the prompt.
    Prefill,
    /// Seconds to the first token.
    FirstToken,
    /// Seconds of one call of a network.
    Latency,
    /// Seconds of one call of a network as an app makes it, with what the app does around it.
    InApp,
    /// Seconds of a whole task in an app.
    EndToEnd,
    /// Resident megabytes.
    Memory,
    /// Megabytes on disk.
    Size,
    /// Seconds to load a model that was loaded before.
    Load,
    /// Seconds to load a model for the first time.
    FirstLoad,
    /// Watts.
    Power,
    /// Joules of one token or one call.
    Energy,
}

impl Metric {
    /// The word in the data file.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
            Self::FirstToken => "ttft",
            Self::Latency => "latency",
            Self::InApp => "in-app",
            Self::EndToEnd => "e2e",
            Self::Memory => "memory",
            Self::Size => "size",
            Self::Load => "load",
            Self::FirstLoad => "first-load",
            Self::Power => "power",
            Self::Energy => "energy",
        }
    }
}

impl Metric {
    /// The same work without what is around it: the first token is a prompt read, a call in an app is a call.
    #[must_use]
    pub fn base(self) -> Option<Self> {
        match self {
            Self::FirstToken => Some(Self::Prefill),
            Self::InApp => Some(Self::Latency),
            Self::Decode
            | Self::Prefill
            | Self::Latency
            | Self::EndToEnd
            | Self::Memory
            | Self::Size
            | Self::Load
            | Self::FirstLoad
            | Self::Power
            | Self::Energy => None,
        }
    }
}

/// What a law holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// What is predicted.
    pub metric: Metric,
    /// The runtime's word.
    pub runtime: &'static str,
    /// The unit's word, or `any`.
    pub unit: &'static str,
    /// The chip family's word, or `any`.
    pub family: &'static str,
}

/// The parts of a prediction that a law weighs, in the metric's own unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// What grows with the bytes of weights.
    pub stream: f64,
    /// What grows with the bytes of activations and caches.
    pub traffic: f64,
    /// What grows with arithmetic.
    pub compute: f64,
    /// The same, of a chain of plain convolutions that stands in for a network whose operations are not known.
    pub chain: f64,
    /// What does not grow.
    pub fixed: f64,
    /// What a source states outright, and no law changes.
    pub given: f64,
}

impl Parts {
    /// The parts of a time.
    #[must_use]
    pub fn of(terms: &Terms) -> Self {
        let traffic = terms.cache + terms.activations;
        let fixed = terms.fixed + terms.hops;
        Self { stream: terms.reading, traffic, compute: terms.arithmetic, fixed, ..Self::default() }
    }
}

impl Parts {
    /// The parts of a time to load: a gigabyte a second and a tenth of a second; the fit weighs both.
    #[must_use]
    pub fn of_loading(gigabytes: f64) -> Self {
        Self { stream: gigabytes, fixed: 0.1, ..Self::default() }
    }

    /// The sum by the multiples of a law; reading weights hides behind arithmetic, or the other way round.
    #[must_use]
    pub fn weigh(&self, by: &Self) -> f64 {
        let (stream, compute) = (self.stream * by.stream, (self.compute + self.chain * by.chain) * by.compute);
        stream.max(compute) + self.traffic * by.traffic + self.fixed * by.fixed + self.given
    }

    /// Every part, times this.
    #[must_use]
    pub fn times(&self, by: f64) -> Self {
        Self {
            stream: self.stream * by,
            traffic: self.traffic * by,
            compute: self.compute * by,
            chain: self.chain * by,
            fixed: self.fixed * by,
            given: self.given * by,
        }
    }

    /// The sum by multiples of 1.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.stream.max(self.compute + self.chain) + self.traffic + self.fixed + self.given
    }
}

/// A law's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The likely value.
    pub value: f64,
    /// What one row in twenty is below.
    pub low: f64,
    /// What one row in twenty is above.
    pub high: f64,
}

impl Class {
    /// The class of a metric on a machine, by the unit that does most of the work.
    #[must_use]
    pub fn of(metric: Metric, machine: &Machine, runtime: Runtime, unit: Unit) -> Self {
        let runtime = match runtime {
            Runtime::CoreMl => "coreml",
            Runtime::LlamaCpp => "llama.cpp",
            Runtime::Mlx => "mlx",
        };
        let (unit, family) = match unit {
            Unit::Ane => ("ane", engine_family(machine)),
            Unit::Gpu => ("gpu", memory_family(machine)),
            Unit::Cpu => ("cpu", if machine.kind == DeviceKind::Phone { "phone" } else { "mac" }),
        };
        // A device of one's own belongs to no family, and to the laws of no one unit: a little more bandwidth must not move
        // it from one law to another.
        let (unit, family) = if machine.soc.is_some() { (unit, family) } else { ("any", "any") };
        Self { metric, runtime, unit, family }
    }

    /// The most particular law of a table that holds for it.
    #[must_use]
    pub fn law(self, laws: &[Law]) -> Option<&Law> {
        let within = |metric: Self, runtime: &str, unit: &str, family: &str| {
            laws.iter().find(|law| law.class.split(' ').eq([metric.metric.id(), runtime, unit, family]))
        };
        let on_unit = |own: Self| {
            within(own, own.runtime, own.unit, own.family).or_else(|| within(own, own.runtime, own.unit, "any"))
        };
        on_unit(self)
            // Another unit says less than the same call on the same unit with nothing around it. Before a first token what is
            // around it may be most of the time.
            .or_else(|| {
                let metric = self.metric.base().filter(|_| self.metric != Metric::FirstToken)?;
                on_unit(Self { metric, ..self })
            })
            .or_else(|| within(self, self.runtime, "any", "any"))
            .or_else(|| within(self, "any", "any", "any"))
    }

    /// The law that was fitted, if rows were there to fit it.
    #[must_use]
    pub fn fitted(self) -> Option<&'static Law> {
        self.law(&Catalog::get().laws)
    }
}

/// Seconds to load a bundle, by the law of its runtime and unit; `None` where too few rows, or rows of one source alone, say
/// how long that takes, and on a device that belongs to no family.
#[must_use]
pub fn loading(
    metric: Metric,
    machine: &Machine,
    runtime: Runtime,
    unit: Unit,
    bundle: Bytes,
) -> Option<(Answer, &'static Law)> {
    machine.soc?;
    let own = Class::of(metric, machine, runtime, unit);
    let laws = &Catalog::get().laws;
    let law = [own.family, "any"].into_iter().find_map(|family| {
        let of = |law: &&Law| law.class.split(' ').eq([metric.id(), own.runtime, own.unit, family]);
        laws.iter().find(of).filter(|law| law.n >= ROWS_ENOUGH && law.n_sources >= SOURCES_ENOUGH)
    })?;
    Some((law.answer(&Parts::of_loading(bundle.get() / 1e9)), law))
}

/// A handful of rows of one source says too little to overrule the rates: they are for `planner validate` alone.
const ROWS_ENOUGH: u32 = 6;
const SOURCES_ENOUGH: u32 = 2;

/// Chips whose Neural Engine behaves alike: by generation, and apart on phones, which have half the memory channels.
fn engine_family(machine: &Machine) -> &'static str {
    match (machine.kind == DeviceKind::Phone, machine.ane_generation) {
        (true, 0..=12) => "phone-h12",
        (true, 13) => "phone-h13",
        (true, 14..=15) => "phone-h15",
        (true, _) => "phone-h16",
        (false, 0..=13) => "mac-h13",
        (false, 14..=15) => "mac-h15",
        (false, _) => "mac-h16",
    }
}

/// Chips with memory of one breadth: a phone's, a base chip's, a Pro's, a Max's, an Ultra's.
pub(super) fn memory_family(machine: &Machine) -> &'static str {
    let gigabytes = machine.dram.value / crate::units::BytesPerSec::gb(1.0);
    match machine.kind {
        DeviceKind::Phone => "phone",
        _ if gigabytes < 180.0 => "base",
        _ if gigabytes < 299.0 => "pro",
        _ if gigabytes < 700.0 => "max",
        _ => "ultra",
    }
}

impl Law {
    /// What the law says of the parts of a prediction.
    #[must_use]
    pub fn answer(&self, parts: &Parts) -> Answer {
        let share = |thousandths: u32| f64::from(thousandths) / 1000.0;
        let value = parts.weigh(&Parts {
            stream: share(self.stream),
            traffic: share(self.traffic),
            compute: share(self.compute),
            chain: share(self.chain),
            fixed: share(self.fixed),
            given: 0.0,
        });
        Answer { value, low: value * share(self.low), high: value * share(self.high) }
    }
}

/// The unit on which a plan spends most of its time.
#[must_use]
pub fn main_unit(plan: &Plan) -> Unit {
    let [ane, gpu, cpu] = plan.seconds;
    if ane >= gpu && ane >= cpu {
        Unit::Ane
    } else if gpu >= cpu {
        Unit::Gpu
    } else {
        Unit::Cpu
    }
}

/// Puts the fitted law of a plan's class in place of the plain sum: parts, time and range. Without a law, and where the
/// cost model itself is less sure than the rows, the wider range stays.
pub(super) fn fit(plan: &mut Plan, role: Role, machine: &Machine, runtime: Runtime) {
    let metric = match role {
        Role::Decode { .. } => Metric::Decode,
        Role::Prefill { .. } => Metric::Prefill,
        Role::Single | Role::Step { .. } => Metric::Latency,
    };
    let class = Class::of(metric, machine, runtime, main_unit(plan));
    let Some(law) = class.fitted().filter(|law| law.n >= ROWS_ENOUGH && law.n_sources >= SOURCES_ENOUGH) else {
        return;
    };
    let share = |thousandths: u32| f64::from(thousandths) / 1000.0;
    let terms = &mut plan.terms;
    // The shorter of the two is hidden behind the longer.
    let (reading, arithmetic) = (terms.reading * share(law.stream), terms.arithmetic * share(law.compute));
    (terms.weights, terms.compute) = if reading > arithmetic { (reading, 0.0) } else { (0.0, arithmetic) };
    terms.cache *= share(law.traffic);
    terms.activations *= share(law.traffic);
    terms.fixed *= share(law.fixed);
    terms.hops *= share(law.fixed);
    let value = terms.total();
    let before = plan.time.value.get();
    if before <= 0.0 || value <= 0.0 {
        return;
    }
    for seconds in &mut plan.seconds {
        *seconds *= value / before;
    }
    let (mut low, mut high) = (value * share(law.low), value * share(law.high));
    if machine.soc.is_none() {
        // A device of one's own has no rows at all: what its rates may be widens what rows of other chips say.
        let multiples = [law.stream, law.traffic, law.compute, law.fixed];
        let (least, most) =
            multiples.iter().fold((u32::MAX, 0), |(least, most), own| (least.min(*own), most.max(*own)));
        low = low.min(plan.time.low.get() * share(least));
        high = high.max(plan.time.high.get() * share(most));
    }
    // Measured rows of this unit under this runtime bear the number, whatever one of the rates behind it was taken to be.
    let is_of_unit = machine.soc.is_some() && law.class.split(' ').nth(2) == Some(class.unit);
    let basis = if is_of_unit { Basis::Derived } else { plan.time.basis };
    plan.law = Some(law);
    plan.time = Figure::range(Seconds::of(value), Seconds::of(low), Seconds::of(high), basis);
}
