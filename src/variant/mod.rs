//! What a person chooses to do with a model: precision, compression and the runtime that takes it.
//!
//! A variant rewrites the weight table the way the real tool would (thresholds, groups, tables, padding), so that sizes
//! are counted and not guessed. Absent on purpose: speed and placement, which depend on a device.

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

// ---- temporary stub, replaced on merge ----
/// Stub.
pub struct Stored {
    /// w
    pub weights: Vec<StoredWeight>,
    total: f64,
}
/// Stub.
pub struct StoredWeight {
    /// e
    pub encoding: crate::model::Encoding,
    b: f64,
}
impl StoredWeight {
    /// b
    pub fn bytes(&self) -> f64 {
        self.b
    }
}
impl Stored {
    /// t
    pub fn total(&self) -> crate::units::Figure<crate::units::Bytes> {
        crate::units::Figure::exact(crate::units::Bytes::new(self.total as u64))
    }
    /// w
    pub fn weight_file(&self) -> f64 {
        self.total
    }
    /// l
    pub fn lines(&self) -> Vec<(&'static str, crate::units::Bytes)> {
        Vec::new()
    }
}
/// Stub.
pub fn store(variant: &Variant, model: &crate::model::Model) -> Stored {
    let mut total = 0.0;
    let mut weights = Vec::new();
    for w in &model.weights {
        let (e, b) = match variant.compression {
            Compression::Palettized { bits, .. } if w.elements() > 2048 => (
                crate::model::Encoding::Palettized { bits, tables: 1, vector: 1, int8_table: false },
                w.elements() as f64 * f64::from(bits) / 8.0,
            ),
            _ => (crate::model::Encoding::Dense, w.elements() as f64 * 2.0),
        };
        total += b * f64::from(w.copies);
        weights.push(StoredWeight { encoding: e, b });
    }
    Stored { weights, total }
}
impl Variant {
    /// e
    pub const EVERY: &[Self] = &[
        Self { runtime: Runtime::CoreMl, precision: Precision::Fp16, compression: Compression::None },
        Self {
            runtime: Runtime::CoreMl,
            precision: Precision::Fp16,
            compression: Compression::Palettized { bits: 4, scope: TableScope::PerGroupedChannel(16), vector: 1 },
        },
    ];
    /// i
    pub fn id(&self) -> &'static str {
        if self.compression == Compression::None { "fp16" } else { "lut4-g16" }
    }
    /// f
    pub fn from_id(id: &str) -> Option<Self> {
        Self::EVERY.iter().copied().find(|v| v.id() == id)
    }
    /// l
    pub fn label(&self) -> &'static str {
        self.id()
    }
    /// c
    pub fn compression_id(&self) -> &'static str {
        self.id()
    }
    /// m
    pub fn min_spec(&self) -> u32 {
        7
    }
}
