//! Counts what a variant of a model stores: row by row, then the file with its headers and padding.
//!
//! [`Storage::of`] reads the model once (who consumes each weight, and along which axes); [`Storage::store`] then costs
//! arithmetic alone, so a whole matrix of variants is cheap. Rules of coremltools 9.0: a weight is compressed when it is
//! floating point, has more than 2,048 elements and at least two dimensions, and something reads it; arrays of ten elements
//! or more go to the weight file, each behind a 64-byte record and aligned to 64 bytes; the rest stands in the
//! specification. Absent on purpose: values, so equal tensors count once for each row of the table.

use super::{
    Compression, Precision, Variant, gguf, gguf::GgmlType, joint::prune_and_palettize, mlx, palettize::palettize,
    prune::prune, quantize::quantize, spec,
};
use crate::{
    model::{
        DType, Def, Encoding, Function, Granularity, Literal, Model, Names, Op, OpKind, PartRole, Place, Sym, Weight,
    },
    units::{Bytes, Figure},
};

/// Weights of more elements than this are compressed: `weight_threshold`.
const WEIGHT_THRESHOLD: u64 = 2048;
/// Arrays of at least this many elements go to the weight file (`should_use_weight_file`).
const BLOB_ELEMENTS: u64 = 10;
/// Equal constants of at least this many elements are stored once (`const_deduplication`).
const SHARED_ELEMENTS: u64 = 100;
/// Header of a weight file, record of a blob, and alignment of both.
const ALIGN: u64 = 64;
/// `general.alignment` of GGUF.
const GGUF_ALIGN: u64 = 32;

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

/// What one call of [`Storage::store`] gives, for those who need only one.
#[must_use]
pub fn store(variant: &Variant, model: &Model) -> Stored {
    Storage::of(model).store(variant)
}

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
    weight: &'m Weight,
    pub(super) elements: u64,
    pub(super) copies: u64,
    pub(super) consumer: Option<OpKind>,
    pub(super) groups: u64,
    pub(super) usage: Use,
    pub(super) is_head: bool,
    pub(super) sensitive: gguf::Sensitive,
    layers: gguf::Layers,
    inputs: Axis,
    outputs: Axis,
    looked_up: bool,
    multiplied: bool,
}

