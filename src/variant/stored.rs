//! What a variant stores, as numbers: pieces of weights, rows, and the file.
//!
//! Invariants: the rows sum to payload and inline bytes; payload, records, padding and header sum to the weight file.

use super::gguf::GgmlType;
use crate::{
    model::{Granularity, PartRole},
    units::{Bytes, Figure},
};

/// Where a piece stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Site {
    /// Nowhere: the method has no such piece.
    #[default]
    Absent,
    /// In the specification.
    Inline,
    /// In the weight file.
    Blob,
    /// In the weight file, once for all pieces of the same length (zero points that are all zero).
    Shared,
}

/// One stored piece of one copy of a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Piece {
    /// Its bytes, record and padding aside.
    pub bytes: u64,
    /// Where it stands.
    pub site: Site,
}

/// The pieces of one copy of a weight, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pieces {
    /// Values, indices, blocks.
    pub data: Piece,
    /// Lookup tables.
    pub table: Piece,
    /// Scales.
    pub scale: Piece,
    /// Zero points or biases.
    pub offset: Piece,
    /// Bit mask.
    pub mask: Piece,
}

impl Pieces {
    /// Every piece with its role, in the order of the file.
    #[must_use]
    pub fn all(&self) -> [(PartRole, Piece); 5] {
        [
            (PartRole::Data, self.data),
            (PartRole::Table, self.table),
            (PartRole::Scale, self.scale),
            (PartRole::Offset, self.offset),
            (PartRole::Mask, self.mask),
        ]
    }

    /// Bytes of one copy, inline ones included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().iter().fold(0, |sum, (_, piece)| sum.saturating_add(piece.bytes))
    }
}

/// How a variant stores one weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoredAs {
    /// Element by element.
    Dense,
    /// As the uploaded file has it.
    Kept,
    /// Indices into lookup tables.
    Palettized {
        /// Bits of an index.
        bits: u32,
        /// Lookup tables.
        tables: u64,
        /// Elements that one index stands for.
        vector: u32,
    },
    /// Scales.
    Linear {
        /// Bits of an element.
        bits: u32,
        /// What shares a scale.
        granularity: Granularity,
    },
    /// Zeros left out.
    Sparse {
        /// Percent of zeros.
        percent: u32,
    },
    /// Zeros left out, the rest in a lookup table.
    SparsePalettized {
        /// Percent of zeros.
        percent: u32,
        /// Bits of an index.
        bits: u32,
    },
    /// Blocks of ggml; when the layers of a row differ, the type of most of them.
    Ggml(GgmlType),
    /// MLX groups with a scale and a bias.
    Group {
        /// Bits of an element.
        bits: u32,
        /// Elements of a group.
        group: u32,
    },
    /// Not in the file: the runtime computes it.
    Computed,
}

/// Whether the method took the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// It did.
    Compressed,
    /// It did not.
    Left(Reason),
}

/// Why a weight is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The variant compresses nothing.
    NothingToDo,
    /// Not floating point.
    NotFloat,
    /// 2,048 elements or fewer.
    TooSmall,
    /// A vector (biases, norms): coremltools and llama.cpp leave these alone.
    OneDimensional,
    /// Nothing reads it but an output.
    NoConsumer,
    /// Several operations read it along different axes.
    AxesConflict,
    /// The group does not divide the output channels.
    GroupDoesNotDivide,
    /// The block (or a block of ggml, or a group of MLX) does not divide the input channels.
    BlockDoesNotDivide,
    /// The vector does not divide the group of output channels.
    VectorDoesNotDivide,
    /// The runtime compresses other kinds of layers only.
    UnsupportedConsumer,
}

/// One row of the weight table as a variant stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredWeight {
    /// How it is stored.
    pub stored_as: StoredAs,
    /// The pieces of one copy (of the first copy, when copies differ or share).
    pub pieces: Pieces,
    /// Bytes of all copies, inline ones included.
    pub bytes: u64,
    /// Logical elements of all copies.
    pub elements: u64,
    /// Whether the method took it, or why not.
    pub touch: Touch,
}

impl StoredWeight {
    /// Stored bits for each logical element.
    #[must_use]
    pub fn bits_per_weight(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { self.bytes as f64 * 8.0 / self.elements as f64 }
    }
}

/// What a variant of a model stores.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// One for each row of the weight table, in its order.
    pub weights: Vec<StoredWeight>,
    /// Blobs (for GGUF and MLX: tensors) of the weight file.
    pub n_blobs: u64,
    /// Bytes of weights in the weight file.
    pub payload: u64,
    /// Bytes of blob records.
    pub records: u64,
    /// Bytes of alignment.
    pub padding: u64,
    /// Bytes of the file header.
    pub header: u64,
    /// The weight file: `weight.bin`, or the tensors of a GGUF or safetensors file.
    pub weight_file: u64,
    /// Bytes of weights that stand in the specification.
    pub inline: u64,
    /// The specification (`model.mlmodel`); for GGUF and MLX: header, metadata and tokenizer.
    pub spec: Figure<Bytes>,
    /// What compression adds to the specification of the dense program: for a package whose own size is known.
    pub spec_added: Figure<Bytes>,
    /// `Manifest.json`.
    pub manifest: u64,
    /// Everything.
    pub package: Figure<Bytes>,
}

impl Stored {
    /// Stored bits for each logical element, over all weights.
    #[must_use]
    pub fn bits_per_weight(&self) -> f64 {
        let elements: f64 = self.weights.iter().map(|weight| weight.elements as f64).sum();
        if elements == 0.0 { 0.0 } else { (self.payload as f64 + self.inline as f64) * 8.0 / elements }
    }
}
