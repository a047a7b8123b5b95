//! `Manifest.json`: which file of a package is the model.
//!
//! Core ML is strict about the manifest and so is this reader where safety is at stake (paths); elsewhere it reads what
//! it can and warns, because a person wants to see a package that a third-party tool wrote almost right.

use serde_json::Value;

use super::{
    Fault, ReadError,
    files::{File, Notes, about, base_name, clean_path, inside, join, read_small},
};

/// Largest manifest that is read: the usual one has 617 bytes, ten thousand items a few megabytes.
const MANIFEST_MAX: u64 = 16 << 20;
/// Items beyond which a manifest is odd.
const ITEMS_USUAL: usize = 1000;

/// What the manifest says.
#[derive(Debug, PartialEq)]
pub(super) struct Manifest {
    /// Path of the model specification, from the package's folder.
    pub(super) model: String,
    /// Paths of every item, from the package's folder.
    pub(super) items: Vec<String>,
}

/// Reads the manifest of the package in `root`.
pub(super) fn read(file: &File, root: &str, files: &[File], notes: &mut Notes) -> Result<Manifest, ReadError> {
    let bytes = read_small(file, MANIFEST_MAX)?;
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let json: Value = serde_json::from_slice(text).map_err(|error| {
        let what = format!("the manifest is not JSON: {error}");
        about(Fault::Corrupt, &file.path, what, "save the package again with coremltools or Xcode")
    })?;
    let version = json.get("fileFormatVersion").and_then(Value::as_str);
    if version != Some("1.0.0") {
        let shown = version.unwrap_or("missing");
        notes.add(&file.path, format!("the manifest's version is {shown}, not 1.0.0: Core ML may refuse the package"));
    }
    let empty = serde_json::Map::new();
    let entries = json.get("itemInfoEntries").and_then(Value::as_object).unwrap_or(&empty);
    if entries.len() > ITEMS_USUAL {
        notes.add(&file.path, format!("the manifest has {} items; a package usually has two", entries.len()));
    }
    let root_id = json.get("rootModelIdentifier").and_then(Value::as_str);
    let (mut items, mut model) = (Vec::with_capacity(entries.len()), None);
    for (id, item) in entries {
        let Some(path) = item.get("path").and_then(Value::as_str) else {
            notes.add(&file.path, format!("item {id} has no path"));
            continue;
        };
        let Some(clean) = clean_path(path) else {
            let what = format!("item {id} has the path `{path}`, which leads out of the package");
            return Err(about(Fault::Hostile, &file.path, what, "do not use this package: it is broken or hostile"));
        };
        let clean = join("Data", &clean);
        for key in ["name", "author", "description"] {
            if item.get(key).and_then(Value::as_str).is_none() {
                notes.add(&file.path, format!("item {id} has no `{key}`: Core ML refuses such a package"));
            }
        }
        if root_id == Some(id.as_str()) {
            model = Some(clean.clone());
        }
        items.push(clean);
    }
    let model = match (model, root_id) {
        (Some(model), _) => model,
        (None, Some(id)) if !entries.is_empty() => {
            let what = format!("the manifest names {id} as the model, but has no such item");
            return Err(about(Fault::Corrupt, &file.path, what, "save the package again with coremltools or Xcode"));
        }
        (None, _) => match guess(root, files) {
            Some(guessed) => {
                notes.add(&file.path, "the manifest does not name the model: Core ML refuses such a package");
                guessed.model
            }
            None => {
                let what = "the manifest does not name the model, and there is no model in the package to guess";
                return Err(about(
                    Fault::Corrupt,
                    &file.path,
                    what,
                    "save the package again with coremltools or Xcode",
                ));
            }
        },
    };
    for path in items.iter().filter(|path| base_name(path).contains('.')).take(ITEMS_USUAL) {
        let full = join(root, path);
        // The files are in the order of their paths; a folder is there when something is inside it.
        let from = files.partition_point(|file| file.path < full);
        let mut near = files.iter().skip(from).take_while(|file| file.path.starts_with(&full));
        let exists = near.any(|file| file.path == full || inside(&file.path, &full).is_some());
        // A folder without files (weights that are all inline) is in no list of files.
        if !exists && *path != model {
            notes.add(&full, "the manifest lists it, but it is not there: Core ML refuses such a package");
        }
    }
    Ok(Manifest { model, items })
}

/// The model of a package without a manifest, when there is just one where it usually is.
pub(super) fn guess(root: &str, files: &[File]) -> Option<Manifest> {
    let mut specs = files.iter().filter_map(|file| {
        let path = inside(&file.path, root)?;
        (path.starts_with("Data/") && path.ends_with(".mlmodel")).then_some(path)
    });
    let model = specs.next()?.to_owned();
    if specs.next().is_some() {
        return None;
    }
    let items = files.iter().filter_map(|file| inside(&file.path, root)).map(str::to_owned).collect();
    Some(Manifest { model, items })
}

/// Whether a path could be a package's manifest.
pub(super) fn is_manifest(path: &str) -> bool {
    base_name(path) == "Manifest.json"
}
