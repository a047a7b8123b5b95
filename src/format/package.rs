//! From files to a [`Package`]: finds the artefact among what was dropped, reads its specification and settles what
//! accounts for each byte.

use super::{
    Entry, Fault, FeatureDim, FileSize, Interface, Limits, Package, PackageFormat, ReadError,
    blob::Blobs,
    compiled,
    files::{File, Notes, about, base_name, folder, gather, inside, join, lfs_pointer},
    graph::Programs,
    ledger,
    manifest::{self, Manifest},
    spec,
    weights::Rows,
    wire::{Payload, Span, Wire},
};
use crate::model::Model;

const WANTED: &str = "give an .mlpackage or .mlmodelc folder, an .mlmodel file, or a zip of one";

/// Longest name of a pipeline's model that its functions carry.
const PREFIX_MAX: usize = 100;

/// See [`super::open`].
pub(super) fn open(entries: Vec<Entry>, limits: &Limits) -> Result<Package, ReadError> {
    let mut notes = Notes::default();
    let first = entries.first().map(|entry| entry.path.clone()).unwrap_or_default();
    let files = gather(entries, limits, &mut notes)?;
    let found = find(&first, &files, &mut notes)?;
    let is_compiled = found.format == PackageFormat::MlModelC;
    // From here on, paths are seen from the artefact's own folder.
    let own: Vec<File> = files
        .iter()
        .filter_map(|file| {
            let path = inside(&file.path, &found.root)?.to_owned();
            Some(File { path, ..file.clone() })
        })
        .collect();
    if is_compiled { compiled::read(found.name, &own, limits, notes) } else { read(found, &own, limits, notes) }
}

/// An artefact among the files.
struct Found {
    name: String,
    /// Folder that everything of it is in.
    root: String,
    format: PackageFormat,
    /// Path of the specification, from the root.
    spec: String,
    /// Paths that the manifest accounts for, from the root.
    items: Vec<String>,
}

fn find(dropped: &str, files: &[File], notes: &mut Notes) -> Result<Found, ReadError> {
    let mut roots: Vec<&File> = files.iter().filter(|file| manifest::is_manifest(&file.path)).collect();
    // In the order of their folders each is followed by those inside it: a package inside a package's data is data.
    let around = |file: &File| file.path.len() - base_name(&file.path).len();
    let folder_of = |file: &'_ &File| file.path.get(..around(file)).unwrap_or_default().to_owned();
    roots.sort_by_cached_key(folder_of);
    roots.dedup_by(|later, earlier| {
        later.path.as_bytes().starts_with(earlier.path.as_bytes().get(..around(earlier)).unwrap_or_default())
    });
    match roots.as_slice() {
        [] => {}
        [file, others @ ..] => {
            let root = folder(&file.path);
            if let Some(other) = others.first() {
                let n = roots.len();
                let text = format!("there are {n} packages, such as `{}`; this is `{root}`", folder(&other.path));
                notes.add(dropped, text);
            }
            let manifest = manifest::read(file, root, files, notes)?;
            return Ok(package(dropped, root, manifest, Some("Manifest.json")));
        }
    }
    if let [root, others @ ..] = compiled::roots(files).as_slice() {
        if let Some(other) = others.first() {
            let n = others.len() + 1;
            notes.add(dropped, format!("there are {n} compiled models, such as `{other}`; this is `{root}`"));
        }
        let (name, root) = (stem(if root.is_empty() { dropped } else { root }), (*root).to_owned());
        let (format, spec, items) = (PackageFormat::MlModelC, String::new(), Vec::new());
        return Ok(Found { name, root, format, spec, items });
    }
    if let [file] = files {
        single(file, file.path != dropped)?;
        let name = stem(&file.path);
        let (root, spec) = (folder(&file.path).to_owned(), base_name(&file.path).to_owned());
        return Ok(Found { name, root, format: PackageFormat::MlModel, spec, items: Vec::new() });
    }
    let packaged = files.iter().filter_map(|file| file.path.find("Data/").map(|at| file.path.get(..at).unwrap_or("")));
    if let Some(root) = packaged.min()
        && let Some(manifest) = manifest::guess(root.trim_end_matches('/'), files)
    {
        let root = root.trim_end_matches('/');
        notes.add(&join(root, "Manifest.json"), "the manifest is missing: Core ML refuses the package");
        return Ok(package(dropped, root, manifest, None));
    }
    let mut models = files.iter().filter(|file| file.path.ends_with(".mlmodel"));
    match (models.next(), models.next()) {
        (Some(file), None) => {
            let (root, spec) = (folder(&file.path).to_owned(), base_name(&file.path).to_owned());
            let format = PackageFormat::MlModel;
            // What lies beside a lone model belongs to something else.
            Ok(Found { name: stem(&file.path), root, format, spec, items: Vec::new() })
        }
        (Some(_), Some(_)) => Err(about(Fault::Ambiguous, dropped, "there are several models", "give one at a time")),
        (None, _) => Err(about(Fault::NotCoreMl, dropped, no_model(files), WANTED)),
    }
}

