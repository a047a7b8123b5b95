//! `planner inspect`: what a package holds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    format::{Feature, FeatureDim, Package, PackageFormat, ReadError},
    model::{Function, PartRole, Place},
    units::{
        Bytes,
        format::{number, si_bytes, thousands},
    },
};

use super::{
    weights::{self, WeightRow},
    words,
};

/// The document of `planner inspect --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InspectDocument {
    /// `coreml-planner/inspect/1`.
    pub schema: &'static str,
    /// The artefact's own name.
    pub name: String,
    /// `mlpackage`, `mlmodel` or `mlmodelc`.
    pub format: &'static str,
    /// Core ML specification version.
    pub spec_version: u32,
    /// The first systems that load it.
    pub min_os: &'static str,
    /// `mlProgram`, `neuralNetwork` …
    pub model_type: String,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Every file.
    pub files: Vec<FileRow>,
    /// Every function: its interface and its operations.
    pub functions: Vec<FunctionRow>,
    /// The weight table, summed up.
    pub weights: WeightsSummary,
    /// What the bytes of each file are for; the rows of a file sum to its size.
    pub bytes: Vec<BytesRow>,
    /// Bytes that nothing accounts for.
    pub unaccounted_bytes: u64,
    /// What is odd.
    pub warnings: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileRow {
    /// Path inside the artefact.
    pub path: String,
    /// Bytes, uncompressed.
    pub bytes: u64,
}

/// Bytes of one file that serve one purpose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BytesRow {
    /// Path of the file.
    pub file: String,
    /// `values`, `tables`, `scales`, `offsets`, `masks`, `headers`, `padding`, `graph`, `description`, `learned`,
    /// `manifest`, `metadata` or `unreferenced`.
    pub kind: &'static str,
    /// How many.
    pub bytes: u64,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionRow {
    /// Its name.
    pub name: String,
    /// What a call takes.
    pub inputs: Vec<FeatureRow>,
    /// What a call returns.
    pub outputs: Vec<FeatureRow>,
    /// What stays between calls.
    pub states: Vec<FeatureRow>,
    /// Operations by type, nested ones included, constants not.
    pub ops: BTreeMap<String, u64>,
    /// Sum of `ops`.
    pub n_ops: u64,
}

/// One input, output or state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureRow {
    /// Its name.
    pub name: String,
    /// Its element type or kind.
    pub dtype: String,
    /// Its dimensions: a number, `"1..64"`, or a list when they are enumerated.
    pub shape: Vec<DimDocument>,
}

/// One dimension in a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DimDocument {
    /// Always this size.
    Size(u64),
    /// `"1..64"`; `"1.."` without an upper end.
    Range(String),
    /// One of these sizes.
    OneOf(Vec<u64>),
}

impl std::fmt::Display for DimDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Size(size) => write!(f, "{size}"),
            Self::Range(range) => f.write_str(range),
            Self::OneOf(sizes) => {
                let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
                f.write_str(&sizes.join(" or "))
            }
        }
    }
}

/// The weight table, summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WeightsSummary {
    /// Stored weights, each once.
    pub n_tensors: u64,
    /// Logical floating-point elements, each stored weight once.
    pub n_params: u64,
    /// Bytes of values and of everything in weight files, each stored blob once.
    pub stored_bytes: u64,
    /// Bytes of tables, scales and zero points that stand in the specification instead.
    pub inline_parameter_bytes: u64,
    /// The same by encoding, largest first.
    pub by_encoding: Vec<EncodingRow>,
    /// Every stored weight, in file order.
    pub tensors: Vec<WeightRow>,
}

/// The weights of one encoding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncodingRow {
    /// `fp16`, `lut4`, `int8-channel` …
    pub encoding: String,
    /// Weights.
    pub n_tensors: u64,
    /// Logical floating-point elements.
    pub n_params: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
}

/// The document of `planner inspect --json` for an artefact that cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorDocument {
    /// `coreml-planner/error/1`.
    pub schema: &'static str,
    /// What is wrong.
    #[serde(flatten)]
    pub error: ReadError,
}

