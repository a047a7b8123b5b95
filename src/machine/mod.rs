//! A device choice, resolved to what its compute units sustain.
//!
//! Every rate is a [`Figure`]: a chip's own measurement where there is one, else a share of a stated peak or bandwidth
//! (the shares are in `coefficients`), else a wide assumption that says so. Invariant: a unit the device does not have
//! is `None`, and a rate nobody knows widens the range instead of narrowing it. Absent on purpose: any decision by a
//! device's name, and anything about models.

mod coefficients;

pub use coefficients::{Coef, Share};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{AppMemory, Catalog, Device, DeviceKind, Fact, OsFamily, Soc},
    scenario::{CustomDevice, DeviceRef},
    texts::{names, rail},
    units::{Basis, Bytes, BytesPerSec, Figure, OpsPerSec, Quantity, Seconds, WeightsPerSec},
    variant::Runtime,
};

/// A compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unit {
    /// Apple Neural Engine.
    Ane,
    /// GPU.
    Gpu,
    /// CPU.
    Cpu,
}

impl Unit {
    /// Every unit.
    pub const EVERY: [Self; 3] = [Self::Ane, Self::Gpu, Self::Cpu];

    /// Its place in a table of three.
    #[must_use]
    pub fn idx(self) -> usize {
        match self {
            Self::Ane => 0,
            Self::Gpu => 1,
            Self::Cpu => 2,
        }
    }

    /// What a person calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ane => names::ANE,
            Self::Gpu => names::GPU,
            Self::Cpu => names::CPU,
        }
    }
}

/// A device as the cost model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// What a person calls it.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Its operating system.
    pub os: OsFamily,
    /// Major version of it.
    pub os_version: u8,
    /// Its chip, when it is one of the catalogue.
    pub soc: Option<&'static Soc>,
    /// RAM, when known.
    pub ram: Option<Bytes>,
    /// Memory bandwidth.
    pub dram: Figure<BytesPerSec>,
    /// The Neural Engine under Core ML.
    pub ane: Option<Engine>,
    /// The GPU under Core ML.
    pub gpu: Option<Engine>,
    /// The CPU under Core ML.
    pub cpu: Engine,
    /// The GPU under llama.cpp.
    pub gpu_llamacpp: Option<Engine>,
    /// The GPU under MLX.
    pub gpu_mlx: Option<Engine>,
    /// Whether 8-bit activations and weights run faster than FP16 on its Neural Engine.
    pub int8_fast_path: bool,
    /// The generation of its Neural Engine, 13 for `H13`; 0 when unknown.
    pub ane_generation: u8,
    /// Longest width or height of a tensor that the Neural Engine takes.
    pub ane_max_width: u64,
    /// Largest operand that the Neural Engine keeps on the chip.
    pub ane_on_chip: Figure<Bytes>,
    /// One more change between the Neural Engine and another unit.
    pub ane_hop: Figure<Seconds>,
    /// One more change between GPU and CPU.
    pub gpu_hop: Figure<Seconds>,
    /// What one app may use without an entitlement; `None` when nobody knows.
    pub app_memory: Option<Figure<Bytes>>,
    /// What one app may use with the increased-memory entitlement; `None` when nobody knows.
    pub app_memory_entitled: Option<Figure<Bytes>>,
}

/// What one compute unit sustains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Engine {
    /// Dense arithmetic at FP16.
    pub dense: Figure<OpsPerSec>,
    /// Depthwise convolutions and the like.
    pub depthwise: Figure<OpsPerSec>,
    /// Weights, from memory.
    pub weights: Figure<BytesPerSec>,
    /// Compressed weights, in elements out of the decompressor; `None` when that is no limit.
    pub elements: Option<Figure<WeightsPerSec>>,
    /// Activations that do not stay on the chip.
    pub activations: Figure<BytesPerSec>,
    /// A KV cache.
    pub cache: Figure<BytesPerSec>,
    /// Fixed cost of an operation that computes.
    pub op: Figure<Seconds>,
    /// Fixed cost of a call.
    pub call: Figure<Seconds>,
}

/// Why a scenario's device could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDevice(pub String);

