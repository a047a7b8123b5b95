//! Compiled neural networks: `model.espresso.net`, the layers as JSON, and `model.espresso.weights`, their weights.
//!
//! The weight file is a count, then a key and a size for each blob, then the blobs in that order; layers refer to blobs
//! by key. The form is not documented by Apple; what is read here is what public tools that read such files agree on.
//! Element types follow from the size and the layer's own numbers, else from the parameter's name. Absent on purpose:
//! shapes between layers (`model.espresso.shape`), and networks that the system keeps in a compressed form.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{
    Fault, Limits, ReadError,
    files::{File, Notes, about, folder, join, lfs_pointer, read_small, short},
    window::Window,
    zip::u64_at,
};
use crate::model::{
    Consumer, DType, Def, Encoding, Function, Granularity, Model, Op, OpKind, Part, PartRole, Place, Role, Section,
    TensorType, Value, ValueId, ValueType, Weight, WeightId,
};

/// Largest network that is read; a layer takes half a kilobyte.
const NET_MAX: u64 = 16 << 20;
/// Blobs of a layer that are looked at; the layer with the most has fewer than twenty.
const REFERENCES_MAX: usize = 64;
/// Characters of a layer's name that each of its weights carries.
const NAME_MAX: usize = 100;

/// A network that waits to be read.
pub(super) struct Net<'a> {
    pub(super) files: &'a [File],
    pub(super) file: &'a File,
    /// What its function is called.
    pub(super) name: String,
    pub(super) limits: &'a Limits,
}

/// A blob of the weight file.
struct Blob {
    file: u32,
    offset: u64,
    bytes: u64,
    row: Option<WeightId>,
}

/// A blob that a layer refers to.
struct Reference {
    /// `weights`, `biases` …
    param: String,
    key: u64,
    dtype: Option<DType>,
}

