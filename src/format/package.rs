//! Finds the model in what was dropped: the package folder, the manifest, the specification, the weight files.

use serde_json::Value as Json;

use crate::model::{Model, Place};

use super::{
    Entry, FileSize, Limits, Package, PackageFormat, RangeSource, ReadError, Warning, mil::Context, spec, wire::Wire,
    zip,
};

/// Largest manifest that is read.
const MOST_MANIFEST: u64 = 16 << 20;
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1";
const BLOB_SENTINEL: u32 = 0xDEAD_BEEF;
/// Header of a weight file, record of a blob, and alignment of both.
const ALIGN: u64 = 64;

fn error(file: &str, what: impl Into<String>, hint: &str) -> ReadError {
    ReadError { file: file.to_owned(), offset: None, what: what.into(), hint: hint.to_owned() }
}

fn start_of(source: &dyn RangeSource) -> Vec<u8> {
    let mut start = vec![0; usize::try_from(source.len().min(512)).unwrap_or(0)];
    if source.read_at(0, &mut start).is_err() {
        start.clear();
    }
    start
}

/// Opens whatever was dropped.
pub(super) fn open(mut entries: Vec<Entry>, limits: &Limits) -> Result<Package, ReadError> {
    let mut warnings: Vec<Warning> = Vec::new();
    let mut archive = None;
    if let [only] = entries.as_slice()
        && (only.path.to_ascii_lowercase().ends_with(".zip") || zip::looks_like(&start_of(only.source.as_ref())))
    {
        let only = entries.remove(0);
        let name = only.path.clone();
        let (inside, odd) = zip::open(&name, only.source)?;
        warnings.extend(odd.into_iter().map(|text| Warning { file: name.clone(), text }));
        entries = inside;
        archive = Some(name);
    }
    entries.retain(|entry| !zip::is_finder_litter(&entry.path));
    if entries.is_empty() {
        let name = archive.unwrap_or_default();
        return Err(error(
            &name,
            "there is nothing in it",
            "drop an .mlpackage folder, an .mlmodel file, or a zip of one",
        ));
    }
    let manifests: Vec<String> = entries
        .iter()
        .filter(|entry| entry.path.rsplit('/').next() == Some("Manifest.json"))
        .map(|entry| entry.path.trim_end_matches("Manifest.json").to_owned())
        .collect();
    let root = match manifests.as_slice() {
        [] => guess_root(&entries),
        [one] => Some(one.clone()),
        [first, ..] => {
            // Of several packages the one nearest to the top is meant; the others are named.
            let nearest = manifests.iter().min_by_key(|root| root.matches('/').count()).unwrap_or(first).clone();
            let others: Vec<&str> = manifests.iter().filter(|root| **root != nearest).map(String::as_str).collect();
            let text = format!(
                "there are {} packages; this is `{nearest}`, the others are {}",
                manifests.len(),
                others.join(", ")
            );
            warnings.push(Warning { file: archive.clone().unwrap_or_default(), text });
            Some(nearest)
        }
    };
    match root {
        Some(root) => package(entries, &root, archive.as_deref(), limits, warnings),
        None => single(entries, archive.as_deref(), limits, warnings),
    }
}

/// The folder of a package whose manifest is missing, told by its usual layout.
fn guess_root(entries: &[Entry]) -> Option<String> {
    entries.iter().find_map(|entry| {
        let (root, rest) = entry.path.split_once("Data/")?;
        (rest.ends_with(".mlmodel") && (root.is_empty() || root.ends_with('/'))).then(|| root.to_owned())
    })
}

fn name_of(root: &str, archive: Option<&str>) -> String {
    let folder = root.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = if folder.is_empty() { archive.unwrap_or("model") } else { folder };
    let name = name.rsplit('/').next().unwrap_or(name);
    name.trim_end_matches(".zip").trim_end_matches(".mlpackage").trim_end_matches(".mlmodel").to_owned()
}