impl std::fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no device `{}` in the catalogue; `planner devices` lists them", self.0)
    }
}

/// Resolves a device choice on an OS version.
pub fn resolve(device: &DeviceRef, os_version: u8) -> Result<Machine, UnknownDevice> {
    let catalog = Catalog::get();
    match device {
        DeviceRef::Known { id, ram_gib } => {
            let row = catalog.device(id).ok_or_else(|| UnknownDevice(id.clone()))?;
            let soc = catalog.soc(&row.soc).ok_or_else(|| UnknownDevice(id.clone()))?;
            Ok(known(row, soc, *ram_gib, os_version))
        }
        DeviceRef::Custom(custom) => Ok(self::custom(custom, os_version)),
    }
}

/// A share of a figure: both ranges widen the result.
fn share_of<Q: Quantity>(whole: Figure<Q>, coef: Coef) -> Figure<Q> {
    let share: Figure<Share> = coef.figure();
    Figure::range(
        Q::of(whole.value.get() * share.value.get()),
        Q::of(whole.low.get() * share.low.get()),
        Q::of(whole.high.get() * share.high.get()),
        whole.basis.min(share.basis),
    )
}

fn scaled<Q: Quantity>(fact: &Fact, unit: f64) -> Figure<Q> {
    let of = |value: f64| Q::of(value * unit);
    Figure::range(of(fact.value), of(fact.low), of(fact.high), coefficients::basis(fact.kind))
}

fn least<Q: Quantity>(a: Figure<Q>, b: Figure<Q>) -> Figure<Q> {
    let min = |a: Q, b: Q| Q::of(a.get().min(b.get()));
    Figure::range(min(a.value, b.value), min(a.low, b.low), min(a.high, b.high), a.basis.min(b.basis))
}

fn known(device: &Device, soc: &'static Soc, ram_gib: Option<f64>, os_version: u8) -> Machine {
    let ram = ram_gib.or_else(|| device.ram_gib.first().copied()).map(Bytes::gib);
    let is_mac = device.os == OsFamily::Macos;
    let dram = match (device.memory_gbs, &soc.memory_gbs) {
        (Some(own), _) => {
            Figure::range(BytesPerSec::gb(own), BytesPerSec::gb(own), BytesPerSec::gb(own), Basis::Derived)
        }
        (None, Some(fact)) => scaled(fact, 1e9),
        // Nobody published it: the slowest and the fastest of today's chips of one memory channel span it.
        (None, None) => {
            Figure::range(BytesPerSec::gb(77.0), BytesPerSec::gb(34.0), BytesPerSec::gb(100.0), Basis::Assumed)
        }
    };
    let gpu_share = match (device.gpu_cores, soc.gpu_cores.last()) {
        (Some(own), Some(most)) if *most > 0 => f64::from(own) / f64::from(*most),
        _ => 1.0,
    };
    let gpu = |runtime| gpu_peak(soc, gpu_share, runtime).map(|dense| gpu_engine(dense, dram, runtime));
    let generation = soc.ane_family.as_deref().and_then(|family| family.strip_prefix('H')?.parse().ok()).unwrap_or(0);
    let ane_peak = soc.ane_fp16_derived_tflops.as_ref().or(soc.ane_fp16_measured_tflops.as_ref());
    let ane_peak = match (ane_peak, &soc.ane_tops_stated) {
        // The shares are stated against the clock-derived peak; a measured chain of convolutions is close to it.
        (Some(fact), _) => Some(scaled(fact, 1e12)),
        (None, Some(stated)) => {
            let half = if soc.ane_tops_meaning == crate::catalog::TopsMeaning::Int8 { 0.5 } else { 1.0 };
            Some(scaled(stated, 1e12 * half))
        }
        (None, None) => None,
    };
    // A stated peak counts every engine. One model runs on one of them, but for the generation that was seen to use both.
    let engines = if generation >= 18 { 1.0 } else { f64::from(soc.ane_engines.max(1)) };
    let ane_peak: Option<Figure<OpsPerSec>> = ane_peak;
    let ane_peak =
        ane_peak.map(|peak| Figure::range(peak.value / engines, peak.low / engines, peak.high / engines, peak.basis));
    let ane = ane_peak.map(|peak| ane_engine(soc, generation, is_mac, peak, dram));
    let cpu = cpu_engine(soc.cpu_matrix_fp32_tflops.as_ref().map(|fact| scaled(fact, 1e12)), dram);
    let (app_memory, app_memory_entitled) = app_memory(device, ram);
    Machine {
        name: device.name.clone(),
        kind: device.kind,
        os: device.os,
        os_version,
        soc: Some(soc),
        ram,
        dram,
        ane,
        gpu: gpu(Runtime::CoreMl),
        cpu,
        gpu_llamacpp: gpu(Runtime::LlamaCpp),
        gpu_mlx: gpu(Runtime::Mlx),
        int8_fast_path: soc.ane_int8_fast_path,
        ane_generation: generation,
        ane_max_width: if generation >= 16 { 65_536 } else { 16_384 },
        ane_on_chip: Coef::AneOnChip.figure(),
        ane_hop: if is_mac { Coef::AneHopMac.figure() } else { Coef::AneHopPhone.figure() },
        gpu_hop: Coef::GpuHop.figure(),
        app_memory,
        app_memory_entitled,
    }
}

