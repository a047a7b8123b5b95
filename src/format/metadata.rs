//! `metadata.json` of a compiled model: what its compiler says of it.
//!
//! Apple's compiler writes an array of one object, nearly all values as text (`"[1, 80]"`, `"0"`). It repeats what the
//! description and the program say, so it serves as a check, and as the interface where the description cannot be read.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    Feature, FeatureDim, Interface, Limits, ReadError,
    files::{File, Notes, lfs_pointer, read_small},
    spec::one_of,
    text::ToldFunction,
};
use crate::model::{DType, Encoding, Model, Place};

/// Largest file that is read; labels and descriptions can be long.
const METADATA_MAX: u64 = 16 << 20;
/// Most dimensions of a shape.
const RANK_MAX: usize = 64;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata {
    pub(super) spec_version: Option<u32>,
    /// `mlProgram`, `pipeline` …
    pub(super) model_type: Option<String>,
    /// `Float16`, `Mixed (Float16, Int8)` …
    storage: Option<String>,
    /// One for each function; one named `main` when none is listed.
    pub(super) interfaces: Vec<Interface>,
    /// Operations of each function by the compiler's names for them; the function's name is empty when none is listed.
    histograms: Vec<(String, BTreeMap<String, u64>)>,
}

/// Reads the file; what is not as expected is noted and left out.
pub(super) fn read(file: &File, limits: &Limits, notes: &mut Notes) -> Result<Option<Metadata>, ReadError> {
    if file.source.len() > METADATA_MAX {
        notes.add(&file.path, "the file is too large for a model's metadata; it is not read");
        return Ok(None);
    }
    if let Some(size) = lfs_pointer(file.source.as_ref()) {
        let text = format!("this is a Git LFS pointer to {size} bytes: run `git lfs pull`; the metadata is not read");
        notes.add(&file.path, text);
        return Ok(None);
    }
    let bytes = read_small(file, METADATA_MAX)?;
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let json: Json = match serde_json::from_slice(text) {
        Ok(json) => json,
        Err(error) => {
            notes.add(&file.path, format!("the metadata is not JSON: {error}"));
            return Ok(None);
        }
    };
    let model = match &json {
        Json::Array(all) => all.first(),
        Json::Object(_) => Some(&json),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    };
    let Some(model) = model.filter(|model| model.is_object()) else {
        notes.add(&file.path, "the metadata is not a list of one model; it is not used");
        return Ok(None);
    };
    let text = |key: &str| model.get(key).and_then(Json::as_str).map(str::to_owned);
    let listed: Vec<&Json> = list(model, "functions").take(limits.functions).collect();
    let (mut interfaces, mut histograms) = (Vec::new(), Vec::new());
    for function in &listed {
        let name = function.get("name").and_then(Json::as_str).unwrap_or_default();
        interfaces.push(interface(function, name));
        histograms.extend(histogram(function).map(|counts| (name.to_owned(), counts)));
    }
    if listed.is_empty() {
        let has_schema = ["inputSchema", "outputSchema", "stateSchema"].iter().any(|key| model.get(key).is_some());
        interfaces.extend(has_schema.then(|| interface(model, "main")));
        histograms.extend(histogram(model).map(|counts| (String::new(), counts)));
    }
    let version = model.get("specificationVersion").and_then(Json::as_u64);
    Ok(Some(Metadata {
        spec_version: version.and_then(|version| u32::try_from(version).ok()),
        model_type: model.get("modelType").and_then(|kind| kind.get("name")).and_then(Json::as_str).map(|name| {
            let name = name.strip_prefix("MLModelType_").unwrap_or(name);
            name.to_owned()
        }),
        storage: text("storagePrecision"),
        interfaces,
        histograms,
    }))
}

impl Metadata {
    /// Holds what the file says against what the programs hold; differences become warnings.
    pub(super) fn check(&self, file: &str, told: &[ToldFunction], model: &Model, notes: &mut Notes) {
        let by_name: BTreeMap<&str, &ToldFunction> =
            told.iter().map(|function| (function.name.as_str(), function)).collect();
        for (name, counts) in &self.histograms {
            if name.is_empty() {
                // Without a list of functions the numbers are those of all programs of a pipeline together.
                check_counts(file, counts, told.iter(), notes);
            } else {
                check_counts(file, counts, by_name.get(name.as_str()).copied().into_iter(), notes);
            }
        }
        if let Some(storage) = &self.storage {
            check_storage(file, storage, model, notes);
        }
    }
}

fn check_counts<'a>(
    file: &str,
    counts: &BTreeMap<String, u64>,
    told: impl Iterator<Item = &'a ToldFunction>,
    notes: &mut Notes,
) {
    // By a form of the name that is the same on both sides: `Ios16.reduceMean` and `reduce_mean`.
    let mut both: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for (name, count) in counts {
        let name = name.rsplit_once('.').map_or(name.as_str(), |(_, name)| name);
        both.entry(plain(name)).or_default().0 += count;
    }
    for function in told {
        for (name, count) in &function.counts {
            both.entry(plain(name)).or_default().1 += count;
        }
        for (name, count) in &function.nested {
            both.entry(plain(name)).or_default().2 += count;
        }
    }
    for (name, (said, outer, nested)) in both {
        // Whether the compiler counts what stands in nested blocks is not documented.
        if said != outer && said != outer + nested {
            let n = outer + nested;
            notes.add(file, format!("the metadata counts {said} operations `{name}`, the program has {n}"));
        }
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|character| *character != '_').map(|character| character.to_ascii_lowercase()).collect()
}

