//! How large the specification is: estimated, because names and small constants decide it.
//!
//! The constants are fitted over real packages of coremltools 9.0. Dense programs: 29 packages of 20 to 2,002 operations,
//! least squares on relative error, median error 2 %, all within −8 % and +16 %. What compression adds: the pairs in
//! `tests/cases/variant_sizes`, whose test prints predicted against real. Headers of GGUF and safetensors files follow
//! from their formats; what a tokenizer costs is a wide assumption.

use super::{row::Dialect, stored::StoredAs};
use crate::{
    model::{Function, Op, OpKind, Sym},
    units::{Basis, Bytes, Figure},
};

/// `Manifest.json` of a package with a specification and a weights folder, as coremltools writes it.
pub(super) const MANIFEST_BYTES: u64 = 617;

/// Bytes of an operation in the specification, its constants aside.
const BYTES_PER_OP: f64 = 131.5;
/// Bytes of a constant, weights included (name, type, and the place of its blob).
const BYTES_PER_CONST: f64 = 168.0;
/// Ends of the fit: real over predicted.
const FIT_LOW: f64 = 0.86;
const FIT_HIGH: f64 = 1.09;
/// Constants for each operation in the fitted packages: fewest and most.
const CONSTS_PER_OP: (f64, f64) = (1.0, 3.1);

/// Bytes of a constexpr beyond the constant that it replaces: best, lowest, highest.
type Cost = (f64, f64, f64);
const PER_LUT_ATTRIBUTES: Cost = (141.0, 105.0, 178.0);
const PER_AFFINE_ATTRIBUTES: Cost = (190.0, 130.0, 245.0);
const PER_SPARSE_ATTRIBUTES: Cost = (165.0, 145.0, 190.0);
const PER_INPUTS: Cost = (140.0, 100.0, 168.0);
const PER_VECTOR: Cost = (178.0, 150.0, 198.0);
const PER_JOINT: Cost = (690.0, 640.0, 745.0);
/// A quantize and a dequantize operation with their scales.
const PER_PAIR: Cost = (697.0, 640.0, 760.0);

/// What decides the size of a dense program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Program {
    /// Whether the constants are those of a real file.
    pub(super) from_file: bool,
    /// Operations of all functions, constants aside.
    pub(super) n_ops: u64,
    /// Constants of all functions, weights included.
    pub(super) n_consts: u64,
    /// Inputs that `linear_quantize_activations` puts a quantize/dequantize pair before.
    pub(super) n_quantized_inputs: u64,
    /// Different values among them: pairs before the same value may be merged.
    pub(super) n_quantized_values: u64,
}

impl Program {
    /// Counts one operation; `seen` marks the values of the function that have a pair already.
    pub(super) fn note(
        &mut self,
        function: &Function,
        op: &Op,
        times: u32,
        (x, y): (Option<Sym>, Option<Sym>),
        seen: &mut [bool],
    ) {
        let times = u64::from(times);
        self.n_ops += times;
        let live = |param: Option<Sym>| {
            let value = op.inputs.iter().find(|(sym, _)| Some(*sym) == param).and_then(|(_, values)| values.first());
            value.filter(|value| function.weight(**value).is_none() && function.literal(**value).is_none())
        };
        let quantized = match op.kind {
            OpKind::Conv | OpKind::Linear | OpKind::AvgPool | OpKind::MaxPool => [live(x), None],
            OpKind::Add => match (live(x), live(y)) {
                (Some(x), Some(y)) => [Some(x), Some(y)],
                (None | Some(_), None | Some(_)) => return,
            },
            _ => return,
        };
        for value in quantized.into_iter().flatten() {
            self.n_quantized_inputs += times;
            if let Some(seen) = seen.get_mut(value.0 as usize)
                && !*seen
            {
                *seen = true;
                self.n_quantized_values += times;
            }
        }
    }