fn custom(custom: &CustomDevice, os_version: u8) -> Machine {
    let dram = Figure { basis: Basis::Assumed, ..Figure::exact(BytesPerSec::gb(custom.memory_gbs)) };
    let peak = |tflops: f64| {
        (tflops > 0.0).then(|| Figure { basis: Basis::Assumed, ..Figure::exact(OpsPerSec::tera(tflops)) })
    };
    let gpu =
        |runtime| peak(custom.gpu_tflops).map(|peak| gpu_engine(share_of(peak, dense_share(runtime)), dram, runtime));
    let ane = peak(custom.ane_tflops).map(|peak| Engine {
        dense: share_of(peak, Coef::AneDenseShare),
        depthwise: share_of(peak, Coef::AneDepthwiseShare),
        weights: share_of(dram, Coef::AneDramShare),
        elements: Some(Coef::AneWeightsBase.figure()),
        activations: least(Coef::AneActivationRate.figure(), dram),
        cache: share_of(dram, Coef::CacheShareAne),
        op: Figure::exact(Seconds::ZERO),
        call: Coef::AneCallPhone.figure(),
    });
    let ram = Bytes::gib(custom.ram_gib);
    Machine {
        name: rail::CUSTOM_NAME.to_owned(),
        kind: DeviceKind::Phone,
        os: OsFamily::Ios,
        os_version,
        soc: None,
        ram: Some(ram),
        dram,
        ane,
        gpu: gpu(Runtime::CoreMl),
        cpu: cpu_engine(None, dram),
        gpu_llamacpp: gpu(Runtime::LlamaCpp),
        gpu_mlx: gpu(Runtime::Mlx),
        int8_fast_path: false,
        ane_generation: 0,
        ane_max_width: 16_384,
        ane_on_chip: Coef::AneOnChip.figure(),
        ane_hop: Coef::AneHopPhone.figure(),
        gpu_hop: Coef::GpuHop.figure(),
        app_memory: share_of_ram(DeviceKind::Phone, ram, |row| row.default_share.as_ref()),
        app_memory_entitled: share_of_ram(DeviceKind::Phone, ram, |row| row.entitled_share.as_ref()),
    }
}

