//! The question: which model, on which device and OS, with how much context. Small, comparable, and a URL.
//!
//! The URL form carries a version; [`url::decode`] opens every link that [`url::encode`] ever wrote.

pub mod url;

use serde::{Deserialize, Serialize};

use crate::variant::Variant;

/// One question to the planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The model.
    pub model: ModelRef,
    /// The device.
    pub device: DeviceRef,
    /// Major version of the device's operating system.
    pub os: u8,
    /// Capacity of the KV cache in tokens; ignored by models without one.
    pub context: u32,
    /// Prompt tokens before the first generated one; ignored by models that are no language models.
    pub prompt: u32,
    /// Whether the app has the increased-memory entitlement.
    pub entitled: bool,
    /// The cell of the matrix that the person looks at; `None` is the one the planner recommends.
    pub pick: Option<Pick>,
}

/// A cell of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The variant.
    pub variant: Variant,
    /// The compute units.
    pub units: Units,
}

impl Pick {
    /// Its name in an attribute: variant and units.
    #[must_use]
    pub fn id(&self) -> String {
        [&self.variant.id(), "/", self.units.id()].concat()
    }

    /// The pick of a name.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        let (variant, units) = id.rsplit_once('/')?;
        Some(Self { variant: Variant::from_id(variant)?, units: Units::from_id(units)? })
    }
}

impl Default for Scenario {
    /// The question the course asks first: does a 3B model fit an iPhone 15 Pro?
    fn default() -> Self {
        Self {
            model: ModelRef::Preset("llama-3.2-3b".to_owned()),
            device: DeviceRef::Known { id: "iphone-15-pro".to_owned(), ram_gib: None },
            os: 18,
            context: 4096,
            prompt: 512,
            entitled: true,
            pick: None,
        }
    }
}

/// Which model a scenario is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ModelRef {
    /// A preset, by id.
    Preset(String),
    /// A package that the person opened; a link cannot carry it, only its name.
    Package(String),
}

/// Which device a scenario is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DeviceRef {
    /// A device of the catalogue, by id, with the RAM option in GiB (`None`: the smallest on sale).
    Known {
        /// Device id.
        id: String,
        /// RAM in GiB.
        ram_gib: Option<f64>,
    },
    /// A device of the person's own making.
    Custom(CustomDevice),
}

/// A device that the catalogue does not have: what a person must say about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomDevice {
    /// RAM in GiB.
    pub ram_gib: f64,
    /// Memory bandwidth in GB/s.
    pub memory_gbs: f64,
    /// Neural Engine FP16 rate in TFLOPS.
    pub ane_tflops: f64,
    /// GPU FP16 rate in TFLOPS.
    pub gpu_tflops: f64,
}

/// Which compute units Core ML may use: `MLModelConfiguration.computeUnits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Units {
    /// `.all`
    All,
    /// `.cpuOnly`
    CpuOnly,
    /// `.cpuAndGPU`
    CpuAndGpu,
    /// `.cpuAndNeuralEngine`
    CpuAndNe,
}

impl Units {
    /// Every choice, in the order in which they are shown.
    pub const EVERY: [Self; 4] = [Self::All, Self::CpuAndNe, Self::CpuAndGpu, Self::CpuOnly];

    /// The id in documents and links.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::CpuOnly => "cpu-only",
            Self::CpuAndGpu => "cpu-and-gpu",
            Self::CpuAndNe => "cpu-and-ne",
        }
    }

    /// The choice of an id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|units| units.id() == id)
    }
}
