//! Random valid packages, each with its own truth: what was put in is known, whatever the reader says.

use std::collections::BTreeMap;

use coreml_planner::model::{Encoding, Granularity};
use proptest::prelude::*;

use super::{
    Files,
    wire::{map_entry, message, named, number, op, tensor, text},
};

/// A piece of a function.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An operation without weights.
    Plain(usize),
    /// A branch of so many plain operations on either side, and so many branches around it.
    Branch { n_true: usize, n_false: usize, depth: usize },
    /// A state that is read and written.
    State,
    /// A constant in the specification.
    Small(u64),
    /// A weight that an operation reads.
    Weight { rows: u64, columns: u64, form: Form },
    /// A weight that was stored before, whichever function it was in.
    Again(usize),
}

/// How a weight is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Dense16,
    Dense32,
    /// iOS 16: one table, indices packed into bytes.
    Table16(u32),
    /// iOS 16: a scale and a zero point for each row.
    Affine16,
    /// iOS 16: a mask and what is left.
    Sparse16,
    /// iOS 18: a table for each group of rows.
    Table18(u32),
    /// iOS 18: a scale for each two columns.
    Block18(u32),
}

/// What to write.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) functions: Vec<Vec<Step>>,
    /// Bytes at the end of the weight file that nothing refers to, in units of 64.
    pub(crate) slack: usize,
    /// Bytes of a file that nothing refers to.
    pub(crate) stray: usize,
}

/// What was written.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Truth {
    /// Operations of each function by name.
    pub(crate) ops: BTreeMap<String, BTreeMap<String, u64>>,
    /// By name: elements, stored bytes, encoding.
    pub(crate) weights: BTreeMap<String, (u64, u64, String)>,
    pub(crate) n_states: usize,
    pub(crate) unaccounted: u64,
    pub(crate) total: u64,
}

const PLAIN: [&str; 6] = ["relu", "softmax", "gelu", "add", "transpose", "no_such_operation"];

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Dense16),
        Just(Form::Dense32),
        prop::sample::select(vec![4, 6, 8]).prop_map(Form::Table16),
        Just(Form::Affine16),
        Just(Form::Sparse16),
        prop::sample::select(vec![1, 2, 3, 4, 6, 8]).prop_map(Form::Table18),
        prop::sample::select(vec![4, 8]).prop_map(Form::Block18),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..PLAIN.len()).prop_map(Step::Plain),
        1 => (0..4_usize, 0..4_usize, 0..8_usize)
            .prop_map(|(n_true, n_false, depth)| Step::Branch { n_true, n_false, depth }),
        1 => Just(Step::State),
        1 => (0..9_u64).prop_map(Step::Small),
        4 => (1..9_u64, 2..33_u64, any_form())
            .prop_map(|(rows, columns, form)| Step::Weight { rows: rows * 2, columns: columns * 2, form }),
        1 => (0..100_usize).prop_map(Step::Again),
    ]
}

pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
    let functions = prop::collection::vec(prop::collection::vec(any_step(), 0..12), 1..4);
    (functions, 0..3_usize, prop_oneof![Just(0_usize), 1..500_usize]).prop_map(|(functions, slack, stray)| Plan {
        functions,
        slack,
        stray,
    })
}