fn ane_engine(soc: &Soc, generation: u8, is_mac: bool, peak: Figure<OpsPerSec>, dram: Figure<BytesPerSec>) -> Engine {
    let weights = match &soc.ane_weight_read_gbs {
        Some(fact) => least(share_of(scaled(fact, 1e9), Coef::AneWeightShare), dram),
        None => share_of(dram, Coef::AneDramShare),
    };
    // The decompressor is wider on the chips whose port is wider, which their measured rate shows.
    let wide_port = soc.ane_weight_read_gbs.as_ref().is_some_and(|fact| fact.value > 100.0);
    let elements = match (wide_port, generation) {
        (true, 18..) if soc.ane_engines > 1 => Coef::AneWeightsM6,
        (true, _) => Coef::AneWeightsMax,
        (false, _) => Coef::AneWeightsBase,
    };
    let call = match &soc.ane_call_ms {
        Some(fact) => {
            // A direct call is the floor; through Core ML the same chip family was seen at up to the family's range.
            let own: Figure<Seconds> = scaled(fact, 1e-3);
            let family: Figure<Seconds> = if is_mac { Coef::AneCallMac.figure() } else { Coef::AneCallPhone.figure() };
            Figure::range(own.value, own.low, own.high.max(family.high), Basis::Measured)
        }
        None if is_mac => Coef::AneCallMac.figure(),
        None => Coef::AneCallPhone.figure(),
    };
    Engine {
        dense: share_of(peak, Coef::AneDenseShare),
        depthwise: share_of(peak, Coef::AneDepthwiseShare),
        weights,
        elements: Some(elements.figure()),
        activations: least(Coef::AneActivationRate.figure(), dram),
        cache: share_of(dram, Coef::CacheShareAne),
        op: Figure::exact(Seconds::ZERO),
        call,
    }
}

/// The share of a GPU's peak that a runtime reaches without matrix units.
fn dense_share(runtime: Runtime) -> Coef {
    match runtime {
        Runtime::CoreMl => Coef::GpuDenseShareCoreml,
        Runtime::LlamaCpp => Coef::GpuDenseShareLlamacpp,
        Runtime::Mlx => Coef::GpuDenseShareMlx,
    }
}

/// Dense FP16 rate that a runtime gets from the GPU.
fn gpu_peak(soc: &Soc, share: f64, runtime: Runtime) -> Option<Figure<OpsPerSec>> {
    if let Some(matrix) = &soc.gpu_matmul_fp16_tflops {
        return Some(share_of(scaled(matrix, 1e12 * share), Coef::GpuMatrixShare));
    }
    let fact = soc.gpu_fp16_tflops.as_ref().or(soc.gpu_fp32_tflops.as_ref())?;
    Some(share_of(scaled(fact, 1e12 * share), dense_share(runtime)))
}

fn gpu_engine(dense: Figure<OpsPerSec>, dram: Figure<BytesPerSec>, runtime: Runtime) -> Engine {
    let (op, cache) = match runtime {
        Runtime::CoreMl => {
            let most = Coef::CacheMostCoremlGpu.figure();
            (Coef::GpuOpCoreml, least(share_of(dram, Coef::CacheShareCoremlGpu), most))
        }
        Runtime::LlamaCpp => (Coef::GpuOpLlamacpp, share_of(dram, Coef::CacheShareOther)),
        Runtime::Mlx => (Coef::GpuOpMlx, share_of(dram, Coef::CacheShareOther)),
    };
    Engine {
        dense,
        // Memory-bound on a GPU; a tenth of the dense rate is what Core ML's own estimates give (114 against 738–1572).
        depthwise: Figure {
            basis: Basis::Assumed,
            ..Figure::range(dense.value * 0.1, dense.low * 0.07, dense.high * 0.15, dense.basis)
        },
        weights: share_of(dram, Coef::GpuWeightShare),
        elements: None,
        activations: share_of(dram, Coef::GpuActivationShare),
        cache,
        op: op.figure(),
        call: Coef::GpuHop.figure(),
    }
}

fn cpu_engine(matrix_fp32: Option<Figure<OpsPerSec>>, dram: Figure<BytesPerSec>) -> Engine {
    let matrix = matrix_fp32.unwrap_or_else(|| Coef::CpuMatrixUnknown.figure());
    let dense = share_of(matrix, Coef::CpuDenseShare);
    let weights = least(share_of(dram, Coef::CpuBandwidthShare), Coef::CpuBandwidthMost.figure());
    Engine {
        dense,
        depthwise: Figure {
            basis: Basis::Assumed,
            ..Figure::range(dense.value * 0.1, dense.low * 0.05, dense.high * 0.3, dense.basis)
        },
        weights,
        elements: None,
        activations: weights,
        cache: share_of(dram, Coef::CacheShareCpu),
        op: Coef::CpuOp.figure(),
        call: Figure::exact(Seconds::ZERO),
    }
}

