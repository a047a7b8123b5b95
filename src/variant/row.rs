//! A weight as the methods see it: who reads it, along which axes, and what it becomes.
//!
//! coremltools compresses a weight that is floating point, has more than 2,048 elements and at least two dimensions, and
//! that some operation reads. Output and input channels are axes 0 and 1, but for transposed convolutions and `matmul`;
//! consumers that disagree leave the weight as it is.

use super::{
    Compression, Precision, ScaleScope, Variant,
    file::{packed, piece},
    gguf,
    joint::prune_and_palettize,
    palettize::palettize,
    prune::prune,
    quantize::quantize,
    stored::{Piece, Pieces, Reason, Site, StoredAs, Touch},
};
use crate::model::{DType, Encoding, Function, Granularity, Literal, Names, Op, OpKind, PartRole, Place, Sym, Weight};

/// Weights of more elements than this are compressed: `weight_threshold`.
const WEIGHT_THRESHOLD: u64 = 2048;

/// Which form of the constexpr operations the specification version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Up to iOS 17: packed bytes in attributes.
    Attributes,
    /// From iOS 18: typed tensors as inputs.
    Inputs,
}

/// What a weight is to a language-model runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `linear`, `matmul`, a 1×1 convolution.
    Matrix,
    /// A convolution with a kernel.
    Convolution,
    /// Looked up by token.
    Embedding,
    /// Looked up by token and multiplied with: embedding and head.
    TiedEmbedding,
    /// Biases and norms.
    Vector,
    /// What the converter made: masks, rotary tables, index tables.
    Table,
}

/// An axis of a weight, as its consumers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// Nothing reads the weight.
    Unread,
    /// All consumers agree.
    Known(usize),
    /// They do not.
    Conflict,
}

impl Axis {
    fn meet(self, other: usize) -> Self {
        match self {
            Self::Unread => Self::Known(other),
            Self::Known(same) if same == other => self,
            Self::Known(_) | Self::Conflict => Self::Conflict,
        }
    }
}

/// A weight and what the methods ask about it.
pub(super) struct Row<'m> {
    pub(super) weight: &'m Weight,
    pub(super) elements: u64,
    pub(super) copies: u64,
    pub(super) consumer: Option<OpKind>,
    pub(super) groups: u64,
    pub(super) usage: Use,
    pub(super) is_head: bool,
    pub(super) sensitive: gguf::Sensitive,
    pub(super) layers: gguf::Layers,
    inputs: Axis,
    outputs: Axis,
    pub(super) looked_up: bool,
    multiplied: bool,
}

impl<'m> Row<'m> {
    pub(super) fn new(weight: &'m Weight) -> Self {
        Self {
            weight,
            elements: weight.elements(),
            copies: u64::from(weight.copies),
            consumer: None,
            groups: 1,
            usage: Use::Table,
            is_head: false,
            sensitive: gguf::Sensitive::No,
            layers: gguf::Layers::default(),
            inputs: Axis::Unread,
            outputs: Axis::Unread,
            looked_up: false,
            multiplied: false,
        }
    }

    fn axis(&self, axis: Axis) -> Option<(usize, u64)> {
        match axis {
            Axis::Known(at) => self.weight.shape.get(at).map(|size| (at, *size)),
            Axis::Unread | Axis::Conflict => None,
        }
    }

    /// The axis of the output channels and their number.
    pub(super) fn channels(&self) -> Option<(usize, u64)> {
        // The methods need both axes to be clear, even when they use only one.
        self.axis(self.inputs).and(self.axis(self.outputs)).filter(|(_, size)| *size > 0)
    }

    /// The number of input channels.
    pub(super) fn input_channels(&self) -> Option<u64> {
        self.axis(self.inputs).map(|(_, size)| size)
    }

    /// Elements of one row as a language-model runtime stores it.
    pub(super) fn row_length(&self) -> u64 {
        let last = self.weight.shape.last().copied().unwrap_or(0);
        match self.consumer {
            Some(OpKind::Conv | OpKind::ConvTranspose | OpKind::Matmul) => self.input_channels().unwrap_or(last),
            _ => last,
        }
    }