fn package(
    mut entries: Vec<Entry>,
    root: &str,
    archive: Option<&str>,
    limits: &Limits,
    mut warnings: Vec<Warning>,
) -> Result<Package, ReadError> {
    entries.retain(|entry| entry.path.starts_with(root));
    for entry in &mut entries {
        entry.path = entry.path.get(root.len()..).unwrap_or_default().to_owned();
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let spec_path = spec_path(&entries, &mut warnings)?;
    let spec_entry = entries.iter().find(|entry| entry.path == spec_path).ok_or_else(|| {
        error(&spec_path, "the manifest names this file, but it is not there", "copy the whole .mlpackage")
    })?;
    refuse_pointer(&spec_path, spec_entry.source.as_ref())?;
    let folder = spec_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let file_of = move |name: &str| -> Option<u32> {
        let inside = name.strip_prefix("@model_path/")?;
        let wanted = format!("{folder}{inside}");
        paths.iter().position(|path| *path == wanted).and_then(|at| u32::try_from(at).ok())
    };
    let mut package = decode(&entries, spec_entry, limits, &file_of, &mut warnings)?;
    package.name = name_of(root, archive);
    package.format = PackageFormat::MlPackage;
    account(&entries, &spec_path, &mut package, &mut warnings)?;
    package.warnings = warnings;
    Ok(package)
}

/// The specification that the manifest names as the root, or the only one there is.
fn spec_path(entries: &[Entry], warnings: &mut Vec<Warning>) -> Result<String, ReadError> {
    let file = "Manifest.json";
    let hint = "copy the whole .mlpackage folder, or zip it and drop the zip";
    let mut warn = |text: String| warnings.push(Warning { file: file.to_owned(), text });
    let only_model = || {
        let mut models =
            entries.iter().filter(|entry| entry.path.starts_with("Data/") && entry.path.ends_with(".mlmodel"));
        models.next().map(|entry| entry.path.clone())
    };
    let Some(entry) = entries.iter().find(|entry| entry.path == file) else {
        warn("the manifest is missing; the usual layout is assumed".to_owned());
        return only_model().ok_or_else(|| error(file, "no model in the package", hint));
    };
    let n = entry.source.len();
    if n > MOST_MANIFEST {
        return Err(error(file, format!("the manifest has {n} bytes"), hint));
    }
    let mut bytes = vec![0; usize::try_from(n).unwrap_or(0)];
    entry.source.read_at(0, &mut bytes).map_err(|why| error(file, why, hint))?;
    if bytes.starts_with(LFS) {
        return Err(pointer(file));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let manifest: Json =
        serde_json::from_slice(bytes).map_err(|why| error(file, format!("the manifest is not JSON: {why}"), hint))?;
    match manifest.get("fileFormatVersion").and_then(Json::as_str) {
        Some("1.0.0") => {}
        Some(other) => warn(format!("the manifest has the version {other}; 1.0.0 is known")),
        None => warn("the manifest has no version".to_owned()),
    }
    let items = manifest.get("itemInfoEntries").and_then(Json::as_object);
    let n_items = items.map_or(0, serde_json::Map::len);
    if n_items > 1000 {
        warn(format!("the manifest lists {n_items} items; a package has two or three"));
    }
    let path_of = |item: &Json| item.get("path").and_then(Json::as_str).map(str::to_owned);
    for path in items.into_iter().flat_map(serde_json::Map::values).filter_map(path_of) {
        if zip::is_unsafe(&path) || path.contains("%2e") || path.contains("%2E") {
            return Err(error(
                file,
                format!("the manifest points outside the package: `{path}`"),
                "do not trust this package",
            ));
        }
    }
    let root = manifest.get("rootModelIdentifier").and_then(Json::as_str);
    let named = root.and_then(|root| items?.get(root)).and_then(path_of);
    match named {
        Some(path) => Ok(format!("Data/{path}")),
        None => {
            warn("the manifest does not say which model is the root".to_owned());
            only_model().ok_or_else(|| error(file, "no model in the package", hint))
        }
    }
}

fn pointer(file: &str) -> ReadError {
    error(
        file,
        "this is a Git LFS pointer, not the file itself",
        "run `git lfs pull`, or download the file from the model's page",
    )
}

fn refuse_pointer(file: &str, source: &dyn RangeSource) -> Result<(), ReadError> {
    if start_of(source).starts_with(LFS) { Err(pointer(file)) } else { Ok(()) }
}

/// A single file: a specification on its own, or something that belongs into a folder.
fn single(
    entries: Vec<Entry>,
    archive: Option<&str>,
    limits: &Limits,
    mut warnings: Vec<Warning>,
) -> Result<Package, ReadError> {
    let models: Vec<&Entry> = entries.iter().filter(|entry| entry.path.ends_with(".mlmodel")).collect();
    let entry = match (models.as_slice(), entries.as_slice()) {
        ([one], _) => one,
        ([], [one]) => one,
        ([], _) => return Err(foreign(&entries, archive)),
        ([first, ..], _) => {
            let text = format!("there are {} models; this is `{}`", models.len(), first.path);
            warnings.push(Warning { file: archive.unwrap_or_default().to_owned(), text });
            first
        }
    };
    let start = start_of(entry.source.as_ref());
    refuse_pointer(&entry.path, entry.source.as_ref())?;
    if let Some(complaint) = not_a_spec(&entry.path, &start) {
        return Err(complaint);
    }
    let file_of = |_: &str| None;
    let mut package = decode(&entries, entry, limits, &file_of, &mut warnings)?;
    package.name = name_of("", Some(&entry.path));
    package.format = PackageFormat::MlModel;
    package.files = vec![FileSize {
        path: entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
        bytes: entry.source.len(),
    }];
    package.warnings = warnings;
    Ok(package)
}

/// Folders that are something else.
fn foreign(entries: &[Entry], archive: Option<&str>) -> ReadError {
    let file = archive.map_or_else(|| entries.first().map_or(String::new(), |entry| entry.path.clone()), str::to_owned);
    let has = |name: &str| entries.iter().any(|entry| entry.path.rsplit('/').next() == Some(name));
    if has("coremldata.bin") || has("model.mil") || has("model.espresso.net") {
        return error(
            &file,
            "this is a compiled model (.mlmodelc)",
            "drop the .mlpackage or .mlmodel it was compiled from",
        );
    }
    if has("main.mlirb") || entries.iter().any(|entry| entry.path.contains(".aimodel/")) {
        return error(
            &file,
            "this is a Core AI model (.aimodel), not a Core ML one",
            "this planner reads Core ML models",
        );
    }
    error(&file, "there is no Core ML model in it", "drop an .mlpackage folder, an .mlmodel file, or a zip of one")
}

/// Files that belong to a model but are not its specification, by how they begin.
fn not_a_spec(path: &str, start: &[u8]) -> Option<ReadError> {
    let ends = |ending: &str| path.to_ascii_lowercase().ends_with(ending);
    let sentinel = start.get(64..68).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    let hint = "drop the whole .mlpackage folder, or a zip of it";
    if start.is_empty() {
        Some(error(path, "the file is empty or cannot be read", "download it again"))
    } else if sentinel == Some(BLOB_SENTINEL) {
        Some(error(path, "this is a weight file; its model is in model.mlmodel beside it", hint))
    } else if ends(".json") || start.first() == Some(&b'{') || start.first() == Some(&b'[') {
        Some(error(path, "this is a JSON file, one piece of a package", hint))
    } else if ends(".mil") || start.starts_with(b"program(") {
        Some(error(
            path,
            "this is one piece of a compiled model",
            "drop the .mlpackage or .mlmodel it was compiled from",
        ))
    } else if start.starts_with(b"GGUF") || ends(".gguf") || ends(".safetensors") {
        Some(error(
            path,
            "this is not a Core ML model",
            "pick a preset for llama.cpp or MLX, or convert the model to Core ML",
        ))
    } else if start.starts_with(b"\x1f\x8b") {
        Some(error(path, "this is a gzip archive", "unpack it and drop the .mlpackage folder, or zip that"))
    } else {
        None
    }
}

fn decode(
    entries: &[Entry],
    entry: &Entry,
    limits: &Limits,
    file_of: &dyn Fn(&str) -> Option<u32>,
    warnings: &mut Vec<Warning>,
) -> Result<Package, ReadError> {
    let mut graph = Model::default();
    let mut odd = Vec::new();
    let mut wire = Wire::new(entry.source.as_ref(), &entry.path);
    let whole = wire.whole();
    let mut context = Context { limits, file_of, warnings: &mut odd, n_ops: 0 };
    let spec = spec::model(&mut wire, whole, "", 0, &mut graph, &mut context)?;
    graph.spec_version = spec.version;
    if spec.version == 0 {
        odd.push("the specification has no version".to_owned());
    } else if spec.version > 10 {
        odd.push(format!(
            "specification version {} is newer than this planner knows (10); what it adds is not shown",
            spec.version
        ));
    }
    warnings.extend(odd.into_iter().map(|text| Warning { file: entry.path.clone(), text }));
    let files = entries.iter().map(|entry| FileSize { path: entry.path.clone(), bytes: entry.source.len() }).collect();
    Ok(Package {
        name: String::new(),
        format: PackageFormat::MlPackage,
        spec_version: spec.version,
        model_type: spec.type_name,
        files,
        interfaces: spec.interfaces,
        model: graph,
        unaccounted_bytes: 0,
        warnings: Vec::new(),
    })
}

/// Compares the weight files with what the specification says is in them.
fn account(
    entries: &[Entry],
    spec_path: &str,
    package: &mut Package,
    warnings: &mut Vec<Warning>,
) -> Result<(), ReadError> {
    let mut blobs: Vec<Vec<(u64, u64)>> = vec![Vec::new(); entries.len()];
    for weight in &package.model.weights {
        for part in &weight.parts {
            if let Place::Blob { file, offset } = part.place
                && let Some(list) = blobs.get_mut(file as usize)
            {
                list.push((offset, part.bytes));
            }
        }
    }
    package.model.name.clear();
    let mut unaccounted = 0;
    for (entry, mut list) in entries.iter().zip(blobs) {
        let known = entry.path == spec_path || entry.path == "Manifest.json" || entry.path.ends_with(".json");
        let len = entry.source.len();
        if list.is_empty() {
            unaccounted += if known { 0 } else { len };
            if entry.path.ends_with(".bin") && start_of(entry.source.as_ref()).starts_with(LFS) {
                return Err(pointer(&entry.path));
            }
            continue;
        }
        refuse_pointer(&entry.path, entry.source.as_ref())?;
        list.sort_unstable();
        list.dedup_by_key(|(offset, _)| *offset);
        let mut warn = |text: String| warnings.push(Warning { file: entry.path.clone(), text });
        // The header, then each blob with its record and the padding up to the next.
        let mut covered = ALIGN.min(len);
        let mut reached = covered;
        let mut n_odd = 0;
        for (offset, bytes) in list {
            let end = offset.checked_add(ALIGN).and_then(|data| data.checked_add(bytes));
            let Some(end) = end.filter(|end| *end <= len) else {
                let what =
                    format!("a weight of {bytes} bytes at {offset:#x} ends beyond the end of the file ({len} bytes)");
                return Err(ReadError {
                    file: entry.path.clone(),
                    offset: Some(offset),
                    what,
                    hint: "the weight file is cut short: copy or download the package again".to_owned(),
                });
            };
            if !entry.source.is_sequential() {
                n_odd += usize::from(!record_agrees(entry.source.as_ref(), offset, bytes));
            }
            let padded = end.div_ceil(ALIGN) * ALIGN;
            let from = offset.max(reached);
            let to = padded.min(len).max(from);
            covered += to - from;
            reached = reached.max(to);
        }
        if n_odd > 0 {
            warn(format!("{n_odd} weights do not agree with the record before their data"));
        }
        unaccounted += len - covered.min(len);
    }
    if unaccounted > 0 {
        let text = format!("{unaccounted} bytes belong to nothing that the specification refers to");
        warnings.push(Warning { file: spec_path.to_owned(), text });
    }
    package.unaccounted_bytes = unaccounted;
    Ok(())
}

/// Whether the 64 bytes before a blob's data say what the specification says.
fn record_agrees(source: &dyn RangeSource, offset: u64, bytes: u64) -> bool {
    let mut record = [0_u8; 64];
    if source.read_at(offset, &mut record).is_err() {
        return false;
    }
    let word = |at: usize| record.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes);
    (word(0) & 0xffff_ffff) as u32 == BLOB_SENTINEL && word(8) == bytes && word(16) == offset + ALIGN
}