fn app_memory(device: &Device, ram: Option<Bytes>) -> (Option<Figure<Bytes>>, Option<Figure<Bytes>>) {
    let Some(ram) = ram else { return (None, None) };
    let default = share_of_ram(device.kind, ram, |row| row.default_share.as_ref());
    let entitled = share_of_ram(device.kind, ram, |row| row.entitled_share.as_ref());
    // The entitlement exists on iPhone and iPad only; elsewhere the plain limit holds with or without it.
    if matches!(device.os, OsFamily::Ios | OsFamily::Ipados) { (default, entitled) } else { (default, default) }
}

/// The share of RAM that the nearest row of the catalogue states for this class of device.
fn share_of_ram(
    kind: DeviceKind,
    ram: Bytes,
    pick: impl Fn(&'static AppMemory) -> Option<&'static Fact>,
) -> Option<Figure<Bytes>> {
    let gib = ram / Bytes::gib(1.0);
    let rows: Vec<&AppMemory> = Catalog::get().app_memory.iter().filter(|row| row.kind == kind).collect();
    if let Some(row) = rows.iter().find(|row| (row.ram_gib - gib).abs() < 0.5) {
        return pick(row).map(|fact| scaled(fact, ram.get()));
    }
    // A Mac has no limit, only what the GPU may wire, a share that grows with RAM: between two measured sizes it is
    // between their shares. What a phone of an unknown size may use is unknown.
    let is_mac = matches!(kind, DeviceKind::Laptop | DeviceKind::Desktop);
    let facts: Vec<&Fact> = rows.into_iter().filter(|_| is_mac).filter_map(pick).collect();
    let nearest = facts.first()?;
    let low = facts.iter().map(|fact| fact.low).fold(nearest.low, f64::min);
    let high = facts.iter().map(|fact| fact.high).fold(nearest.high, f64::max);
    let of = |share: f64| Bytes::of(share * ram.get());
    Some(Figure::range(of((low + high) / 2.0), of(low), of(high), Basis::Assumed))
}

/// The iOS release that an OS version goes with: macOS 15, watchOS 11 and visionOS 2 with iOS 18.
#[must_use]
pub fn ios_level(os: OsFamily, version: u8) -> u8 {
    match (os, version) {
        (_, 26..) => version,
        (OsFamily::Macos, version) => version + 3,
        (OsFamily::Watchos, version) => version + 7,
        (OsFamily::Visionos, version) => version + 16,
        (OsFamily::Ios | OsFamily::Ipados | OsFamily::Tvos, version) => version,
    }
}

impl Machine {
    /// The iOS release that its OS goes with.
    #[must_use]
    pub fn ios_level(&self) -> u8 {
        ios_level(self.os, self.os_version)
    }

    /// FP32 rate of its GPU as a multiple of the M1's, from cores and clocks; 1 when nobody knows.
    #[must_use]
    pub fn gpu_size(&self) -> f64 {
        let Some(soc) = self.soc else { return 1.0 };
        let rate = |soc: &Soc| soc.gpu_fp32_tflops.as_ref().map(|fact| fact.value);
        match (rate(soc), Catalog::get().soc("m1").and_then(rate)) {
            (Some(own), Some(m1)) if m1 > 0.0 => own / m1,
            _ => 1.0,
        }
    }

    /// What a compute unit sustains under a runtime; `None` when the device has no such unit.
    #[must_use]
    pub fn engine(&self, runtime: Runtime, unit: Unit) -> Option<&Engine> {
        match (runtime, unit) {
            (_, Unit::Cpu) => Some(&self.cpu),
            (Runtime::CoreMl, Unit::Ane) => self.ane.as_ref(),
            (Runtime::CoreMl, Unit::Gpu) => self.gpu.as_ref(),
            (Runtime::LlamaCpp, Unit::Gpu) => self.gpu_llamacpp.as_ref(),
            (Runtime::Mlx, Unit::Gpu) => self.gpu_mlx.as_ref(),
            (Runtime::LlamaCpp | Runtime::Mlx, Unit::Ane) => None,
        }
    }
}