    pub(super) fn note(&mut self, op: &Op, param: Sym, function: &Function, params: &Params) {
        let rank = self.weight.shape.len() as i64;
        let flag = |name: Option<Sym>| {
            let value = op.inputs.iter().find(|(sym, _)| Some(*sym) == name).and_then(|(_, values)| values.first());
            matches!(value.and_then(|value| function.literal(*value)), Some(Literal::Bools(all)) if all.first() == Some(&true))
        };
        let (outputs, inputs) = match op.kind {
            OpKind::ConvTranspose => (1, 0),
            OpKind::Matmul if Some(param) == params.y => {
                if flag(params.transpose_y) {
                    (-2, -1)
                } else {
                    (-1, -2)
                }
            }
            OpKind::Matmul => {
                if flag(params.transpose_x) {
                    (-1, -2)
                } else {
                    (-2, -1)
                }
            }
            _ => (0, 1),
        };
        let from_front = |axis: i64| usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(usize::MAX);
        self.outputs = self.outputs.meet(from_front(outputs));
        self.inputs = self.inputs.meet(from_front(inputs));
        self.consumer = self.consumer.or(Some(op.kind));
        match op.kind {
            OpKind::Conv | OpKind::ConvTranspose => {
                self.multiplied = true;
                let groups = op.inputs.iter().find(|(sym, _)| Some(*sym) == params.groups);
                let groups = groups.and_then(|(_, values)| values.first()).and_then(|value| function.literal(*value));
                if let Some(Literal::Ints(all)) = groups
                    && let Some(groups) = all.first().and_then(|groups| u64::try_from(*groups).ok())
                {
                    self.groups = self.groups.max(groups);
                }
            }
            OpKind::Linear | OpKind::Matmul | OpKind::Einsum => self.multiplied = true,
            OpKind::Gather => self.looked_up |= Some(param) == params.x,
            _ => {}
        }
    }

    /// What the table says about the consumer, when no function of the model reads the weight.
    pub(super) fn note_stated(&mut self) {
        if self.outputs != Axis::Unread {
            return;
        }
        let Some(consumer) = &self.weight.consumer else { return };
        let rank = self.weight.shape.len();
        let (outputs, inputs) = match consumer.op {
            OpKind::ConvTranspose => (1, 0),
            OpKind::Matmul if consumer.param == "y" => (rank.saturating_sub(1), rank.saturating_sub(2)),
            OpKind::Matmul => (rank.saturating_sub(2), rank.saturating_sub(1)),
            _ => (0, 1),
        };
        self.outputs = Axis::Known(outputs);
        self.inputs = Axis::Known(inputs);
        self.consumer = Some(consumer.op);
        match consumer.op {
            OpKind::Linear | OpKind::Matmul | OpKind::Einsum | OpKind::Conv | OpKind::ConvTranspose => {
                self.multiplied = true;
            }
            OpKind::Gather => self.looked_up = consumer.param == "x",
            _ => {}
        }
    }

    pub(super) fn usage(&self) -> Use {
        let dims = &self.weight.shape;
        let rank = dims.len();
        let pointwise = dims.iter().skip(2).all(|size| *size == 1);
        if !self.weight.dtype.is_float() {
            Use::Table
        } else if rank <= 1 {
            Use::Vector
        } else if self.looked_up && self.multiplied {
            Use::TiedEmbedding
        } else if self.looked_up {
            Use::Embedding
        } else if self.multiplied {
            let kernel = matches!(self.consumer, Some(OpKind::Conv | OpKind::ConvTranspose)) && !pointwise;
            if kernel { Use::Convolution } else { Use::Matrix }
        } else if dims.iter().filter(|size| **size > 1).count() <= 1 {
            // A norm that the converter has given more dimensions.
            Use::Vector
        } else {
            Use::Table
        }
    }
}