/// Writes the files of a package.
pub(crate) fn write(plan: &Plan) -> (Files, Truth) {
    let mut writer = Writer { weights: vec![0; 64], ..Writer::default() };
    let (mut functions, mut described) = (Vec::new(), Vec::new());
    for (at, steps) in plan.functions.iter().enumerate() {
        let name = format!("f{at}");
        functions.extend(writer.function(&name, steps));
        described.push(message(20, &[text(1, &name), message(2, &[text(1, "x")]), message(3, &[text(1, "y")])]));
    }
    let description = [described.concat(), text(21, "f0")];
    let spec = [number(1, 9), message(2, &description), message(502, &[number(1, 1), functions])].concat();
    let mut weights = writer.weights;
    weights[0..4].copy_from_slice(&writer.n_blobs.to_le_bytes());
    weights[4] = 2;
    weights.resize(weights.len() + plan.slack * 64, 0xAA);
    // A file without blobs has no header: coremltools writes none, and nothing would refer to it.
    let has_weights = writer.n_blobs > 0;
    let item = |id: &str, path: &str| {
        format!(r#""{id}":{{"author":"a","description":"d","name":"n","path":"com.apple.CoreML/{path}"}}"#)
    };
    let manifest = format!(
        r#"{{"fileFormatVersion":"1.0.0","itemInfoEntries":{{{},{}}},"rootModelIdentifier":"A"}}"#,
        item("A", "model.mlmodel"),
        item("B", "weights")
    );
    let mut files = vec![
        ("Manifest.json".to_owned(), manifest.into_bytes()),
        ("Data/com.apple.CoreML/model.mlmodel".to_owned(), spec),
    ];
    let mut truth = writer.truth;
    if has_weights {
        files.push(("Data/com.apple.CoreML/weights/weight.bin".to_owned(), weights));
        truth.unaccounted += plan.slack as u64 * 64;
    }
    if plan.stray > 0 {
        files.push(("Data/notes.txt".to_owned(), vec![b'n'; plan.stray]));
        truth.unaccounted += plan.stray as u64;
    }
    truth.total = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    (files, truth)
}

/// A weight that can be stored again: the operation that makes it, without its result.
#[derive(Clone)]
struct Stored {
    kind: &'static str,
    parts: Vec<u8>,
    shape: [u64; 2],
}

#[derive(Default)]
struct Writer {
    weights: Vec<u8>,
    n_blobs: u32,
    stored: Vec<Stored>,
    n_names: usize,
    truth: Truth,
    ops: BTreeMap<String, u64>,
}

impl Writer {
    fn function(&mut self, name: &str, steps: &[Step]) -> Vec<u8> {
        self.ops = BTreeMap::new();
        let (mut inputs, mut operations, mut last) =
            ([named(1, "x", 10, &[4]), named(1, "flag", 1, &[])].concat(), Vec::new(), "x".to_owned());
        for step in steps {
            let next = self.name("v");
            match step {
                Step::Plain(kind) => operations.extend(self.plain(PLAIN[*kind], &last, &next)),
                Step::Branch { n_true, n_false, depth } => {
                    let mut inside = self.branch(*n_true, *n_false, &last, &next);
                    for _ in 0..*depth {
                        self.count("cond");
                        let block = message(4, &[text(2, &next), inside]);
                        inside = op("cond", &[("pred", "flag")], &next, &[block.clone(), block_of_nothing(&last)]);
                    }
                    operations.extend(inside);
                }
                Step::State => {
                    let state = self.name("state");
                    let inner = message(1, &[message(1, &[number(1, 10), number(2, 0)])]);
                    inputs.extend(message(1, &[text(1, &state), message(2, &[message(5, &[inner])])]));
                    self.truth.n_states += 1;
                    self.count("read_state");
                    operations.extend(op("read_state", &[("input", &state)], &next, &[]));
                }
                Step::Small(n) => {
                    let small = self.name("small");
                    let values = message(3, &[message(1, &[message(2, &[message(1, &[vec![1; *n as usize]])])])]);
                    let value = message(2, &[tensor(2, 23, &[*n]), values]);
                    operations.extend(op("const", &[], &small, &[message(5, &[text(1, "val"), value])]));
                    self.count("reshape");
                    operations.extend(op("reshape", &[("x", &last), ("shape", &small)], &next, &[]));
                }
                Step::Weight { rows, columns, form } => {
                    let stored = self.store(*rows, *columns, *form);
                    let weight = self.name("w");
                    self.learn(&weight, *rows, *columns, *form);
                    operations.extend(stored.operation(&weight));
                    self.stored.push(stored);
                    self.count("linear");
                    operations.extend(op("linear", &[("x", &last), ("weight", &weight)], &next, &[]));
                }
                Step::Again(which) => {
                    let Some(stored) = self.stored.get(which % self.stored.len().max(1)).cloned() else {
                        operations.extend(self.plain("relu", &last, &next));
                        last = next;
                        continue;
                    };
                    let weight = self.name("again");
                    operations.extend(stored.operation(&weight));
                    self.count("linear");
                    operations.extend(op("linear", &[("x", &last), ("weight", &weight)], &next, &[]));
                }
            }
            last = next;
        }
        self.truth.ops.insert(name.to_owned(), std::mem::take(&mut self.ops));
        let block = map_entry(3, "CoreML8", &[text(2, &last), operations]);
        map_entry(2, name, &[inputs, text(2, "CoreML8"), block])
    }

    fn name(&mut self, kind: &str) -> String {
        self.n_names += 1;
        format!("{kind}_{}", self.n_names)
    }

    fn count(&mut self, kind: &str) {
        *self.ops.entry(kind.to_owned()).or_default() += 1;
    }

    fn plain(&mut self, kind: &str, input: &str, output: &str) -> Vec<u8> {
        self.count(kind);
        op(kind, &[("x", input)], output, &[])
    }

    fn branch(&mut self, n_true: usize, n_false: usize, input: &str, output: &str) -> Vec<u8> {
        self.count("cond");
        let side = |writer: &mut Self, n: usize| {
            let (mut operations, mut last) = (Vec::new(), input.to_owned());
            for _ in 0..n {
                let next = writer.name("b");
                operations.extend(writer.plain("exp", &last, &next));
                last = next;
            }
            message(4, &[text(2, &last), operations])
        };
        let blocks = [side(self, n_true), side(self, n_false)];
        op("cond", &[("pred", "flag")], output, &blocks)
    }

    /// What the reader must say of a weight.
    fn learn(&mut self, name: &str, rows: u64, columns: u64, form: Form) {
        let n = rows * columns;
        let table = |bits, tables| Encoding::Palettized { bits, tables, vector: 1, int8_table: false };
        let (bytes, encoding) = match form {
            Form::Dense16 => (n * 2, Encoding::Dense),
            Form::Dense32 => (n * 4, Encoding::Dense),
            Form::Table16(bits) => (packed(n, bits) + 2 * (1 << bits), table(bits, 1)),
            Form::Affine16 => (n + 3 * rows, Encoding::Linear { bits: 8, granularity: Granularity::PerChannel }),
            Form::Sparse16 => {
                let values = Box::new(Encoding::Dense);
                (packed(n, 1) + n / 2 * 2, Encoding::Sparse { values, sparsity: 0.5 })
            }
            Form::Table18(bits) => (packed(n, bits) + 2 * 2 * (1 << bits), table(bits, 2)),
            Form::Block18(bits) => {
                let encoding = Encoding::Linear { bits, granularity: Granularity::PerBlock(2) };
                (packed(n, bits) + n / 2 * 2, encoding)
            }
        };
        self.truth.weights.insert(name.to_owned(), (n, bytes, format!("{encoding:?}")));
    }

    fn store(&mut self, rows: u64, columns: u64, form: Form) -> Stored {
        let (n, shape) = (rows * columns, [rows, columns]);
        let shape_of = |field| {
            let values = message(3, &[message(1, &[message(2, &[message(1, &[vec![rows as u8, columns as u8]])])])]);
            map_entry(field, "shape", &[tensor(2, 33, &[2]), values])
        };
        // The type of a blob has a number of its own; the specification's is the first of each pair.
        let (kind, parts) = match form {
            Form::Dense16 => ("const", self.part("val", (10, 1), &shape, n * 2, Place::Attribute)),
            Form::Dense32 => ("const", self.part("val", (11, 2), &shape, n * 4, Place::Attribute)),
            Form::Table16(bits) => {
                let bytes = packed(n, bits);
                let indices = self.part("indices", (31, 3), &[bytes], bytes, Place::Attribute);
                let lut = self.part("lut", (10, 1), &[1 << bits], 2 << bits, Place::Attribute);
                ("constexpr_lut_to_dense", [indices, lut, shape_of(5)].concat())
            }
            Form::Affine16 => {
                let data = self.part("quantized_data", (21, 4), &shape, n, Place::Attribute);
                let scale = self.part("scale", (10, 1), &[rows], rows * 2, Place::Attribute);
                let zero = self.part("zero_point", (21, 4), &[rows], rows, Place::Attribute);
                ("constexpr_affine_dequantize", [data, scale, zero].concat())
            }
            Form::Sparse16 => {
                let mask = self.part("mask", (31, 3), &[packed(n, 1)], packed(n, 1), Place::Attribute);
                let data = self.part("nonzero_data", (10, 1), &[n / 2], n / 2 * 2, Place::Attribute);
                ("constexpr_sparse_to_dense", [mask, data, shape_of(5)].concat())
            }
            Form::Table18(bits) => {
                let indices = self.part("indices", unsigned(bits), &shape, packed(n, bits), Place::Input);
                let lut = self.part("lut", (10, 1), &[2, 1, 1 << bits, 1], 4 << bits, Place::Input);
                ("constexpr_lut_to_dense", [indices, lut].concat())
            }
            Form::Block18(bits) => {
                let numbers = if bits == 4 { (25, 8) } else { (21, 4) };
                let data = self.part("data", numbers, &shape, packed(n, bits), Place::Input);
                let scale = self.part("scale", (10, 1), &[rows, columns / 2], n / 2 * 2, Place::Input);
                ("constexpr_blockwise_shift_scale", [data, scale].concat())
            }
        };
        Stored { kind, parts, shape }
    }

    /// A parameter whose values are a new blob.
    fn part(&mut self, param: &str, dtype: (u64, u32), shape: &[u64], bytes: u64, place: Place) -> Vec<u8> {
        let offset = self.weights.len() as u64;
        self.n_blobs += 1;
        self.weights.extend(0xDEAD_BEEF_u32.to_le_bytes());
        self.weights.extend(dtype.1.to_le_bytes());
        self.weights.extend(bytes.to_le_bytes());
        self.weights.extend((offset + 64).to_le_bytes());
        self.weights.resize(offset as usize + 64, 0);
        self.weights.resize((offset as usize + 64 + bytes as usize).next_multiple_of(64), 7);
        let blob = message(5, &[text(1, "@model_path/weights/weight.bin"), number(2, offset)]);
        let value = [tensor(2, dtype.0, shape), blob];
        match place {
            Place::Attribute => map_entry(5, param, &value),
            Place::Input => map_entry(2, param, &[message(1, &[message(2, &value)])]),
        }
    }
}

/// Where an operation has a constant.
#[derive(Clone, Copy)]
enum Place {
    Attribute,
    Input,
}

impl Stored {
    fn operation(&self, name: &str) -> Vec<u8> {
        let dtype = 10;
        message(3, &[text(1, self.kind), self.parts.clone(), named(3, name, dtype, &self.shape)])
    }
}

/// Bytes of elements that are packed bit by bit.
fn packed(n: u64, bits: u32) -> u64 {
    (n * u64::from(bits)).div_ceil(8)
}

/// The specification's and the weight file's numbers of an unsigned type.
fn unsigned(bits: u32) -> (u64, u32) {
    match bits {
        1 => (37, 9),
        2 => (36, 10),
        3 => (39, 12),
        4 => (35, 11),
        6 => (38, 13),
        _ => (31, 3),
    }
}

fn block_of_nothing(output: &str) -> Vec<u8> {
    message(4, &[text(2, output)])
}
