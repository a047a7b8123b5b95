//! The weight table: what each stored tensor is, how it is encoded and what its parts cost.

use serde::{Deserialize, Serialize};

use super::{DType, OpKind};

/// One stored weight. Compressed weights have several parts; the sum of the parts is what the file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// The MIL name.
    pub name: String,
    /// Logical shape, as the consumer sees it.
    pub shape: Vec<u64>,
    /// Logical element type, as the consumer sees it.
    pub dtype: DType,
    /// How it is stored.
    pub encoding: Encoding,
    /// What is stored, part by part.
    pub parts: Vec<Part>,
    /// Identical tensors that this row stands for (the layers of a section, the experts of a layer), each stored on
    /// its own. An operation reads one of them: a row of experts has more copies than operations that read it.
    pub copies: u32,
    /// The operation and parameter that read it first; decides what a compressor would do with it.
    pub consumer: Option<Consumer>,
}

/// Who reads a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// The operation.
    pub op: OpKind,
    /// The parameter (`weight`, `x`, `bias` …).
    pub param: String,
}

/// How a weight is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Encoding {
    /// Element by element, in its own type.
    Dense,
    /// Palettized: indices into a lookup table (`constexpr_lut_to_dense`).
    Palettized {
        /// Bits of an index.
        bits: u32,
        /// Lookup tables: 1 for the whole tensor, more for grouped channels.
        tables: u64,
        /// Elements that one index stands for.
        vector: u32,
        /// Whether the table itself is quantized to 8 bits.
        int8_table: bool,
    },
    /// Linear quantization (`constexpr_affine_dequantize`, `constexpr_blockwise_shift_scale`).
    Linear {
        /// Bits of an element.
        bits: u32,
        /// What shares one scale.
        granularity: Granularity,
    },
    /// Pruned: a bit mask and the values that are left (`constexpr_sparse_to_dense`).
    Sparse {
        /// How the values that are left are stored.
        values: Box<Encoding>,
        /// Share of zeros.
        sparsity: f64,
    },
    /// A constant cast (`constexpr_cast`), or a chain this version does not name.
    Other,
}

/// What shares one scale in linear quantization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granularity {
    /// One scale for the tensor.
    PerTensor,
    /// One scale for each output channel.
    PerChannel,
    /// One scale for each block of that many elements along the input channels.
    PerBlock(u32),
}

/// A stored piece of a weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is for.
    pub role: PartRole,
    /// Element type as stored.
    pub dtype: DType,
    /// Bytes as stored, alignment and headers aside.
    pub bytes: u64,
    /// Where it is stored.
    pub place: Place,
}

/// What a part of a weight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PartRole {
    /// Values or indices.
    Data,
    /// Lookup table.
    Table,
    /// Scales.
    Scale,
    /// Zero points or offsets.
    Offset,
    /// The bit mask of a sparse weight.
    Mask,
}

/// Where a part is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// Not in a file (a lowered preset, or a plan for a variant).
    Planned,
    /// In the specification itself.
    Inline,
    /// In a weight file.
    Blob {
        /// Index into the package's list of files.
        file: u32,
        /// Offset of the blob's metadata record.
        offset: u64,
    },
}

impl Weight {
    /// A dense weight that is not in a file: the form in which a preset states its weights.
    #[must_use]
    pub fn planned(name: &str, shape: &[u64], dtype: DType, copies: u32) -> Self {
        let mut weight = Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            dtype,
            encoding: Encoding::Dense,
            parts: Vec::new(),
            copies,
            consumer: None,
        };
        let bytes = weight.elements().saturating_mul(u64::from(dtype.bits().unwrap_or(0))).div_ceil(8);
        weight.parts.push(Part { role: PartRole::Data, dtype, bytes, place: Place::Planned });
        weight
    }

    /// Logical elements of one copy; saturates on shapes no file can hold.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1_u64, |product, size| product.saturating_mul(*size))
    }

    /// Stored bytes of one copy, alignment and headers aside.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
    }
}

impl Encoding {
    /// A short name: `fp16`, `lut4`, `lut4-g16`, `int8-channel`, `int4-block32`, `sparse50-lut4` …
    #[must_use]
    pub fn label(&self, dtype: DType) -> String {
        match self {
            Self::Dense => dtype.name().to_owned(),
            Self::Palettized { bits, tables, vector, int8_table } => {
                let grouped = if *tables > 1 { "-grouped" } else { "" };
                let vector = if *vector > 1 { format!("-v{vector}") } else { String::new() };
                let int8 = if *int8_table { "-int8lut" } else { "" };
                format!("lut{bits}{grouped}{vector}{int8}")
            }
            Self::Linear { bits, granularity } => match granularity {
                Granularity::PerTensor => format!("int{bits}-tensor"),
                Granularity::PerChannel => format!("int{bits}-channel"),
                Granularity::PerBlock(size) => format!("int{bits}-block{size}"),
            },
            Self::Sparse { values, .. } => match values.as_ref() {
                Self::Dense => "sparse".to_owned(),
                other => format!("sparse-{}", other.label(dtype)),
            },
            Self::Other => "other".to_owned(),
        }
    }
}