fn no_model(files: &[File]) -> String {
    let aimodel = files.iter().any(|file| file.path.split('/').any(|part| part.ends_with(".aimodel")));
    let zipped = files.iter().any(|file| file.path.ends_with(".zip"));
    if aimodel {
        "this is a Core AI model (.aimodel), which is not Core ML".to_owned()
    } else if zipped {
        "there is no Core ML model in it; archives inside archives are not opened".to_owned()
    } else if files.is_empty() {
        "there are no files in it".to_owned()
    } else {
        "there is no Core ML model in it".to_owned()
    }
}

fn package(dropped: &str, root: &str, manifest: Manifest, own: Option<&str>) -> Found {
    let named = if root.is_empty() { dropped } else { root };
    let mut items = manifest.items;
    items.extend(own.map(str::to_owned));
    Found { name: stem(named), root: root.to_owned(), format: PackageFormat::MlPackage, spec: manifest.model, items }
}

/// A file or folder name without its endings.
fn stem(path: &str) -> String {
    let name = base_name(path.trim_end_matches('/'));
    let name = name.strip_suffix(".zip").unwrap_or(name);
    let known = [".mlpackage", ".mlmodelc", ".mlmodel", ".mil"];
    known.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name).to_owned()
}

/// Refuses a lone file that is known to be something else than a model.
fn single(file: &File, is_zipped: bool) -> Result<(), ReadError> {
    let name = base_name(&file.path);
    let mut head = [0; 80];
    let n = file.source.len().min(head.len() as u64) as usize;
    if let Some(head) = head.get_mut(..n) {
        file.source.read_at(0, head).map_err(|why| about(Fault::Io, &file.path, why, ""))?;
    }
    let (fault, what) = if n == 0 {
        (Fault::Truncated, "the file is empty")
    } else if lfs_pointer(file.source.as_ref()).is_some() {
        let hint = "run `git lfs pull` in the repository it comes from";
        return Err(about(Fault::LfsPointer, &file.path, "this is a Git LFS pointer, not the file itself", hint));
    } else if head.starts_with(b"PK") && is_zipped {
        (Fault::Unsupported, "there is no Core ML model in it; archives inside archives are not opened")
    } else if head.starts_with(b"PK") {
        (Fault::Corrupt, "the archive is damaged")
    } else if head.starts_with(b"\x1F\x8B") {
        (Fault::Unsupported, "this is a gzip archive, which is not opened")
    } else if head.starts_with(b"GGUF") || name.ends_with(".safetensors") {
        let hint = "pick a preset for llama.cpp or MLX, or convert the model to Core ML";
        return Err(about(Fault::NotCoreMl, &file.path, "this is not a Core ML model", hint));
    } else if head.get(64..68) == Some(&[0xEF, 0xBE, 0xAD, 0xDE]) {
        (Fault::NotCoreMl, "this is the weight file of a package, without its model")
    } else if head.starts_with(b"{") || head.starts_with(b"[") {
        (Fault::NotCoreMl, "this is JSON, not a model")
    } else {
        return Ok(());
    };
    Err(about(fault, &file.path, what, WANTED))
}

