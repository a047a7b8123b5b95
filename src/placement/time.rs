//! How long one operation takes on one unit: the roofline with fixed costs.
//!
//! `time = max(arithmetic / rate, weights / bandwidth, weights / decompressor) + spilled activations + cache + fixed`.
//! Sources: the decode law and the network fits named in `assets/data/coefficients.toml`.

use crate::{
    machine::{Coef, Engine, Machine, Share, Unit},
    units::{Figure, Quantity},
    variant::{Precision, Runtime},
};

use super::work::{OpClass, Work};

/// How a unit takes a compressed weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Reads it compressed at run time.
    Streams,
    /// Expands it when the model loads: only the file is smaller.
    Folds,
    /// Sources disagree or say nothing; the range spans both.
    Unknown,
    /// Decompresses it at a cost of its own that sources report as a multiple of the plain time.
    Multiple(Coef),
}

/// A weight as it reaches a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightLoad {
    /// Bytes when read as stored.
    pub stored: f64,
    /// Bytes when expanded to the program's precision.
    pub dense: f64,
    /// Elements out of a decompressor; zero for plain weights.
    pub elements: f64,
    /// How each unit takes it, by [`Unit::idx`].
    pub carriage: [Carriage; 3],
}

/// Which end of the ranges a time is computed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Likely,
    Fast,
    Slow,
}

/// What a time is made of, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// Arithmetic, where it binds.
    pub compute: f64,
    /// Reading weights, where that binds.
    pub weights: f64,
    /// Reading a cache.
    pub cache: f64,
    /// Activations that do not stay on the chip.
    pub activations: f64,
    /// Fixed costs of operations and calls.
    pub fixed: f64,
    /// Changes between units.
    pub hops: f64,
    /// All arithmetic, whether it binds or not: not a part of the sum.
    pub arithmetic: f64,
    /// All reading of weights, whether it binds or not: not a part of the sum.
    pub reading: f64,
}

impl Terms {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.compute + self.weights + self.cache + self.activations + self.fixed + self.hops
    }

    pub(super) fn add(&mut self, other: &Self, times: f64) {
        self.compute += other.compute * times;
        self.weights += other.weights * times;
        self.cache += other.cache * times;
        self.activations += other.activations * times;
        self.fixed += other.fixed * times;
        self.hops += other.hops * times;
        self.arithmetic += other.arithmetic * times;
        self.reading += other.reading * times;
    }
}

pub(super) fn rate<Q: Quantity>(figure: &Figure<Q>, end: End) -> f64 {
    match end {
        End::Likely => figure.value.get(),
        End::Fast => figure.high.get(),
        End::Slow => figure.low.get(),
    }
}

pub(super) fn cost<Q: Quantity>(figure: &Figure<Q>, end: End) -> f64 {
    match end {
        End::Likely => figure.value.get(),
        End::Fast => figure.low.get(),
        End::Slow => figure.high.get(),
    }
}

/// What the time of an operation depends on beside the operation itself.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub machine: &'a Machine,
    pub precision: Precision,
    /// The type the graph's shapes are counted in.
    pub written_in: Precision,
    runtime: Runtime,
    int8_gain: Figure<Share>,
    unfused: Figure<Share>,
}

impl<'a> Setting<'a> {
    pub(super) fn new(machine: &'a Machine, precision: Precision, written_in: Precision, runtime: Runtime) -> Self {
        // Looked up once: a plan asks for them at every operation.
        let (int8_gain, unfused) = (Coef::Int8Gain.figure(), Coef::UnfusedShare.figure());
        Self { machine, precision, written_in, runtime, int8_gain, unfused }
    }

    /// Bytes of an activation, as a multiple of what the graph's own types say.
    fn width(&self, unit: Unit) -> f64 {
        let bytes = |precision| match precision {
            Precision::Fp32 => 4.0,
            Precision::Fp16 => 2.0,
            Precision::W8A8 => {
                if unit == Unit::Ane {
                    1.0
                } else {
                    2.0
                }
            }
        };
        bytes(self.precision) / bytes(self.written_in)
    }
}

