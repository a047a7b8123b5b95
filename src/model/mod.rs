//! The one graph type: functions of operations with shapes and dtypes, and a table of weights.
//!
//! A parsed `.mlpackage` and a preset lowered from its architecture both become a [`Model`]; whatever estimates or
//! places works on it alone. Invariants: operations stand in topological order; every [`ValueId`], [`WeightId`] and
//! [`Sym`] of a model indexes into that model's own tables; a weight that is stored once is one row, however many
//! operations read it; layers that repeat are one [`Section`] with `times`, and their weights one row with `copies`.
//! Absent on purpose: weight values (only their sizes, types and places), and anything a device or a variant decides.

mod build;
mod defaults;
mod dtype;
mod op;
mod weight;

pub use build::FunctionBuilder;
pub use dtype::DType;
pub use op::OpKind;
pub use weight::{Consumer, Encoding, Granularity, Part, PartRole, Place, Weight};

use serde::{Deserialize, Serialize};

/// A name in the model's table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sym(pub u32);
/// A value in its function's table of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ValueId(pub u32);
/// A row of the model's table of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WeightId(pub u32);

/// A model: what it computes and what it stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What a person calls it.
    pub name: String,
    /// Core ML specification version (6 = iOS 15 … 10 = iOS 26); 0 when the model is not from a file.
    pub spec_version: u32,
    /// Names of unknown operations and of operation parameters, each once.
    pub names: Names,
    /// One for each entry point.
    pub functions: Vec<Function>,
    /// Every stored weight, once.
    pub weights: Vec<Weight>,
    /// Sizes of the files it was read from; `None` for a model that is not from a file.
    pub on_disk: Option<OnDisk>,
    /// Functions whose inputs vary in shape.
    pub flexible: Vec<Flexible>,
}

/// A function whose inputs vary in shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flexible {
    /// Its name.
    pub function: String,
    /// How they vary.
    pub how: Flexibility,
    /// Whether the function computes with shapes, too.
    pub computes_shapes: bool,
    /// Default sizes of its inputs, by name, where the file states them.
    pub defaults: Vec<(String, Vec<u64>)>,
}

/// How the shapes of a function's inputs vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flexibility {
    /// Not at all.
    Fixed,
    /// A list of shapes.
    Listed,
    /// A range of sizes.
    Range {
        /// The widest range: its last size less its first.
        span: u64,
    },
}

/// Sizes of the files of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDisk {
    /// The specification.
    pub spec: u64,
    /// Everything that is neither the specification nor a weight file.
    pub other: u64,
    /// All files.
    pub total: u64,
}

/// A table of names, each stored once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    all: Vec<String>,
    #[serde(skip)]
    index: std::collections::HashMap<String, Sym>,
}

impl Names {
    /// The symbol of a name; adds it when it is new.
    pub fn intern(&mut self, name: &str) -> Sym {
        if self.index.len() != self.all.len() {
            self.index = self.all.iter().enumerate().map(|(at, name)| (name.clone(), Sym(at as u32))).collect();
        }
        if let Some(sym) = self.index.get(name) {
            return *sym;
        }
        let sym = Sym(self.all.len() as u32);
        self.all.push(name.to_owned());
        self.index.insert(name.to_owned(), sym);
        sym
    }

    /// The name of a symbol.
    #[must_use]
    pub fn get(&self, sym: Sym) -> &str {
        self.all.get(sym.0 as usize).map_or("", String::as_str)
    }

    /// The symbol of a name, if the table has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Sym> {
        if self.index.len() == self.all.len() {
            self.index.get(name).copied()
        } else {
            self.all.iter().position(|known| known == name).map(|at| Sym(at as u32))
        }
    }
}

/// What a function is for; decides which of its numbers mean prompt tokens and which generated tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Reads `tokens` prompt tokens in one call.
    Prefill {
        /// Tokens of one call.
        tokens: u32,
    },
    /// Writes one token with `context` tokens already in the cache.
    Decode {
        /// Capacity of the cache that the call reads.
        context: u32,
    },
    /// One call does the whole job (a classifier, an encoder, one diffusion step).
    Single,
    /// Runs `times` times for one job beside the others (a diffusion step among encoders).
    Step {
        /// Calls for one job.
        times: u32,
    },
}

/// One entry point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// `main`, `prefill`, `decode` …
    pub name: String,
    /// The operation set (`CoreML7` …); empty when the function is not from a file.
    pub opset: String,
    /// What a call of it does.
    pub role: Role,
    /// Every value of the function and of its nested blocks.
    pub values: Vec<Value>,
    /// What a call takes, states aside.
    pub inputs: Vec<ValueId>,
    /// What a call returns.
    pub outputs: Vec<ValueId>,
    /// What stays between calls (a KV cache).
    pub states: Vec<ValueId>,
    /// The operations, in order. A parsed function is one section; a lowered one has a section for each run of layers.
    pub sections: Vec<Section>,
}

/// A run of operations, and how many times the graph holds it in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Identical copies in a row (the layers of a transformer).
    pub times: u32,
    /// The operations of one copy.
    pub ops: Vec<Op>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// Its type.
    pub kind: OpKind,
    /// Arguments by parameter name; a list argument has several values.
    pub inputs: Vec<(Sym, Vec<ValueId>)>,
    /// Results. `write_state` has none.
    pub outputs: Vec<ValueId>,
    /// Bodies of `cond` and `while_loop`.
    pub blocks: Vec<Block>,
}

