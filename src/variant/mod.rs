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
