//! The shape of the packed catalogue. Shared with the build script by `#[path]`, so it uses serde and nothing else.
//!
//! Numbers are plain `f64` in the unit that the field's doc states; `estimate` turns them into quantities.

use serde::{Deserialize, Serialize};

use super::arch::Arch;

/// Everything the build packs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Where facts come from; facts refer to rows by index.
    pub sources: Vec<Source>,
    /// Chips.
    pub socs: Vec<Soc>,
    /// Devices that carry them.
    pub devices: Vec<Device>,
    /// Platform limits.
    pub limits: Vec<Limit>,
    /// What an app may use of a device's memory, by device class and RAM.
    pub app_memory: Vec<AppMemory>,
    /// Published models.
    pub presets: Vec<Preset>,
    /// Coefficients of the cost model.
    pub coefficients: Vec<Coefficient>,
    /// What was fitted on measured rows.
    pub laws: Vec<Law>,
    /// What others published about the answers of compressed models.
    pub quality: Vec<QualityEffect>,
}

/// The worst published change of a measure by a compression, for one kind of model. The pairs of the same group are the
/// first choice, then those without training; decibels have no percent, so they are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityEffect {
    /// `language`, `image`, `speech`.
    pub kind: String,
    /// `table`, `scales`, `sparse`, `w8a8`, `gguf`, `mlx`.
    pub method: String,
    /// Bits of a weight, or percent of zeros.
    pub bits: String,
    /// What shares a table or a scale; empty for all of them together.
    pub group: String,
    /// The change in thousandths of the plain model's value.
    pub change: i32,
    /// The mildest published change of the same measure, trained or not, by the same method, bits and group.
    pub mildest: i32,
    /// How many pairs it is the worst of.
    pub n: u32,
    /// What was measured.
    pub measure: String,
    /// Whose answers; empty in the page.
    pub model: String,
    /// Id in `measurements.csv`; empty in the page.
    pub row: String,
}

/// How the parts of a prediction add up in one class of measured rows, in thousandths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// `decode coreml gpu max`: metric, runtime, unit and chip family; `any` where it holds for all.
    pub class: String,
    /// Multiple of what grows with the bytes of weights.
    pub stream: u32,
    /// Multiple of what grows with the bytes of activations and caches.
    pub traffic: u32,
    /// Multiple of what grows with arithmetic.
    pub compute: u32,
    /// Multiple of that once more for a network that a chain of convolutions stands in for.
    pub chain: u32,
    /// Multiple of what does not grow.
    pub fixed: u32,
    /// Share of the value that one row in twenty is below.
    pub low: u32,
    /// Multiple of the value that one row in twenty is above.
    pub high: u32,
    /// Median absolute error on rows of sources that the fit did not see.
    pub error: u32,
    /// Rows it was fitted on.
    pub n: u32,
    /// Sources of these rows.
    pub n_sources: u32,
}

/// A coefficient of the cost model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// `gpu-weight-share` …
    pub id: String,
    /// What it is, for a reader.
    pub what: String,
    /// Its range and source, in the base unit (seconds, bytes, a plain share).
    pub fact: Fact,
    /// The unit that the data file states it in.
    pub unit: String,
}

/// A row of [`Catalog::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdx(pub u16);

/// Where a fact comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// A short key (`hollance-neural-engine`).
    pub id: String,
    /// What a person would call it.
    pub title: String,
    /// Address; empty for a source without one.
    pub url: String,
}

/// How a fact came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactKind {
    /// The maker says so.
    Vendor,
    /// Somebody measured it.
    Measured,
    /// Computed from other facts; the note says how.
    Derived,
    /// A default that the source argues for.
    Assumed,
}

/// A number with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The value, in the unit of the field.
    pub value: f64,
    /// Lower end of what sources say; equals `value` when they agree.
    pub low: f64,
    /// Upper end of what sources say; equals `value` when they agree.
    pub high: f64,
    /// How it came to be.
    pub kind: FactKind,
    /// Who says so.
    pub source: SourceIdx,
    /// What a reader should know with it; may be empty.
    pub note: String,
}

/// How far a row can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Measured, or the maker's own text.
    High,
    /// One third party, or derived by a stated formula.
    Medium,
    /// An aggregator or a rumour.
    Low,
}

/// What a stated TOPS figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopsMeaning {
    /// Half-precision operations.
    Fp16,
    /// 8-bit operations, twice the half-precision rate.
    Int8,
    /// Not stated by the maker, or not determinable.
    Unknown,
}