/// The document of an error.
#[must_use]
pub fn error_document(error: &ReadError) -> ErrorDocument {
    ErrorDocument { schema: "coreml-planner/error/1", error: error.clone() }
}

/// The document of a package.
#[must_use]
pub fn document(package: &Package) -> InspectDocument {
    InspectDocument {
        schema: "coreml-planner/inspect/1",
        name: package.name.clone(),
        format: match package.format {
            PackageFormat::MlPackage => "mlpackage",
            PackageFormat::MlModel => "mlmodel",
            PackageFormat::MlModelC => "mlmodelc",
        },
        spec_version: package.spec_version,
        min_os: words::spec_os(package.spec_version),
        model_type: package.model_type.clone(),
        total_bytes: package.total_bytes(),
        files: package.files.iter().map(|file| FileRow { path: file.path.clone(), bytes: file.bytes }).collect(),
        functions: functions(package),
        weights: WeightsSummary { tensors: weights::rows(package), ..summary(package) },
        bytes: bytes(package),
        unaccounted_bytes: package.unaccounted_bytes,
        warnings: package.warnings.iter().map(|warning| format!("{}: {}", warning.file, warning.text)).collect(),
    }
}

fn functions(package: &Package) -> Vec<FunctionRow> {
    let mut rows: Vec<FunctionRow> = Vec::new();
    let mut left: Vec<&Function> = package.model.functions.iter().collect();
    for interface in &package.interfaces {
        let own = left.iter().position(|function| function.name == interface.function);
        let own = own.map(|at| left.remove(at));
        let mut row = FunctionRow {
            name: interface.function.clone(),
            inputs: interface.inputs.iter().map(feature).collect(),
            outputs: interface.outputs.iter().map(feature).collect(),
            states: interface.states.iter().map(feature).collect(),
            ops: BTreeMap::new(),
            n_ops: 0,
        };
        if let Some(function) = own {
            count(package, function, &mut row);
        }
        rows.push(row);
    }
    // The models of a pipeline are functions without an interface of their own.
    for function in left {
        let mut row = FunctionRow {
            name: function.name.clone(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            states: Vec::new(),
            ops: BTreeMap::new(),
            n_ops: 0,
        };
        count(package, function, &mut row);
        rows.push(row);
    }
    rows
}

fn count(package: &Package, function: &Function, row: &mut FunctionRow) {
    function.visit(&mut |times, op| {
        let name = package.model.op_name(op.kind);
        match row.ops.get_mut(name) {
            Some(n) => *n += u64::from(times),
            None => {
                row.ops.insert(name.to_owned(), u64::from(times));
            }
        }
        row.n_ops += u64::from(times);
    });
}

fn feature(feature: &Feature) -> FeatureRow {
    let dim = |dim: &FeatureDim| match dim {
        FeatureDim::Fixed(size) => DimDocument::Size(*size),
        FeatureDim::Range(low, Some(high)) => DimDocument::Range(format!("{low}..{high}")),
        FeatureDim::Range(low, None) => DimDocument::Range(format!("{low}..")),
        FeatureDim::OneOf(sizes) => DimDocument::OneOf(sizes.clone()),
    };
    FeatureRow {
        name: feature.name.clone(),
        dtype: feature.dtype.clone(),
        shape: feature.shape.iter().map(dim).collect(),
    }
}

fn bytes(package: &Package) -> Vec<BytesRow> {
    let one = |row: &crate::format::ByteRow| BytesRow {
        file: package.files.get(row.file as usize).map(|file| file.path.clone()).unwrap_or_default(),
        kind: weights::kind_id(row.kind),
        bytes: row.bytes,
    };
    package.bytes.iter().map(one).collect()
}

/// The weight table summed up, without its rows.
pub(super) fn summary(package: &Package) -> WeightsSummary {
    let mut summary = WeightsSummary::default();
    let mut by_encoding: BTreeMap<String, EncodingRow> = BTreeMap::new();
    // A file may claim any size for what it does not hold.
    let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
    // Two weights may share a blob (a mask, a table): its bytes count with the first of them.
    let mut seen = std::collections::HashSet::new();
    for weight in &package.model.weights {
        let label = weight.encoding.label(weight.dtype);
        let n_params = if weight.dtype.is_float() { weight.elements() } else { 0 };
        let mut stored = 0;
        for part in &weight.parts {
            match (&part.place, part.role) {
                (Place::Blob { .. }, _) if !seen.insert(part.place.clone()) => {}
                (Place::Blob { .. }, _) => add(&mut stored, part.bytes),
                (Place::Inline | Place::Planned, PartRole::Data | PartRole::Mask) => add(&mut stored, part.bytes),
                (Place::Inline | Place::Planned, PartRole::Table | PartRole::Scale | PartRole::Offset) => {
                    add(&mut summary.inline_parameter_bytes, part.bytes);
                }
            }
        }
        summary.n_tensors += 1;
        add(&mut summary.n_params, n_params);
        add(&mut summary.stored_bytes, stored);
        let row = by_encoding.entry(label.clone()).or_insert_with(|| EncodingRow {
            encoding: label,
            n_tensors: 0,
            n_params: 0,
            stored_bytes: 0,
        });
        row.n_tensors += 1;
        add(&mut row.n_params, n_params);
        add(&mut row.stored_bytes, stored);
    }
    summary.by_encoding = by_encoding.into_values().collect();
    // By name from the map already: only the sizes are left to order by.
    crate::order::by(&mut summary.by_encoding, |a, b| a.stored_bytes > b.stored_bytes);
    summary
}

/// The document as tables for a terminal.
#[must_use]
pub fn text(document: &InspectDocument) -> String {
    let mut out = format!(
        "{} — {}, {} (specification {}, {} and later), {}\n\n",
        clean(&document.name),
        document.format,
        document.model_type,
        document.spec_version,
        document.min_os,
        si_bytes(Bytes::new(document.total_bytes)),
    );
    let mut rows = vec![["file".to_owned(), "bytes".to_owned()]];
    rows.extend(document.files.iter().map(|file| [clean(&file.path), thousands(file.bytes as f64)]));
    super::plan::table(&rows, &mut out);
    for function in &document.functions {
        out.push_str(&format!("\nfunction {} — {} operations\n", clean(&function.name), function.n_ops));
        for (word, features) in [("in", &function.inputs), ("out", &function.outputs), ("state", &function.states)] {
            for feature in features {
                let shape: Vec<String> = feature.shape.iter().map(ToString::to_string).collect();
                let line = format!("  {word:<6}{} {} [{}]\n", clean(&feature.name), feature.dtype, shape.join(", "));
                out.push_str(&line);
            }
        }
        let mut ops: Vec<(&String, &u64)> = function.ops.iter().collect();
        crate::order::by(&mut ops, |a, b| a.1 > b.1);
        let ops: Vec<String> = ops.iter().map(|(name, n)| format!("{} {n}", clean(name))).collect();
        if !ops.is_empty() {
            out.push_str(&format!("  {}\n", ops.join(", ")));
        }
    }
    let weights = &document.weights;
    out.push_str(&format!(
        "\nweights — {} tensors, {} parameters, {}\n",
        weights.n_tensors,
        thousands(weights.n_params as f64),
        si_bytes(Bytes::new(weights.stored_bytes)),
    ));
    let mut rows = vec![["encoding", "tensors", "parameters", "stored", "bits each"].map(str::to_owned)];
    for row in &weights.by_encoding {
        let bits = if row.n_params > 0 {
            number(row.stored_bytes as f64 * 8.0 / row.n_params as f64)
        } else {
            "–".to_owned()
        };
        rows.push([
            row.encoding.clone(),
            row.n_tensors.to_string(),
            thousands(row.n_params as f64),
            si_bytes(Bytes::new(row.stored_bytes)),
            bits,
        ]);
    }
    super::plan::table(&rows, &mut out);
    if document.unaccounted_bytes > 0 {
        let bytes = si_bytes(Bytes::new(document.unaccounted_bytes));
        out.push_str(&format!("\nunaccounted for: {bytes}\n"));
    }
    for warning in &document.warnings {
        out.push_str(&format!("warning: {}\n", clean(warning)));
    }
    out
}

/// Names come from files: what a terminal would obey is shown as a replacement character.
pub(super) fn clean(text: &str) -> String {
    let is_harmful =
        |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}