/// Holds the precisions of stored weights against those that the metadata names. Only what is plain is compared: the
/// compiler's rule for small constants and for integers is not documented.
fn check_storage(file: &str, storage: &str, model: &Model, notes: &mut Notes) {
    let inner = storage.strip_prefix("Mixed (").and_then(|rest| rest.strip_suffix(')')).unwrap_or(storage);
    let named: Vec<&str> = inner.split(", ").collect();
    let mut found: Vec<String> = Vec::new();
    let stored = model.weights.iter().filter(|weight| {
        let in_file = |part: &crate::model::Part| matches!(part.place, Place::Blob { .. });
        weight.parts.iter().any(in_file)
    });
    for weight in stored {
        let mut encoding = &weight.encoding;
        if let Encoding::Sparse { values, .. } = encoding {
            found.push("Sparse".to_owned());
            encoding = values;
        }
        match (encoding, weight.dtype) {
            (Encoding::Palettized { bits, .. }, _) => found.push(format!("Palettized ({bits} bits)")),
            (Encoding::Dense, DType::Fp16) => found.push("Float16".to_owned()),
            (Encoding::Dense, DType::Fp32) => found.push("Float32".to_owned()),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    for precision in &found {
        if !named.contains(&precision.as_str()) {
            let text = format!("the metadata says the weights are stored as {storage}; some are stored as {precision}");
            notes.add(file, text);
        }
    }
    for precision in named {
        let is_plain = precision == "Sparse" || precision.starts_with("Palettized");
        if is_plain && !found.iter().any(|found| found == precision) {
            let text = format!("the metadata says the weights are stored as {storage}; none is stored as {precision}");
            notes.add(file, text);
        }
    }
}

fn list<'j>(json: &'j Json, key: &str) -> impl Iterator<Item = &'j Json> {
    json.get(key).and_then(Json::as_array).into_iter().flatten()
}

fn histogram(json: &Json) -> Option<BTreeMap<String, u64>> {
    let counts = json.get("mlProgramOperationTypeHistogram")?.as_object()?;
    Some(counts.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect())
}

fn interface(json: &Json, name: &str) -> Interface {
    let features = |key: &str| list(json, key).map(feature).collect();
    Interface {
        function: name.to_owned(),
        inputs: features("inputSchema"),
        outputs: features("outputSchema"),
        states: features("stateSchema"),
    }
}

fn feature(json: &Json) -> Feature {
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let number = |key: &str| {
        let value = json.get(key);
        value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
    };
    let (dtype, shape) = match text("type") {
        "MultiArray" | "State" => (element_type(text("dataType")).to_owned(), array_shape(json)),
        "Image" => {
            let dtype = match text("colorspace") {
                "RGB" => "image-rgb",
                "BGR" => "image-bgr",
                "Grayscale" => "image-gray",
                "GrayscaleFloat16" | "GrayscaleFP16" => "image-gray-fp16",
                _ => "image",
            };
            let side = |key: &str| FeatureDim::Fixed(number(key).unwrap_or(0));
            (dtype.to_owned(), vec![side("height"), side("width")])
        }
        "" => ("unknown".to_owned(), Vec::new()),
        other => (other.to_lowercase(), Vec::new()),
    };
    let optional = text("isOptional") == "1";
    Feature { name: text("name").to_owned(), dtype, shape, default: Vec::new(), optional }
}

fn element_type(name: &str) -> &'static str {
    match name {
        "Float16" => "fp16",
        "Float32" => "fp32",
        "Float64" | "Double" => "fp64",
        "Int32" => "int32",
        "Int8" => "int8",
        _ => "unknown",
    }
}

fn array_shape(json: &Json) -> Vec<FeatureDim> {
    // Apple's compiler writes lists as text, other writers as lists.
    let value = |key: &str| match json.get(key) {
        Some(Json::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Json::Null,
    };
    let lists = |key: &str| serde_json::from_value::<Vec<Vec<i64>>>(value(key)).unwrap_or_default();
    let ranges = lists("shapeRange");
    if !ranges.is_empty() {
        let range = |ends: &Vec<i64>| match ends.as_slice() {
            [low, high] if low == high => FeatureDim::Fixed(low.unsigned_abs()),
            [low, high] => FeatureDim::Range(u64::try_from(*low).unwrap_or(0), u64::try_from(*high).ok()),
            _ => FeatureDim::Range(0, None),
        };
        return ranges.iter().take(RANK_MAX).map(range).collect();
    }
    let size = |size: &i64| u64::try_from(*size).unwrap_or(0);
    let shapes = lists("enumeratedShapes");
    if !shapes.is_empty() {
        let sizes = |shape: &Vec<i64>| shape.iter().take(RANK_MAX).map(size).collect();
        return one_of(&shapes.iter().map(sizes).collect::<Vec<Vec<u64>>>());
    }
    let shape = serde_json::from_value::<Vec<i64>>(value("shape")).unwrap_or_default();
    shape.iter().take(RANK_MAX).map(|dim| FeatureDim::Fixed(size(dim))).collect()
}
