//! What a person chooses to do with a model: precision, compression and the runtime that takes it.
//!
//! A variant rewrites the weight table the way the real tool would (thresholds, groups, tables, padding), so that sizes
//! are counted and not guessed: coremltools 9.0 for Core ML, llama.cpp's quantizer for GGUF, MLX's for its own files.
//! One file for each method; [`Storage`] asks them row by row. Invariants: the parts of a weight sum to its row and the
//! rows to the file; a weight that the tool leaves alone says why. Absent on purpose: speed and placement, which depend
//! on a device, weight values, and quality.

mod file;
mod gguf;
mod id;
mod joint;
mod mlx;
mod palettize;
mod prune;
mod quantize;
mod row;
mod spec;
mod storage;
mod stored;

pub use gguf::GgmlType;
pub use id::EVERY;
pub use storage::{Storage, store};
pub use stored::{Piece, Pieces, Reason, Site, Stored, StoredAs, StoredWeight, Touch};

use serde::{Deserialize, Serialize};

/// Which software runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Runtime {
    /// Core ML: CPU, GPU and Neural Engine.
    CoreMl,
    /// llama.cpp with Metal: GPU, GGUF files.
    LlamaCpp,
    /// MLX: GPU.
    Mlx,
}

/// The floating-point type a Core ML program computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Precision {
    /// `compute_precision=FLOAT32`: never on the Neural Engine.
    Fp32,
    /// `compute_precision=FLOAT16`: the default.
    Fp16,
    /// 8-bit activations and weights (`linear_quantize_activations`).
    W8A8,
}

/// What one lookup table serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TableScope {
    /// The whole tensor.
    PerTensor,
    /// That many channels (iOS 18).
    PerGroupedChannel(u32),
}

/// What one scale serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScaleScope {
    /// The whole tensor.
    PerTensor,
    /// One output channel.
    PerChannel,
    /// That many elements along the input channels (iOS 18).
    PerBlock(u32),
}

/// A GGUF file type of llama.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are llama.cpp's own")]
pub enum GgufType {
    F16,
    Q8_0,
    Q4KM,
}

/// What is done to the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compression {
    /// As the file has them (an uploaded package), or in the type the program computes in.
    None,
    /// Lookup tables.
    Palettized {
        /// Bits of an index: 1, 2, 3, 4, 6 or 8.
        bits: u32,
        /// What one table serves.
        scope: TableScope,
        /// Elements that one index stands for (1, 2 or 4).
        vector: u32,
    },
    /// Scales.
    Linear {
        /// Bits of an element: 4 or 8.
        bits: u32,
        /// What one scale serves.
        scope: ScaleScope,
    },
    /// Zeros left out.
    Sparse {
        /// Percent of zeros.
        percent: u32,
    },
    /// Zeros left out, the rest in lookup tables (iOS 18).
    SparsePalettized {
        /// Percent of zeros.
        percent: u32,
        /// Bits of an index.
        bits: u32,
    },
    /// A GGUF file.
    Gguf(GgufType),
    /// MLX affine quantization in groups of 64.
    MlxGroup {
        /// Bits of an element: 4 or 8.
        bits: u32,
        /// Elements that share a scale and a bias.
        group: u32,
    },
}

/// One choice: a column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant {
    /// The software that runs it.
    pub runtime: Runtime,
    /// The type it computes in.
    pub precision: Precision,
    /// What is done to its weights.
    pub compression: Compression,
}

/// What the runtimes other than Core ML care about: they only run language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Writes text token by token.
    Language,
    /// Anything else.
    Other,
}

impl ModelKind {
    /// A model with a function that reads a prompt or writes a token is a language model.
    #[must_use]
    pub fn of(model: &crate::model::Model) -> Self {
        let writes = |role| match role {
            crate::model::Role::Prefill { .. } | crate::model::Role::Decode { .. } => true,
            crate::model::Role::Single | crate::model::Role::Step { .. } => false,
        };
        if model.functions.iter().any(|function| writes(function.role)) { Self::Language } else { Self::Other }
    }
}

/// The oldest system that runs a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MinSpec {
    /// Core ML specification version (6 = iOS 15 … 9 = iOS 18); 0 for runtimes that have none.
    pub spec_version: u32,
    /// Major version of iOS; 0 when the runtime decides.
    pub ios: u8,
    /// Major version of macOS; 0 when the runtime decides.
    pub macos: u8,
}

impl MinSpec {
    const IOS15: Self = Self { spec_version: 6, ios: 15, macos: 12 };
    const IOS16: Self = Self { spec_version: 7, ios: 16, macos: 13 };
    const IOS17: Self = Self { spec_version: 8, ios: 17, macos: 14 };
    const IOS18: Self = Self { spec_version: 9, ios: 18, macos: 15 };
    const OTHER: Self = Self { spec_version: 0, ios: 0, macos: 0 };
}

impl Variant {
    /// The oldest specification, and with it the oldest system, that has the operations of this variant.
    #[must_use]
    pub fn min_spec(&self) -> MinSpec {
        let compression = match self.compression {
            Compression::None => MinSpec::IOS15,
            Compression::Palettized { bits, scope, vector } => match scope {
                TableScope::PerTensor if vector <= 1 && bits != 3 => MinSpec::IOS16,
                TableScope::PerTensor | TableScope::PerGroupedChannel(_) => MinSpec::IOS18,
            },
            Compression::Linear { bits, scope } => match scope {
                ScaleScope::PerTensor | ScaleScope::PerChannel if bits == 8 => MinSpec::IOS16,
                ScaleScope::PerTensor | ScaleScope::PerChannel | ScaleScope::PerBlock(_) => MinSpec::IOS18,
            },
            Compression::Sparse { .. } => MinSpec::IOS16,
            Compression::SparsePalettized { .. } => MinSpec::IOS18,
            Compression::Gguf(_) | Compression::MlxGroup { .. } => MinSpec::OTHER,
        };
        match self.precision {
            Precision::W8A8 => compression.max(MinSpec::IOS17),
            Precision::Fp32 | Precision::Fp16 => compression,
        }
    }

    /// Whether the variant means something for such a model: GGUF and MLX only for language models.
    #[must_use]
    pub fn applies_to(&self, kind: ModelKind) -> bool {
        match self.runtime {
            Runtime::CoreMl => true,
            Runtime::LlamaCpp | Runtime::Mlx => kind == ModelKind::Language,
        }
    }
}