fn read(found: Found, files: &[File], limits: &Limits, mut notes: Notes) -> Result<Package, ReadError> {
    let Some(file) = files.iter().find(|file| file.path == found.spec) else {
        let what = "the manifest names this file as the model, but it is not there";
        return Err(about(Fault::Missing, &found.spec, what, "copy or download the package again"));
    };
    if let Some(size) = lfs_pointer(file.source.as_ref()) {
        let what = format!("this is a Git LFS pointer to {size} bytes, not the model");
        return Err(about(Fault::LfsPointer, &found.spec, what, "run `git lfs pull` in the repository it comes from"));
    }
    let mut wire = Wire::new(file.source.as_ref(), &file.path);
    let whole = wire.whole();
    let head = spec::head(&mut wire, whole, &file.path, &mut notes)?;
    let mut reading = Programs {
        wire: &mut wire,
        blobs: Blobs::new(files, &file.path),
        notes,
        limits,
        file: &file.path,
        model: Model { name: found.name.clone(), spec_version: head.spec_version, ..Model::default() },
        rows: Rows::default(),
        n_ops: 0,
    };
    let interfaces = models(&mut reading, &head)?;
    let Programs { blobs, model, mut notes, .. } = reading;
    let mut items: Vec<&str> = found.items.iter().map(String::as_str).collect();
    items.sort_unstable();
    blobs.check_coverage(&mut notes);
    let mut unreferenced = Vec::new();
    for (at, other) in files.iter().enumerate() {
        let is_item = items.binary_search(&other.path.as_str()).is_ok() || other.path == found.spec;
        if found.format == PackageFormat::MlPackage && !is_item && !blobs.is_used(at) {
            notes.add(&other.path, "nothing in the package refers to this file");
            unreferenced.push(at);
        }
        let is_listed = |item: &&str| other.path == **item || inside(&other.path, item).is_some();
        if found.format == PackageFormat::MlPackage && blobs.is_used(at) && !items.iter().any(is_listed) {
            notes.add(&other.path, "the manifest lists neither this file nor its folder: Core ML may not find it");
        }
    }
    let description = head.description.iter().map(|span| span.len()).fold(0, u64::saturating_add);
    let is_graph = matches!(head.kind, 200..=202 | 303 | 403 | 500 | 502);
    let spec = Some(ledger::Told { path: &found.spec, description, is_graph });
    let mut bytes = ledger::rows(files, &model, &blobs, &ledger::Known { spec, unreferenced, loose: 0 });
    if found.format == PackageFormat::MlModel {
        // What lies beside a lone model is not shown.
        let own = files.iter().position(|file| file.path == found.spec).map_or(0, |at| at as u32);
        bytes.retain(|row| row.file == own);
        bytes.iter_mut().for_each(|row| row.file = 0);
    }
    let sizes = files.iter().filter(|other| found.format != PackageFormat::MlModel || other.path == found.spec);
    Ok(Package {
        name: found.name,
        format: found.format,
        spec_version: head.spec_version,
        model_type: spec::kind_name(head.kind).map_or_else(|| format!("type {}", head.kind), str::to_owned),
        files: sizes.map(|file| FileSize { path: file.path.clone(), bytes: file.source.len() }).collect(),
        interfaces,
        model,
        unaccounted_bytes: ledger::unaccounted(&bytes),
        bytes,
        warnings: notes.finish(),
    })
}

/// A model that waits to be read.
struct Waiting {
    head: spec::Head,
    /// What its functions are called before their own name.
    prefix: String,
    depth: u32,
}