impl Row<'_> {
    pub(super) fn core_ml(&self, variant: &Variant, dialect: Dialect) -> (StoredAs, Pieces, Touch) {
        if variant.compression == Compression::None && self.weight.encoding != Encoding::Dense {
            return (StoredAs::Kept, self.kept(), Touch::Left(Reason::NothingToDo));
        }
        match self.compressed(variant, dialect) {
            Ok((stored_as, pieces)) => (stored_as, pieces, Touch::Compressed),
            Err(reason) => (StoredAs::Dense, self.dense(variant.precision, dialect), Touch::Left(reason)),
        }
    }

    fn compressed(&self, variant: &Variant, dialect: Dialect) -> Result<(StoredAs, Pieces), Reason> {
        let value_bytes = value_bytes(variant.precision);
        let compressible = || {
            if !self.weight.dtype.is_float() {
                Err(Reason::NotFloat)
            } else if self.elements <= WEIGHT_THRESHOLD {
                Err(Reason::TooSmall)
            } else if self.weight.shape.len() <= 1 {
                Err(Reason::OneDimensional)
            } else if self.outputs == Axis::Unread {
                Err(Reason::NoConsumer)
            } else {
                Ok(())
            }
        };
        match variant.compression {
            Compression::None | Compression::Gguf(_) | Compression::MlxGroup { .. } => Err(Reason::NothingToDo),
            Compression::Palettized { bits, scope, vector } => {
                compressible()?;
                let (pieces, tables) = palettize(self, bits, scope, vector, value_bytes)?;
                Ok((StoredAs::Palettized { bits, tables, vector }, pieces))
            }
            Compression::Linear { bits, scope } => {
                compressible()?;
                let granularity = match scope {
                    ScaleScope::PerTensor => Granularity::PerTensor,
                    ScaleScope::PerChannel => Granularity::PerChannel,
                    ScaleScope::PerBlock(size) => Granularity::PerBlock(size),
                };
                let pieces = quantize(self, bits, scope, dialect, value_bytes)?;
                Ok((StoredAs::Linear { bits, granularity }, pieces))
            }
            Compression::Sparse { percent } => {
                compressible()?;
                Ok((StoredAs::Sparse { percent }, prune(self, percent, value_bytes)))
            }
            Compression::SparsePalettized { percent, bits } => {
                compressible()?;
                let pieces = prune_and_palettize(self, percent, bits, value_bytes)?;
                Ok((StoredAs::SparsePalettized { percent, bits }, pieces))
            }
        }
    }

    fn dense(&self, precision: Precision, dialect: Dialect) -> Pieces {
        let dtype = self.weight.dtype;
        let Some(bits) = dtype.bits() else { return self.kept() };
        let bytes = if dtype.is_float() {
            self.elements.saturating_mul(value_bytes(precision))
        } else {
            packed(self.elements, bits)
        };
        let in_file = match dtype {
            DType::Fp16 | DType::Fp32 | DType::Fp64 | DType::Bf16 | DType::Fp8E4M3 | DType::Fp8E5M2 => true,
            DType::Int8 | DType::UInt8 => true,
            DType::Int16 | DType::UInt16 | DType::Int32 | DType::UInt32 => dialect == Dialect::Inputs,
            DType::Int4 | DType::UInt1 | DType::UInt2 | DType::UInt3 | DType::UInt4 | DType::UInt6 => true,
            DType::Bool | DType::String | DType::Int64 | DType::UInt64 | DType::Unknown => false,
        };
        let data = if in_file { piece(self.elements, bytes) } else { Piece { bytes, site: Site::Inline } };
        Pieces { data, ..Pieces::default() }
    }

    /// The parts that the uploaded file has.
    fn kept(&self) -> Pieces {
        let mut pieces = Pieces::default();
        for part in &self.weight.parts {
            let piece = match part.role {
                PartRole::Data => &mut pieces.data,
                PartRole::Table => &mut pieces.table,
                PartRole::Scale => &mut pieces.scale,
                PartRole::Offset => &mut pieces.offset,
                PartRole::Mask => &mut pieces.mask,
            };
            piece.bytes = piece.bytes.saturating_add(part.bytes);
            piece.site = match part.place {
                Place::Inline => Site::Inline,
                Place::Planned | Place::Blob { .. } => Site::Blob,
            };
        }
        pieces
    }
}

/// Marks the heads; an embedding without one is tied, as llama.cpp assumes.
pub(super) fn find_heads(rows: &mut [Row<'_>], vocabulary: u64) {
    let mut has_head = false;
    for row in rows.iter_mut() {
        let outputs = row.channels().map(|(_, size)| size);
        row.is_head = vocabulary > 0 && row.usage == Use::Matrix && outputs == Some(vocabulary);
        has_head |= row.is_head;
    }
    for row in rows.iter_mut().filter(|row| row.usage == Use::Embedding) {
        if !has_head && row.weight.shape.first() == Some(&vocabulary) {
            row.usage = Use::TiedEmbedding;
        }
    }
}

/// Numbers the layers of the weights that llama.cpp treats by layer.
pub(super) fn number_layers(rows: &mut [Row<'_>]) {
    for row in rows.iter_mut().filter(|row| row.usage == Use::Matrix) {
        row.sensitive = gguf::Sensitive::of(&row.weight.name);
    }
    for kind in [gguf::Sensitive::Value, gguf::Sensitive::Down] {
        let all = rows.iter().filter(|row| row.sensitive == kind).map(|row| row.copies).sum();
        let mut first: u64 = 0;
        for row in rows.iter_mut().filter(|row| row.sensitive == kind) {
            row.layers = gguf::Layers { first, all };
            first = first.saturating_add(row.copies);
        }
    }
}

/// Parameter names that decide axes, looked up once.
pub(super) struct Params {
    pub(super) x: Option<Sym>,
    pub(super) y: Option<Sym>,
    transpose_x: Option<Sym>,
    transpose_y: Option<Sym>,
    groups: Option<Sym>,
}

impl Params {
    pub(super) fn of(names: &Names) -> Self {
        Self {
            x: names.find("x"),
            y: names.find("y"),
            transpose_x: names.find("transpose_x"),
            transpose_y: names.find("transpose_y"),
            groups: names.find("groups"),
        }
    }
}

/// Bytes of one value of the program.
fn value_bytes(precision: Precision) -> u64 {
    match precision {
        Precision::Fp32 => 4,
        Precision::Fp16 | Precision::W8A8 => 2,
    }
}