/// A chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Soc {
    /// `a17-pro`, `m4-max` …
    pub id: String,
    /// `A17 Pro`.
    pub name: String,
    /// Year of the first device.
    pub year: u16,
    /// Performance and efficiency cores, as far as known.
    pub cpu_cores: (Option<u8>, Option<u8>),
    /// GPU cores of each variant on sale, smallest first; empty when unknown.
    pub gpu_cores: Vec<u8>,
    /// GPU FP32 rate of the largest variant, TFLOPS.
    pub gpu_fp32_tflops: Option<Fact>,
    /// GPU FP16 rate of the largest variant, TFLOPS.
    pub gpu_fp16_tflops: Option<Fact>,
    /// GPU FP16 matrix rate (tensor units) of the largest variant, TFLOPS.
    pub gpu_matmul_fp16_tflops: Option<Fact>,
    /// Neural Engine generation as its compiler names it (`H13` …); `None` when unknown.
    pub ane_family: Option<String>,
    /// Neural Engine cores.
    pub ane_cores: Option<u8>,
    /// Engines; one model sees one, unless noted.
    pub ane_engines: u8,
    /// TOPS as the maker states it.
    pub ane_tops_stated: Option<Fact>,
    /// What the stated figure counts.
    pub ane_tops_meaning: TopsMeaning,
    /// Derived FP16 peak, TFLOPS.
    pub ane_fp16_derived_tflops: Option<Fact>,
    /// Measured FP16 rate, TFLOPS.
    pub ane_fp16_measured_tflops: Option<Fact>,
    /// Derived INT8 peak, TOPS.
    pub ane_int8_derived_tops: Option<Fact>,
    /// Measured INT8 rate, TOPS.
    pub ane_int8_measured_tops: Option<Fact>,
    /// Whether int8 × int8 runs faster than FP16 (A17 Pro, M4 and later).
    pub ane_int8_fast_path: bool,
    /// Measured rate at which the Neural Engine reads weights, GB/s.
    pub ane_weight_read_gbs: Option<Fact>,
    /// Fixed cost of one Neural Engine call, milliseconds.
    pub ane_call_ms: Option<Fact>,
    /// Memory bandwidth of the best variant, GB/s.
    pub memory_gbs: Option<Fact>,
    /// Memory bandwidth where it depends on the configuration: what the configuration is, and GB/s. Their
    /// source is that of `memory_gbs`.
    pub memory_gbs_by_config: Vec<(String, f64)>,
    /// Measured CPU matrix-unit FP32 rate, TFLOPS.
    pub cpu_matrix_fp32_tflops: Option<Fact>,
    /// How far the row can be trusted.
    pub confidence: Confidence,
    /// What a reader should know; the first is shown beside the TOPS figure when it is about it.
    pub notes: Vec<String>,
}

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// iPhone.
    Phone,
    /// iPad.
    Tablet,
    /// MacBook.
    Laptop,
    /// iMac, Mac mini, Mac Studio, Mac Pro.
    Desktop,
    /// Apple TV.
    Tv,
    /// Apple Watch.
    Watch,
    /// Apple Vision Pro.
    Headset,
    /// A display, a speaker or another accessory that runs no apps.
    Accessory,
}

/// Which operating system a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are Apple's own")]
pub enum OsFamily {
    Ios,
    Ipados,
    Macos,
    Tvos,
    Watchos,
    Visionos,
}

/// A device on sale now or before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Kebab-case product name.
    pub id: String,
    /// Product name.
    pub name: String,
    /// Kind of device.
    pub kind: DeviceKind,
    /// Id of its chip.
    pub soc: String,
    /// Operating system.
    pub os: OsFamily,
    /// First major version it ran, if known.
    pub os_first: Option<u8>,
    /// Last major version it runs, when a source names one; `None` is unknown, not "the newest".
    pub os_last: Option<u8>,
    /// RAM options in GiB, smallest first; empty when unknown.
    pub ram_gib: Vec<f64>,
    /// GPU cores of this device, when not the chip's largest.
    pub gpu_cores: Option<u8>,
    /// Memory bandwidth of this device in GB/s, when not the chip's best.
    pub memory_gbs: Option<f64>,
    /// Source of the row.
    pub source: SourceIdx,
}

/// A platform limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// `app-uncompressed`, `cellular-prompt` …
    pub id: String,
    /// The limit in bytes; `None` when none was found (which is not "no limit").
    pub bytes: Option<f64>,
    /// The limit as a count, when it is not a size.
    pub count: Option<f64>,
    /// What is limited, for a reader.
    pub what: String,
    /// First OS major version it holds for, if it is bound to one.
    pub os_from: Option<u8>,
    /// Who says so.
    pub source: SourceIdx,
    /// How sure that is.
    pub confidence: Confidence,
    /// What a reader should know with it; may be empty.
    pub note: String,
}

/// What one app may use of a device's memory, as third parties saw it: Apple publishes no table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppMemory {
    /// Device class.
    pub kind: DeviceKind,
    /// RAM of the device in GiB.
    pub ram_gib: f64,
    /// Share of RAM without any entitlement; `None` when no point was found.
    pub default_share: Option<Fact>,
    /// Share of RAM with `com.apple.developer.kernel.increased-memory-limit`; `None` when no point was found.
    pub entitled_share: Option<Fact>,
}

/// What a preset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresetKind {
    /// The course's own first example.
    Course,
    /// A decoder that writes text.
    Llm,
    /// Speech to text.
    Speech,
    /// Text to image.
    Diffusion,
    /// Text classification and embedding.
    Text,
    /// Image classification and embedding.
    Vision,
}

/// A published model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// Kebab-case product name.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub kind: PresetKind,
    /// Published number of parameters.
    pub params: Fact,
    /// Its exact architecture.
    pub arch: Arch,
    /// What a reader should know; may be empty.
    pub note: String,
    /// Where its weights are loaded from, when that is not the address of its source: `torchvision:resnet50`.
    pub checkpoint: String,
}