impl<'m> Row<'m> {
    fn new(weight: &'m Weight) -> Self {
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

    fn note(&mut self, op: &Op, param: Sym, function: &Function, params: &Params) {
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
    fn note_stated(&mut self) {
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

    fn usage(&self) -> Use {
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

/// Parameter names that decide axes, looked up once.
struct Params {
    x: Option<Sym>,
    y: Option<Sym>,
    transpose_x: Option<Sym>,
    transpose_y: Option<Sym>,
    groups: Option<Sym>,
}

impl Params {
    fn of(names: &Names) -> Self {
        Self {
            x: names.find("x"),
            y: names.find("y"),
            transpose_x: names.find("transpose_x"),
            transpose_y: names.find("transpose_y"),
            groups: names.find("groups"),
        }
    }
}

/// A model, read for storing: rows with their consumers, and the size of the program.
pub struct Storage<'m> {
    rows: Vec<Row<'m>>,
    spec_version: u32,
    program: spec::Program,
    /// Rows of the largest embedding: the vocabulary.
    vocabulary: u64,
}

impl<'m> Storage<'m> {
    /// Reads a model.
    #[must_use]
    pub fn of(model: &'m Model) -> Self {
        let mut rows: Vec<Row<'m>> = model.weights.iter().map(Row::new).collect();
        let params = Params::of(&model.names);
        let mut program = spec::Program { from_file: model.spec_version > 0, ..spec::Program::default() };
        for function in &model.functions {
            let mut seen = vec![false; function.values.len()];
            function.visit(&mut |times, op| {
                if op.kind.is_constant() {
                    return;
                }
                program.note(function, op, times, (params.x, params.y), &mut seen);
                for (param, values) in &op.inputs {
                    for value in values {
                        let row = function.weight(*value).and_then(|id| rows.get_mut(id.0 as usize));
                        if let Some(row) = row {
                            row.note(op, *param, function, &params);
                        }
                    }
                }
            });
            let constant = |def: &Def| match def {
                Def::Const(_) | Def::Weight(_) => 1,
                Def::Input | Def::State | Def::Op => 0,
            };
            program.n_consts += function.values.iter().map(|value| constant(&value.def)).sum::<u64>();
        }
        for row in &mut rows {
            row.note_stated();
            row.usage = row.usage();
        }
        let vocabulary = rows.iter().filter(|row| row.looked_up).filter_map(|row| row.weight.shape.first()).max();
        let vocabulary = vocabulary.copied().unwrap_or(0);
        find_heads(&mut rows, vocabulary);
        number_layers(&mut rows);
        Self { rows, spec_version: model.spec_version, program, vocabulary }
    }

    /// Counts what a variant stores.
    #[must_use]
    pub fn store(&self, variant: &Variant) -> Stored {
        match variant.compression {
            Compression::Gguf(kind) => self.store_gguf(kind),
            Compression::MlxGroup { bits, group } => self.store_mlx(bits, group),
            Compression::None
            | Compression::Palettized { .. }
            | Compression::Linear { .. }
            | Compression::Sparse { .. }
            | Compression::SparsePalettized { .. } => self.store_core_ml(variant),
        }
    }

    fn store_core_ml(&self, variant: &Variant) -> Stored {
        let spec_version = self.spec_version.max(variant.min_spec().spec_version);
        let dialect = if spec_version >= 9 { Dialect::Inputs } else { Dialect::Attributes };
        let mut file = File::new(ALIGN, self.rows.len());
        let mut added = spec::Added::default();
        for row in &self.rows {
            let (stored_as, pieces, touch) = row.core_ml(variant, dialect);
            if touch == Touch::Compressed {
                added.note(stored_as, dialect, row.copies);
            }
            file.push(stored_as, pieces, touch, row);
        }
        if variant.precision == Precision::W8A8 {
            added.note_pairs(&self.program);
        }
        let spec_added = added.bytes();
        let inline = Figure::exact(Bytes::new(file.inline));
        let spec = self.program.bytes().plus(spec_added).plus(inline);
        let range = match variant.compression {
            // Equal values at the threshold are pruned too: real files are a little smaller (tests/variant_sizes.rs).
            Compression::Sparse { .. } | Compression::SparsePalettized { .. } => 0.01,
            Compression::None
            | Compression::Palettized { .. }
            | Compression::Linear { .. }
            | Compression::Gguf(_)
            | Compression::MlxGroup { .. } => 0.0,
        };
        file.finish(ALIGN, spec, spec_added, spec::MANIFEST_BYTES, range)
    }

    fn store_gguf(&self, kind: super::GgufType) -> Stored {
        let mut file = File::new(GGUF_ALIGN, self.rows.len());
        let mut names_known = false;
        for row in &self.rows {
            names_known |= row.sensitive != gguf::Sensitive::No;
            let types = gguf::types(row, kind, row.layers);
            let touch = match row.usage {
                Use::Vector => Touch::Left(Reason::OneDimensional),
                Use::Table | Use::Convolution => Touch::Left(Reason::UnsupportedConsumer),
                Use::Matrix | Use::Embedding | Use::TiedEmbedding => Touch::Compressed,
            };
            if row.usage == Use::Table {
                file.push_computed(row, touch);
            } else {
                let parts = types.map(|(kind, copies)| (StoredAs::Ggml(kind), gguf::pieces(row, kind), copies));
                file.push_parts(row, parts, touch);
            }
        }
        let header = spec::gguf_header(file.n_blobs, self.vocabulary);
        // Without names, the weights that get 6 bits in half of the layers are taken for 4-bit ones.
        let range = if kind == super::GgufType::Q4KM && !names_known { 0.1 } else { 0.0 };
        let mut stored = file.finish(0, header, Figure::exact(Bytes::ZERO), 0, 0.0);
        let high = Bytes::new(stored.weight_file) * range;
        let basis = stored.package.basis;
        stored.package = Figure::range(stored.package.value, stored.package.low, stored.package.high + high, basis);
        stored
    }

    fn store_mlx(&self, bits: u32, group: u32) -> Stored {
        let mut file = File::new(1, self.rows.len());
        for row in &self.rows {
            if row.usage == Use::Table {
                file.push_computed(row, Touch::Left(Reason::UnsupportedConsumer));
                continue;
            }
            let (stored_as, pieces, touch) = match mlx::quantize(row, bits, group) {
                Ok(pieces) => (StoredAs::Group { bits, group }, pieces, Touch::Compressed),
                Err(reason) => {
                    let data = plain(row.elements.saturating_mul(mlx::VALUE_BYTES));
                    (StoredAs::Dense, Pieces { data, ..Pieces::default() }, Touch::Left(reason))
                }
            };
            file.push(stored_as, pieces, touch, row);
        }
        let header = spec::mlx_header(file.n_blobs, self.vocabulary);
        file.finish(0, header, Figure::exact(Bytes::ZERO), 0, 0.0)
    }
}

impl Row<'_> {
    fn core_ml(&self, variant: &Variant, dialect: Dialect) -> (StoredAs, Pieces, Touch) {
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
                    super::ScaleScope::PerTensor => Granularity::PerTensor,
                    super::ScaleScope::PerChannel => Granularity::PerChannel,
                    super::ScaleScope::PerBlock(size) => Granularity::PerBlock(size),
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

/// A weight file as it grows.
struct File {
    align: u64,
    record: u64,
    weights: Vec<StoredWeight>,
    shared: Vec<u64>,
    n_blobs: u64,
    payload: u64,
    padding: u64,
    last_padding: u64,
    inline: u64,
}

impl File {
    fn new(align: u64, n_rows: usize) -> Self {
        let record = if align == ALIGN { ALIGN } else { 0 };
        let weights = Vec::with_capacity(n_rows);
        Self {
            align,
            record,
            weights,
            shared: Vec::new(),
            n_blobs: 0,
            payload: 0,
            padding: 0,
            last_padding: 0,
            inline: 0,
        }
    }

    fn push(&mut self, stored_as: StoredAs, pieces: Pieces, touch: Touch, row: &Row<'_>) {
        let bytes = self.count(&pieces, row.copies);
        let elements = row.elements.saturating_mul(row.copies);
        self.weights.push(StoredWeight { stored_as, pieces, bytes, elements, touch });
    }

    fn push_computed(&mut self, row: &Row<'_>, touch: Touch) {
        self.push(StoredAs::Computed, Pieces::default(), touch, row);
    }

    /// Adds a row whose copies are stored in one of two ways.
    fn push_parts(&mut self, row: &Row<'_>, parts: [(StoredAs, Pieces, u64); 2], touch: Touch) {
        let [first, second] = parts;
        let bytes = self.count(&first.1, first.2).saturating_add(self.count(&second.1, second.2));
        let (stored_as, pieces, _) = if second.2 > first.2 { second } else { first };
        let elements = row.elements.saturating_mul(row.copies);
        self.weights.push(StoredWeight { stored_as, pieces, bytes, elements, touch });
    }

    /// Counts the pieces of some copies and gives their bytes.
    fn count(&mut self, pieces: &Pieces, copies: u64) -> u64 {
        if copies == 0 {
            return 0;
        }
        let mut bytes: u64 = 0;
        for piece in [&pieces.data, &pieces.table, &pieces.scale, &pieces.offset, &pieces.mask] {
            let copies = match piece.site {
                Site::Absent => continue,
                Site::Inline => {
                    let inline = piece.bytes.saturating_mul(copies);
                    self.inline = self.inline.saturating_add(inline);
                    bytes = bytes.saturating_add(inline);
                    continue;
                }
                Site::Blob => copies,
                Site::Shared if self.shared.contains(&piece.bytes) => continue,
                Site::Shared => {
                    self.shared.push(piece.bytes);
                    1
                }
            };
            // The alignment is a power of two.
            self.last_padding = piece.bytes.wrapping_neg() & (self.align - 1);
            let stored = piece.bytes.saturating_mul(copies);
            self.payload = self.payload.saturating_add(stored);
            self.padding = self.padding.saturating_add(self.last_padding.saturating_mul(copies));
            self.n_blobs = self.n_blobs.saturating_add(copies);
            bytes = bytes.saturating_add(stored);
        }
        bytes
    }

    fn finish(self, header: u64, spec: Figure<Bytes>, spec_added: Figure<Bytes>, manifest: u64, range: f64) -> Stored {
        // The last blob is not padded, and a package without blobs has no weight file.
        let padding = self.padding.saturating_sub(self.last_padding);
        let records = self.n_blobs.saturating_mul(self.record);
        let header = if self.n_blobs == 0 { 0 } else { header };
        let weight_file = self.payload.saturating_add(records).saturating_add(padding).saturating_add(header);
        let rest = Bytes::new(weight_file) + Bytes::new(manifest);
        let package = Figure::range(
            spec.value + rest,
            spec.low + rest - Bytes::new(self.payload) * range,
            spec.high + rest,
            spec.basis,
        );
        Stored {
            weights: self.weights,
            n_blobs: self.n_blobs,
            payload: self.payload,
            records,
            padding,
            header,
            weight_file,
            inline: self.inline,
            spec,
            spec_added,
            manifest,
            package,
        }
    }
}

/// Marks the heads; an embedding without one is tied, as llama.cpp assumes.
fn find_heads(rows: &mut [Row<'_>], vocabulary: u64) {
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
fn number_layers(rows: &mut [Row<'_>]) {
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

/// Bytes of one value of the program.
fn value_bytes(precision: Precision) -> u64 {
    match precision {
        Precision::Fp32 => 4,
        Precision::Fp16 | Precision::W8A8 => 2,
    }
}

/// Bytes of `elements` packed elements.
pub(super) fn packed(elements: u64, bits: u32) -> u64 {
    // Whole bytes and the rest apart, so that nothing overflows.
    let bits = u64::from(bits);
    (elements / 8).saturating_mul(bits).saturating_add((elements % 8 * bits).div_ceil(8))
}

/// A piece of a Core ML program: in the weight file when it has enough elements.
pub(super) fn piece(elements: u64, bytes: u64) -> Piece {
    Piece { bytes, site: if elements >= BLOB_ELEMENTS { Site::Blob } else { Site::Inline } }
}

/// A piece that is all zeros: stored once when it has enough elements.
pub(super) fn shared_piece(elements: u64, bytes: u64) -> Piece {
    if elements >= SHARED_ELEMENTS { Piece { bytes, site: Site::Shared } } else { piece(elements, bytes) }
}

/// A piece of a file without inline values.
pub(super) fn plain(bytes: u64) -> Piece {
    Piece { bytes, site: Site::Blob }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FunctionBuilder, Role};

    fn one(kind: OpKind, param: &str, shape: &[u64]) -> Model {
        let mut model = Model::default();
        let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
        let x = f.input("x", DType::Fp16, &[1]);
        let weight = f.weight("w", DType::Fp16, shape);
        let y = f.op(kind, &[("x", x), (param, weight)], DType::Fp16, &[1]);
        f.finish(&[y]);
        model
    }

    fn touch(model: &Model, id: &str) -> Option<Touch> {
        Variant::from_id(id)
            .map(|variant| store(&variant, model))
            .and_then(|stored| stored.weights.first().map(|w| w.touch))
    }

    #[test]
    fn small_weights_and_vectors_stay_as_they_are() {
        for variant in super::super::EVERY.iter().filter(|variant| variant.runtime == super::super::Runtime::CoreMl) {
            let id = variant.id();
            let small = touch(&one(OpKind::Linear, "weight", &[32, 64]), &id);
            let vector = touch(&one(OpKind::Linear, "bias", &[4096]), &id);
            let nothing = matches!(variant.compression, Compression::None);
            let expect = |reason| Some(Touch::Left(if nothing { Reason::NothingToDo } else { reason }));
            assert_eq!(small, expect(Reason::TooSmall), "{id}");
            assert_eq!(vector, expect(Reason::OneDimensional), "{id}");
        }
    }

    #[test]
    fn what_does_not_divide_is_left() {
        let conv = one(OpKind::Conv, "weight", &[64, 3, 7, 7]);
        assert_eq!(touch(&conv, "int4-block32"), Some(Touch::Left(Reason::BlockDoesNotDivide)));
        assert_eq!(touch(&conv, "lut4-g16"), Some(Touch::Compressed));
        let head = one(OpKind::Linear, "weight", &[1000, 2048]);
        assert_eq!(touch(&head, "lut4-g16"), Some(Touch::Left(Reason::GroupDoesNotDivide)));
        assert_eq!(touch(&head, "int4-block32"), Some(Touch::Compressed));
        let odd = one(OpKind::Linear, "weight", &[1001, 2048]);
        assert_eq!(touch(&odd, "lut4-v2"), Some(Touch::Left(Reason::VectorDoesNotDivide)));
    }

    #[test]
    fn a_zero_point_is_stored_only_up_to_ios_17() {
        let mut model = one(OpKind::Linear, "weight", &[256, 64]);
        let variant = Variant::from_id("int8-channel").unwrap_or_else(|| unreachable!());
        // 16,384 codes, 256 scales, 256 zero points, three records, the header; all multiples of 64.
        assert_eq!(store(&variant, &model).weight_file, 64 + 3 * 64 + 16_384 + 512 + 256);
        model.spec_version = 9;
        assert_eq!(store(&variant, &model).weight_file, 64 + 2 * 64 + 16_384 + 512);
    }

    #[test]
    fn a_compressed_upload_keeps_its_parts_until_another_variant_is_chosen() {
        let mut model = one(OpKind::Linear, "weight", &[256, 64]);
        if let Some(weight) = model.weights.first_mut() {
            weight.encoding = Encoding::Palettized { bits: 4, tables: 1, vector: 1, int8_table: false };
            let part = |role, dtype, bytes| crate::model::Part { role, dtype, bytes, place: Place::Planned };
            weight.parts = vec![part(PartRole::Data, DType::UInt4, 8192), part(PartRole::Table, DType::Fp16, 32)];
        }
        let size = |id: &str| Variant::from_id(id).map(|variant| store(&variant, &model).payload);
        assert_eq!(size("fp16"), Some(8224));
        assert_eq!(size("lut6"), Some(16_384 * 6 / 8 + 128));
    }

    #[test]
    fn copies_count_with_their_own_padding() {
        let mut model = one(OpKind::Linear, "bias", &[33]);
        if let Some(weight) = model.weights.first_mut() {
            weight.copies = 3;
        }
        let stored = store(&Variant::from_id("fp16").unwrap_or_else(|| unreachable!()), &model);
        // 66 bytes each; the last one is not padded.
        assert_eq!((stored.payload, stored.padding, stored.records, stored.n_blobs), (198, 2 * 62, 192, 3));
    }

    #[test]
    fn q4_k_m_gives_the_head_and_half_of_the_values_six_bits() {
        let mut model = Model::default();
        let mut f = FunctionBuilder::new(&mut model, "decode", Role::Decode { context: 8 });
        let x = f.input("x", DType::Int32, &[1]);
        let embedding = f.weight("embed", DType::Fp16, &[1024, 256]);
        let x = f.op(OpKind::Gather, &[("x", embedding), ("indices", x)], DType::Fp16, &[1, 256]);
        f.section(8);
        let values = f.weight("v_proj", DType::Fp16, &[256, 256]);
        let x = f.op(OpKind::Linear, &[("x", x), ("weight", values)], DType::Fp16, &[1, 256]);
        f.section(1);
        let head = f.weight("lm_head", DType::Fp16, &[1024, 256]);
        let y = f.op(OpKind::Linear, &[("x", x), ("weight", head)], DType::Fp16, &[1, 1024]);
        f.finish(&[y]);
        let stored = store(&Variant::from_id("llama.cpp-q4_k_m").unwrap_or_else(|| unreachable!()), &model);
        let bytes: Vec<u64> = stored.weights.iter().map(|weight| weight.bytes).collect();
        // Rows of one block each: 144 bytes at 4 bits, 210 at 6.
        assert_eq!(bytes, [1024 * 144, 4 * 256 * 210 + 4 * 256 * 144, 1024 * 210]);
        assert_eq!(
            store(&Variant::from_id("mlx-4bit").unwrap_or_else(|| unreachable!()), &model).weights[2].bytes,
            1024 * (128 + 16)
        );
    }
}