impl Net<'_> {
    /// Reads the network into the model as one function; returns the bytes of the weight file that no layer refers to.
    pub(super) fn read(&self, model: &mut Model, n_ops: &mut usize, notes: &mut Notes) -> Result<u64, ReadError> {
        let path = &self.file.path;
        if let Some(size) = lfs_pointer(self.file.source.as_ref()) {
            let what = format!("this is a Git LFS pointer to {size} bytes, not the network");
            return Err(about(Fault::LfsPointer, path, what, "run `git lfs pull` in the repository it comes from"));
        }
        let bytes = read_small(self.file, NET_MAX)?;
        let hint = "give the .mlmodel that it was compiled from";
        if bytes.starts_with(b"pbze") || bytes.starts_with(b"bvx") {
            return Err(about(Fault::Unsupported, path, "the network is compressed in a form that is not read", hint));
        }
        let json: Json = serde_json::from_slice(&bytes)
            .map_err(|error| about(Fault::Corrupt, path, format!("the network is not JSON: {error}"), hint))?;
        drop(bytes);
        let mut blobs = self.blobs(&json, notes)?;
        let mut net = Graph::default();
        let mut ops = Vec::new();
        for layer in json.get("layers").and_then(Json::as_array).into_iter().flatten() {
            *n_ops += 1;
            if *n_ops > self.limits.ops {
                let what = format!("the model has more than {} layers", self.limits.ops);
                return Err(about(Fault::TooLarge, path, what, "it is larger than this planner can show"));
            }
            // What the network takes is listed as a layer too.
            if text(layer, "type") != "input" {
                ops.push(self.layer(layer, model, &mut net, &mut blobs, notes));
            }
        }
        if ops.is_empty() {
            notes.add(path, "the network has no layers");
        }
        let ids = (0..net.values.len() as u32).map(ValueId);
        let is_input = |id: &ValueId| net.values.get(id.0 as usize).is_some_and(|value| value.def == Def::Input);
        model.functions.push(Function {
            name: self.name.clone(),
            opset: "NeuralNetwork".to_owned(),
            role: Role::Single,
            inputs: ids.filter(is_input).collect(),
            outputs: Vec::new(),
            states: Vec::new(),
            sections: vec![Section { times: 1, ops }],
            values: net.values,
        });
        let unused: Vec<&Blob> = blobs.values().filter(|blob| blob.row.is_none()).collect();
        let bytes = unused.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.bytes));
        if bytes > 0 {
            let text = format!("{} weights ({bytes} bytes) are not referred to by any layer", unused.len());
            notes.add(path, text);
        }
        Ok(bytes)
    }

    fn layer(
        &self,
        layer: &Json,
        model: &mut Model,
        net: &mut Graph,
        blobs: &mut HashMap<u64, Blob>,
        notes: &mut Notes,
    ) -> Op {
        let kind = OpKind::Other(model.names.intern(text(layer, "type")));
        let mut op = Op { kind, inputs: Vec::new(), outputs: Vec::new(), blocks: Vec::new() };
        let names = |key: &str| text(layer, key).split(',').filter(|name| !name.is_empty()).map(str::to_owned);
        let read: Vec<ValueId> = names("bottom").map(|name| net.read(name)).collect();
        if !read.is_empty() {
            op.inputs.push((model.names.intern("input"), read));
        }
        let references = references(layer);
        for (at, reference) in references.iter().enumerate() {
            // Scales of quantized weights are parts of the row of the weights.
            if at > 0 && is_scale(&reference.param) {
                continue;
            }
            let scales: Vec<u64> = references.iter().filter(|other| is_scale(&other.param)).map(|o| o.key).collect();
            let Some(blob) = blobs.get(&reference.key) else {
                let what = format!("layer `{}` refers to weights that are not there", text(layer, "name"));
                notes.add(&self.file.path, what);
                continue;
            };
            let id = match blob.row {
                Some(row) => row,
                None => {
                    let scales = if reference.dtype == Some(DType::UInt8) { scales } else { Vec::new() };
                    let mut weight = weight(layer, reference, blob);
                    weight.consumer = Some(Consumer { op: kind, param: reference.param.clone() });
                    let id = WeightId(model.weights.len() as u32);
                    for key in scales.into_iter().chain([reference.key]) {
                        let Some(blob) = blobs.get_mut(&key) else { continue };
                        if key != reference.key {
                            weight.parts.push(part(PartRole::Scale, DType::Fp32, blob));
                        }
                        blob.row = Some(id);
                    }
                    model.weights.push(weight);
                    id
                }
            };
            let ty = model.weight(id).map(|row| TensorType::fixed(row.dtype, &row.shape));
            let value = net.value(String::new(), ty.map_or(ValueType::Other, ValueType::Tensor), Def::Weight(id));
            op.inputs.push((model.names.intern(&reference.param), vec![value]));
        }
        op.outputs.extend(names("top").map(|name| net.value(name, ValueType::Other, Def::Op)));
        op
    }

    /// The table of the weight file.
    fn blobs(&self, json: &Json, notes: &mut Notes) -> Result<HashMap<u64, Blob>, ReadError> {
        let own = text(json, "storage");
        let name = if own.is_empty() || own.contains('/') { "model.espresso.weights" } else { own };
        let path = join(folder(&self.file.path), name);
        let found = self.files.iter().position(|file| file.path == path);
        let Some((at, file)) = found.and_then(|at| Some((at, self.files.get(at)?))) else {
            notes.add(&path, "the weight file is not there: weights and their sizes are not known");
            return Ok(HashMap::new());
        };
        if let Some(size) = lfs_pointer(file.source.as_ref()) {
            let text = format!("this is a Git LFS pointer to {size} bytes, not the weights: run `git lfs pull`");
            notes.add(&file.path, text);
            return Ok(HashMap::new());
        }
        let mut window = Window::new(file.source.as_ref(), &file.path);
        let mut all = HashMap::new();
        if window.len() < 8 {
            notes.add(&file.path, "the weight file is too short to hold anything");
            return Ok(all);
        }
        let count = u64_at(window.get(0, 8)?, 0);
        let mut offset = count.saturating_mul(16).saturating_add(8);
        if offset > window.len() {
            let text = format!("the weight file announces {count} weights, more than it has room for");
            notes.add(&file.path, text);
            return Ok(all);
        }
        for entry in 0..count {
            let record = window.get(8 + entry * 16, 16)?;
            let (key, bytes) = (u64_at(record, 0), u64_at(record, 8));
            if offset.checked_add(bytes).is_none_or(|end| end > window.len()) {
                notes.add(&file.path, format!("the weights with key {key} reach past the end of the file"));
                break;
            }
            if all.insert(key, Blob { file: at as u32, offset, bytes, row: None }).is_some() {
                notes.add(&file.path, format!("two weights have the key {key}"));
            }
            offset += bytes;
        }
        Ok(all)
    }
}

/// The network's values while it is read.
#[derive(Default)]
struct Graph {
    values: Vec<Value>,
    scope: HashMap<String, ValueId>,
}

impl Graph {
    fn value(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        if !name.is_empty() {
            self.scope.insert(name.clone(), id);
        }
        self.values.push(Value { name, ty, def });
        id
    }