/// Reads a model and, if it is a pipeline, the models in it, in order.
fn models(reading: &mut Programs<'_, '_>, head: &spec::Head) -> Result<Vec<Interface>, ReadError> {
    let mut all = Vec::new();
    let mut n_models = 0;
    let mut waiting = vec![Waiting { head: head.clone(), prefix: String::new(), depth: 0 }];
    while let Some(Waiting { head, prefix, depth }) = waiting.pop() {
        n_models += 1;
        if n_models > reading.limits.models || depth > reading.limits.depth {
            let what = "the pipeline holds too many models or nests them too deep";
            return Err(reading.wire.error(
                Fault::TooLarge,
                head.body.at,
                what,
                "Core ML cannot load such a model either",
            ));
        }
        let mut interfaces = spec::interfaces(reading.wire, &head.description)?;
        check_shapes(reading, &interfaces);
        match head.kind {
            502 => {
                let names = reading.program(head.body, &prefix)?;
                check_functions(reading, &mut interfaces, &names);
            }
            303 | 403 | 500 => reading.neural_network(head.body, format!("{prefix}main"))?,
            200..=202 => {
                let mut inner = stages(reading, &head)?;
                // Every model under it carries the prefix, so it is short.
                let prefix = if prefix.len() > PREFIX_MAX { format!("…{n_models}/") } else { prefix.clone() };
                inner.iter_mut().for_each(|stage| {
                    stage.prefix = format!("{prefix}{}/", stage.prefix);
                    stage.depth = depth + 1;
                });
                waiting.extend(inner.into_iter().rev());
            }
            _ => {}
        }
        for mut interface in interfaces {
            if all.len() >= reading.limits.functions {
                let what = format!("the model has more than {} functions", reading.limits.functions);
                return Err(reading.wire.error(
                    Fault::TooLarge,
                    head.body.at,
                    what,
                    "it is larger than this planner can show",
                ));
            }
            interface.function.insert_str(0, &prefix);
            all.push(interface);
        }
    }
    Ok(all)
}

/// Says which inputs, outputs and states no memory could hold, or hold nothing.
fn check_shapes(reading: &mut Programs<'_, '_>, interfaces: &[Interface]) {
    for feature in interfaces.iter().flat_map(|one| one.inputs.iter().chain(&one.outputs).chain(&one.states)) {
        let mut elements = Some(1_u64);
        for dim in &feature.shape {
            let largest = match dim {
                FeatureDim::Fixed(size) => *size,
                FeatureDim::Range(low, high) => high.unwrap_or(*low).max(1),
                FeatureDim::OneOf(sizes) => sizes.iter().max().copied().unwrap_or(0),
            };
            elements = elements.and_then(|all| all.checked_mul(largest));
        }
        if elements.is_none_or(|elements| elements == 0 || elements > 1 << 48) {
            let text = format!("`{}` has a shape that is negative, empty or larger than any memory", feature.name);
            reading.notes.add(reading.file, text);
        }
    }
}

/// Holds the description's functions against those of the program.
fn check_functions(reading: &mut Programs<'_, '_>, interfaces: &mut [Interface], names: &[String]) {
    if let ([interface], [name]) = (&mut *interfaces, names) {
        // A description without a list of functions is about the only one, whatever it is called.
        interface.function.clone_from(name);
        return;
    }
    for interface in interfaces {
        if !names.contains(&interface.function) {
            let text = format!("the description names function `{}`, the program has none", interface.function);
            reading.notes.add(reading.file, text);
        }
    }
}

/// The models of a pipeline; classifiers and regressors wrap one.
fn stages(reading: &mut Programs<'_, '_>, head: &spec::Head) -> Result<Vec<Waiting>, ReadError> {
    let mut pipeline = head.body;
    if head.kind != 202 {
        let mut rest = head.body;
        pipeline = Span { at: head.body.end, end: head.body.end };
        while let Some(field) = reading.wire.next(&mut rest)? {
            if let (1, Payload::Bytes(span)) = (field.number, field.value) {
                pipeline = span;
            }
        }
    }
    let (mut spans, mut names) = (Vec::new(), Vec::new());
    while let Some(field) = reading.wire.next(&mut pipeline)? {
        match (field.number, field.value) {
            (1, Payload::Bytes(span)) => spans.push(span),
            (2, Payload::Bytes(span)) => names.push(reading.wire.text(span)?),
            _ => {}
        }
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    let is_unique = |name: &String| {
        let from = sorted.partition_point(|other| other < name);
        sorted.get(from + 1) != Some(name)
    };
    let mut stages = Vec::with_capacity(spans.len());
    for (at, span) in spans.into_iter().enumerate() {
        let head = spec::head(reading.wire, span, reading.file, &mut reading.notes)?;
        let named = names.get(at).filter(|name| !name.is_empty() && name.len() <= PREFIX_MAX && is_unique(name));
        let prefix = named.cloned().unwrap_or_else(|| format!("model{at}"));
        stages.push(Waiting { head, prefix, depth: 0 });
    }
    Ok(stages)
}