/// Seconds of one copy of an operation on a unit.
pub(super) fn of(
    work: &Work,
    weight: Option<&WeightLoad>,
    unit: Unit,
    engine: &Engine,
    setting: Setting<'_>,
    end: End,
) -> Terms {
    let machine = setting.machine;
    let width = setting.width(unit);
    let mut dense_rate = rate(&engine.dense, end);
    if setting.precision == Precision::W8A8 && unit == Unit::Ane && machine.int8_fast_path {
        dense_rate *= rate(&setting.int8_gain, end);
    }
    let flops = match setting.runtime {
        // A mask is an input like any other to Core ML.
        Runtime::CoreMl => work.flops,
        Runtime::LlamaCpp | Runtime::Mlx => work.flops - work.masked,
    };
    let arithmetic = match work.class {
        OpClass::Dense => flops / dense_rate,
        OpClass::Depthwise => work.flops / rate(&engine.depthwise, end),
        // Element-wise work is bound by what it moves; its arithmetic runs on the same units at a fraction of the rate.
        OpClass::Elementwise => work.flops / (dense_rate * 0.1),
        OpClass::Move | OpClass::Gather | OpClass::Opaque => work.flops / dense_rate,
    };
    let mut weights = work.small_weights / rate(&engine.weights, end);
    if let Some(load) = weight {
        let bandwidth = rate(&engine.weights, end);
        let stored = load.stored / bandwidth;
        let dense = load.dense / bandwidth;
        let carriage = load.carriage.get(unit.idx()).copied().unwrap_or(Carriage::Unknown);
        weights += match (carriage, end) {
            (Carriage::Folds, _) | (Carriage::Unknown, End::Likely | End::Slow) => dense,
            (Carriage::Unknown, End::Fast) => stored,
            (Carriage::Multiple(coef), _) => dense * cost::<Share>(&coef.figure(), end),
            (Carriage::Streams, _) => {
                let decompressed = engine.elements.as_ref().map_or(0.0, |elements| load.elements / rate(elements, end));
                f64::max(stored, decompressed)
            }
        };
    }
    // On chip, activations are free; beyond it they stream. A GPU or CPU streams whatever its caches do not hold.
    let on_chip = cost(
        &machine.ane_on_chip,
        match end {
            End::Likely => End::Likely,
            End::Fast => End::Slow,
            End::Slow => End::Fast,
        },
    );
    let moved = (work.read + work.written) * width;
    let spills = work.largest * width > on_chip;
    let is_free = unit == Unit::Ane && !spills;
    // Element-wise operations and copies are mostly fused into their neighbours; on the CPU they are calls of their own.
    let unfused = match (unit, work.class) {
        (Unit::Cpu, _) | (_, OpClass::Dense | OpClass::Depthwise | OpClass::Gather | OpClass::Opaque) => 1.0,
        (Unit::Ane | Unit::Gpu, OpClass::Elementwise | OpClass::Move) => cost(&setting.unfused, end),
    };
    let activations = if is_free {
        0.0
    } else if spills {
        moved * unfused / rate(&engine.activations, end)
    } else {
        // Small tensors live in the caches of GPU and CPU.
        moved * unfused / (rate(&engine.activations, end) * 4.0)
    };
    // An engine streams the activations of a dense operation while it computes; weights come over the same wires.
    let activations = match work.class {
        OpClass::Dense | OpClass::Depthwise => f64::max(activations - arithmetic, 0.0),
        OpClass::Elementwise | OpClass::Move | OpClass::Gather | OpClass::Opaque => activations,
    };
    let fixed = match work.class {
        OpClass::Move => 0.0,
        _ => cost(&engine.op, end),
    };
    let reading = weights;
    let (compute, weights) = if weights > arithmetic { (0.0, weights) } else { (arithmetic, 0.0) };
    Terms {
        compute,
        weights,
        cache: work.cache / rate(&engine.cache, end),
        activations,
        fixed,
        hops: 0.0,
        arithmetic,
        reading,
    }
}