    fn read(&mut self, name: String) -> ValueId {
        match self.scope.get(&name) {
            Some(known) => *known,
            None => self.value(name, ValueType::Other, Def::Input),
        }
    }
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn is_scale(param: &str) -> bool {
    matches!(param, "per_ch_qscale" | "per_ch_qbias")
}

/// The blobs that a layer refers to, weights before scales.
fn references(layer: &Json) -> Vec<Reference> {
    let mut found = Vec::new();
    let fields = |json: Option<&Json>| json.and_then(Json::as_object).cloned().unwrap_or_default();
    for (name, value) in fields(Some(layer)) {
        let param = name.strip_prefix("blob_").or_else(|| name.strip_suffix("_blob"));
        let (Some(param), Some(key)) = (param, value.as_u64()) else { continue };
        let (param, dtype) = match param.strip_suffix("_f16") {
            Some(param) => (param, Some(DType::Fp16)),
            None => (param, None),
        };
        found.push(Reference { param: param.to_owned(), key, dtype });
    }
    for (name, value) in fields(layer.get("weights")) {
        let Some(key) = value.as_u64() else { continue };
        let dtype = match name.as_str() {
            "W_U8" => Some(DType::UInt8),
            "W_F16" => Some(DType::Fp16),
            _ => None,
        };
        found.push(Reference { param: name, key, dtype });
    }
    found.truncate(REFERENCES_MAX);
    found.sort_by_key(|reference| is_scale(&reference.param));
    found
}

fn part(role: PartRole, dtype: DType, blob: &Blob) -> Part {
    Part { role, dtype, bytes: blob.bytes, place: Place::Blob { file: blob.file, offset: blob.offset } }
}

/// A row of the weight table: its shape by the layer's own numbers where they say it, else a list of elements.
fn weight(layer: &Json, reference: &Reference, blob: &Blob) -> Weight {
    let number = |key: &str| layer.get(key).and_then(Json::as_u64).filter(|number| *number > 0);
    // Of the forms of quantized weights only the one with scales is known; of the others, the size.
    let is_quantized = reference.param.contains("quant") || reference.param.contains("lut");
    let is_weights = is_quantized || matches!(reference.param.as_str(), "weights" | "W_U8" | "W_F16");
    let shape = match text(layer, "type") {
        "convolution" if is_weights => number("C").zip(number("K")).map(|(outputs, inputs)| {
            let side = |key: &str| number(key).unwrap_or(1);
            vec![outputs, inputs / number("n_groups").unwrap_or(1).min(inputs), side("Ny"), side("Nx")]
        }),
        "inner_product" if is_weights => number("nC").zip(number("nB")).map(|(outputs, inputs)| vec![outputs, inputs]),
        _ => None,
    };
    let name = format!("{}.{}", short(text(layer, "name"), NAME_MAX), short(&reference.param, NAME_MAX));
    if is_quantized {
        let (dtype, encoding, parts) =
            (DType::Unknown, Encoding::Other, vec![part(PartRole::Data, DType::Unknown, blob)]);
        let shape = shape.unwrap_or_default();
        return Weight { name, shape, dtype, encoding, parts, copies: 1, consumer: None };
    }
    let elements = shape.as_ref().map(|shape| shape.iter().fold(1_u64, |all, size| all.saturating_mul(*size)));
    let by_size = elements.and_then(|elements| match blob.bytes.checked_div(elements) {
        Some(4) if elements.checked_mul(4) == Some(blob.bytes) => Some(DType::Fp32),
        Some(2) if elements.checked_mul(2) == Some(blob.bytes) => Some(DType::Fp16),
        Some(1) if elements == blob.bytes => Some(DType::UInt8),
        _ => None,
    });
    // Single precision is what the format stores where it says nothing else.
    let stored = by_size.or(reference.dtype).unwrap_or(DType::Fp32);
    let n_bits = u64::from(stored.bits().unwrap_or(32));
    let shape = match (shape, elements) {
        (Some(shape), Some(elements)) if elements.checked_mul(n_bits / 8) == Some(blob.bytes) => shape,
        _ => vec![blob.bytes.saturating_mul(8) / n_bits],
    };
    let (dtype, encoding) = match stored {
        DType::UInt8 => (DType::Fp32, Encoding::Linear { bits: 8, granularity: Granularity::PerChannel }),
        stored => (stored, Encoding::Dense),
    };
    let parts = vec![part(PartRole::Data, stored, blob)];
    Weight { name, shape, dtype, encoding, parts, copies: 1, consumer: None }
}