    /// The specification of the dense program.
    pub(super) fn bytes(&self) -> Figure<Bytes> {
        let cost = |n_consts: f64| Bytes::new(self.n_ops) * BYTES_PER_OP + Bytes::new(1) * (n_consts * BYTES_PER_CONST);
        let n_ops = self.n_ops as f64;
        let known = self.n_consts as f64;
        if self.from_file {
            let value = cost(known);
            return Figure::range(value, value * FIT_LOW, value * FIT_HIGH, Basis::Derived);
        }
        // A planned graph leaves small constants out: between the fewest and the most of the packages of the fit.
        let (low, high) = (n_ops * CONSTS_PER_OP.0, n_ops * CONSTS_PER_OP.1);
        let value = cost(known.max(low).min(high));
        Figure::range(value, cost(low) * FIT_LOW, cost(high) * FIT_HIGH, Basis::Derived)
    }
}

/// What compression adds to a program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Added {
    value: f64,
    low: f64,
    high: f64,
}

impl Added {
    /// Counts a compressed weight.
    pub(super) fn note(&mut self, stored_as: StoredAs, dialect: Dialect, copies: u64) {
        let cost = match (stored_as, dialect) {
            (StoredAs::SparsePalettized { .. }, _) => PER_JOINT,
            (StoredAs::Palettized { vector: 2.., .. }, _) => PER_VECTOR,
            (StoredAs::Palettized { .. }, Dialect::Attributes) => PER_LUT_ATTRIBUTES,
            (StoredAs::Linear { .. }, Dialect::Attributes) => PER_AFFINE_ATTRIBUTES,
            (StoredAs::Sparse { .. }, Dialect::Attributes) => PER_SPARSE_ATTRIBUTES,
            (StoredAs::Palettized { .. } | StoredAs::Linear { .. } | StoredAs::Sparse { .. }, Dialect::Inputs) => {
                PER_INPUTS
            }
            (StoredAs::Dense | StoredAs::Kept | StoredAs::Computed, _) => return,
            (StoredAs::Ggml(_) | StoredAs::Group { .. }, _) => return,
        };
        self.add(cost, copies);
    }

    fn add(&mut self, (value, low, high): Cost, times: u64) {
        let times = times as f64;
        self.value += value * times;
        self.low += low * times;
        self.high += high * times;
    }

    /// Counts the quantize/dequantize pairs of a program: between all inputs and one for each value.
    pub(super) fn note_pairs(&mut self, program: &Program) {
        let (few, many) = (program.n_quantized_values as f64, program.n_quantized_inputs as f64);
        self.value += PER_PAIR.0 * (few + many) / 2.0;
        self.low += PER_PAIR.1 * few;
        self.high += PER_PAIR.2 * many;
    }

    /// The bytes.
    pub(super) fn bytes(self) -> Figure<Bytes> {
        if self.value == 0.0 {
            return Figure::exact(Bytes::ZERO);
        }
        let bytes = |count: f64| Bytes::new(1) * count;
        Figure::range(bytes(self.value), bytes(self.low), bytes(self.high), Basis::Derived)
    }
}

/// Header, metadata, tokenizer and tensor directory of a GGUF file.
///
/// A directory entry has a name of 10 to 40 bytes and 44 bytes of numbers (two dimensions). Each token of the
/// vocabulary has a length of 8 bytes, its text, a type and (by tokenizer) a score or about one merge rule.
pub(super) fn gguf_header(n_tensors: u64, vocabulary: u64) -> Figure<Bytes> {
    let cost = |per_tensor: f64, per_token: f64, fixed: f64| {
        Bytes::new(1) * (n_tensors as f64 * per_tensor + vocabulary as f64 * per_token + fixed)
    };
    Figure::range(cost(64.0, 40.0, 2048.0), cost(54.0, 16.0, 256.0), cost(84.0, 72.0, 65536.0), Basis::Assumed)
}

/// Headers of safetensors files and the files beside them (configuration, tokenizer) as MLX needs them.
///
/// A header entry is JSON: a name of 20 to 70 bytes and 50 to 90 bytes of type, shape and offsets.
pub(super) fn mlx_header(n_tensors: u64, vocabulary: u64) -> Figure<Bytes> {
    let cost = |per_tensor: f64, per_token: f64, fixed: f64| {
        Bytes::new(1) * (n_tensors as f64 * per_tensor + vocabulary as f64 * per_token + fixed)
    };
    Figure::range(cost(120.0, 70.0, 8192.0), cost(70.0, 40.0, 1024.0), cost(160.0, 145.0, 131_072.0), Basis::Assumed)
}