/// The body of a control-flow operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its parameters.
    pub inputs: Vec<ValueId>,
    /// Its results.
    pub outputs: Vec<ValueId>,
    /// Its operations.
    pub ops: Vec<Op>,
}

/// A value: a tensor (or list, dictionary …) that something produces and something reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The MIL name.
    pub name: String,
    /// Its type.
    pub ty: ValueType,
    /// Where it comes from.
    pub def: Def,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Def {
    /// An input of the function or of a nested block.
    Input,
    /// A state of the function.
    State,
    /// The result of an operation.
    Op,
    /// A small constant, kept whole.
    Const(Literal),
    /// A stored weight.
    Weight(WeightId),
}

/// A small constant. Longer ones keep only their type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Literal {
    /// Integers of any width.
    Ints(Vec<i64>),
    /// Floating point of any width.
    Floats(Vec<f32>),
    /// Truth values.
    Bools(Vec<bool>),
    /// Text, such as a padding type.
    Text(String),
    /// Too long to keep, or of a type with no other form.
    Opaque,
}

/// One dimension of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dim {
    /// Known when the model is compiled.
    Fixed(u64),
    /// Decided at run time.
    Flexible,
}

/// Element type and shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<Dim>,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueType {
    /// A tensor or scalar.
    Tensor(TensorType),
    /// A list, dictionary, tuple or a type this version does not know.
    Other,
}

impl TensorType {
    /// A tensor of fixed dimensions.
    #[must_use]
    pub fn fixed(dtype: DType, shape: &[u64]) -> Self {
        Self { dtype, shape: shape.iter().map(|size| Dim::Fixed(*size)).collect() }
    }

    /// Elements, with every flexible dimension taken as one; `None` on overflow.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |product, dim| match dim {
            Dim::Fixed(size) => product.checked_mul(*size),
            Dim::Flexible => Some(product),
        })
    }

    /// Bytes of the tensor in memory (sub-byte types packed); 0 for strings, unknown types and overflowing shapes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bits = u64::from(self.dtype.bits().unwrap_or(0));
        self.elements().and_then(|elements| elements.checked_mul(bits)).map_or(0, |bits| bits.div_ceil(8))
    }

    /// Whether some dimension is decided at run time.
    #[must_use]
    pub fn is_flexible(&self) -> bool {
        self.shape.contains(&Dim::Flexible)
    }
}

impl ValueType {
    /// The tensor type, if it is a tensor.
    #[must_use]
    pub fn tensor(&self) -> Option<&TensorType> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Other => None,
        }
    }
}

impl Function {
    /// The value of an id.
    #[must_use]
    pub fn value(&self, id: ValueId) -> Option<&Value> {
        self.values.get(id.0 as usize)
    }

    /// The tensor type of a value, if it is a tensor.
    #[must_use]
    pub fn tensor(&self, id: ValueId) -> Option<&TensorType> {
        self.value(id).and_then(|value| value.ty.tensor())
    }

    /// The small constant behind a value, if it is one.
    #[must_use]
    pub fn literal(&self, id: ValueId) -> Option<&Literal> {
        match self.value(id).map(|value| &value.def) {
            Some(Def::Const(literal)) => Some(literal),
            _ => None,
        }
    }

    /// The weight behind a value, if it is one.
    #[must_use]
    pub fn weight(&self, id: ValueId) -> Option<WeightId> {
        match self.value(id).map(|value| &value.def) {
            Some(Def::Weight(weight)) => Some(*weight),
            _ => None,
        }
    }

    /// Every top-level operation with how many times the graph holds it.
    pub fn ops(&self) -> impl Iterator<Item = (u32, &Op)> {
        self.sections.iter().flat_map(|section| section.ops.iter().map(move |op| (section.times, op)))
    }

    /// Visits every operation, nested ones included, with how many times the graph holds it.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(u32, &'a Op)) {
        // An explicit stack: nesting comes from files and may be deep.
        for section in &self.sections {
            let mut waiting: Vec<&Op> = section.ops.iter().rev().collect();
            while let Some(op) = waiting.pop() {
                visit(section.times, op);
                waiting.extend(op.blocks.iter().rev().flat_map(|block| block.ops.iter().rev()));
            }
        }
    }
}

impl Op {
    /// The first value of a named argument.
    #[must_use]
    pub fn input(&self, names: &Names, param: &str) -> Option<ValueId> {
        self.all(names, param).and_then(|values| values.first().copied())
    }

    /// Every value of a named argument.
    #[must_use]
    pub fn all(&self, names: &Names, param: &str) -> Option<&[ValueId]> {
        self.inputs.iter().find(|(sym, _)| names.get(*sym) == param).map(|(_, values)| values.as_slice())
    }
}

impl Model {
    /// The weight of an id.
    #[must_use]
    pub fn weight(&self, id: WeightId) -> Option<&Weight> {
        self.weights.get(id.0 as usize)
    }

    /// Logical (decompressed) elements of every weight, each stored weight once.
    #[must_use]
    pub fn n_params(&self) -> u64 {
        self.weights
            .iter()
            .map(|weight| weight.elements().saturating_mul(u64::from(weight.copies)))
            .fold(0, u64::saturating_add)
    }

    /// The MIL name of an operation.
    #[must_use]
    pub fn op_name(&self, kind: OpKind) -> &str {
        match kind {
            OpKind::Other(sym) => self.names.get(sym),
            known => known.known_name().unwrap_or_default(),
        }
    }
}
