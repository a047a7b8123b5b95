//! Compiled models (`.mlmodelc`): a folder whose parts say what a specification says in one file.
//!
//! `coremldata.bin` holds the type and, as the same protobuf message as in a specification, the description of inputs
//! and outputs; `model.mil` the program as text; `model.espresso.*` a neural network; `model0`, `model1` … the models of
//! a pipeline, each a folder of the same kind; `metadata.json` repeats much of it. Every part may be missing: what the
//! others say is shown, and a warning says what is not there. Absent on purpose: what other types than programs and
//! networks learned, which only `coremldata.bin` holds in a form that is not documented.

use super::{
    Fault, Feature, FeatureDim, FileSize, Interface, Limits, Package, PackageFormat, ReadError,
    blob::Blobs,
    coremldata::{self, Data, PREFIX_MAX},
    espresso,
    files::{File, Notes, about, base_name, folder, inside, join, lfs_pointer},
    graph::Programs,
    ledger,
    metadata::{self, Metadata},
    spec,
    text::ToldFunction,
    weights::Rows,
    wire::Wire,
};
use crate::model::{Dim, Function, Model, ValueId};

const WHOLE: &str = "give the whole .mlmodelc folder, or the .mlpackage that it was compiled from";

/// Whether a file is one that only compiled models have.
pub(super) fn is_part(path: &str) -> bool {
    let name = base_name(path);
    name == "coremldata.bin"
        || name.ends_with(".mil")
        || name.ends_with(".espresso.net")
        || path.split('/').any(|part| part.ends_with(".mlmodelc"))
}

/// The folders of the compiled models among the files, each once, in order; the files are sorted by path.
pub(super) fn roots(files: &[File]) -> Vec<&str> {
    let mut roots: Vec<&str> = Vec::new();
    for file in files.iter().filter(|file| is_part(&file.path)) {
        let root = root_of(&file.path);
        // What is in one folder stands together, so only the last roots can be around this one or inside it.
        if roots.last().is_some_and(|last| *last == root || inside(root, last).is_some()) {
            continue;
        }
        while roots.last().is_some_and(|last| inside(last, root).is_some()) {
            roots.pop();
        }
        roots.push(root);
    }
    roots
}

/// The folder of the whole model that a part belongs to.
fn root_of(path: &str) -> &str {
    let mut end = 0;
    for part in path.split('/') {
        end += part.len();
        if part.ends_with(".mlmodelc") && end < path.len() {
            return path.get(..end).unwrap_or(path);
        }
        end += 1;
    }
    let mut root = folder(path);
    while is_inner(base_name(root)) {
        root = folder(root);
    }
    root
}

/// Whether a folder of that name is a part of the compiled model around it.
fn is_inner(name: &str) -> bool {
    let number = name.strip_prefix("model");
    matches!(name, "model" | "modelNames" | "analytics" | "neural_network_optionals")
        || number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// One model: the whole, or a model of a pipeline.
struct Part<'a> {
    folder: String,
    /// What its functions are called before their own name.
    prefix: String,
    /// `coremldata.bin`, and what it says.
    data: Option<(&'a File, Data)>,
    metadata: Option<(&'a File, Metadata)>,
    program: Option<&'a File>,
    network: Option<&'a File>,
    /// Names of the models in it.
    children: Vec<String>,
}

/// Reads the compiled model whose folder holds `files`.
pub(super) fn read(name: String, files: &[File], limits: &Limits, mut notes: Notes) -> Result<Package, ReadError> {
    let parts = parts(files, limits, &mut notes)?;
    let Some(whole) = parts.first() else {
        return Err(about(Fault::NotCoreMl, &name, "there is no model in it", WHOLE));
    };
    let model_type = whole.model_type();
    let said = whole.spec_version(&mut notes);
    // Each program's text, as a file for errors and fingerprints; a part without one has an empty file.
    let nothing = Nothing;
    let mut wires: Vec<Wire<'_>> = parts
        .iter()
        .map(|part| match part.program {
            Some(file) => Wire::new(file.source.as_ref(), &file.path),
            None => Wire::new(&nothing, ""),
        })
        .collect();
    let model = Model { name: name.clone(), spec_version: said.unwrap_or(0), ..Model::default() };
    let mut state = State { blobs: Blobs::new(files, ""), notes, model, rows: Rows::default(), n_ops: 0 };
    let (mut all_told, mut interfaces, mut loose) = (Vec::new(), Vec::new(), 0);
    for (part, wire) in parts.iter().zip(wires.iter_mut()) {
        let first = state.model.functions.len();
        let mut names = None;
        if let Some(file) = part.program {
            let told;
            (told, state) = program(part, file, wire, limits, state)?;
            let mut told_names: Vec<String> = told.iter().map(|function| function.name.clone()).collect();
            told_names.sort_unstable();
            names = Some(told_names);
            check_metadata(part, &told, &mut state);
            all_told.extend(told);
        } else if let Some(file) = part.network {
            let net = espresso::Net { files, file, name: format!("{}main", part.prefix), limits };
            loose += net.read(&mut state.model, &mut state.n_ops, &mut state.notes)?;
        }
        let own = state.model.functions.get(first..).unwrap_or_default();
        interfaces.extend(part.interfaces(own, names.as_deref(), &mut state.notes)?);
        if interfaces.len() > limits.functions {
            let what = format!("the model has more than {} functions", limits.functions);
            return Err(about(Fault::TooLarge, &part.folder, what, "it is larger than this planner can show"));
        }
    }
    // The metadata of a pipeline counts the operations of all its models.
    if whole.program.is_none() {
        check_metadata(whole, &all_told, &mut state);
    }
    let State { blobs, mut notes, mut model, .. } = state;
    let spec_version = said.or_else(|| newest_opset(&model)).unwrap_or(0);
    model.spec_version = spec_version;
    if spec_version == 0 {
        notes.add(&whole.folder, "nothing says which specification version the model has");
    }
    blobs.check_coverage(&mut notes);
    let mut unreferenced = Vec::new();
    for (at, file) in files.iter().enumerate() {
        if !is_known(&file.path) && !blobs.is_used(at) {
            notes.add(&file.path, "nothing in the compiled model refers to this file");
            unreferenced.push(at);
        }
    }
    let known = ledger::Known { spec: None, unreferenced, loose };
    let bytes = ledger::rows(files, &model, &blobs, &known);
    Ok(Package {
        name,
        format: PackageFormat::MlModelC,
        spec_version,
        model_type,
        files: files.iter().map(|file| FileSize { path: file.path.clone(), bytes: file.source.len() }).collect(),
        interfaces,
        model,
        unaccounted_bytes: ledger::unaccounted(&bytes),
        bytes,
        warnings: notes.finish(),
    })
}

/// Whether the compiler writes a file of that name for itself.
fn is_known(path: &str) -> bool {
    let name = base_name(path);
    matches!(name, "coremldata.bin" | "metadata.json")
        || [".mil", ".espresso.net", ".espresso.shape", ".espresso.weights"].iter().any(|end| name.ends_with(end))
}

/// What is carried from one part to the next.
struct State<'a> {
    blobs: Blobs<'a>,
    notes: Notes,
    model: Model,
    rows: Rows,
    n_ops: usize,
}

fn program<'a>(
    part: &Part<'_>,
    file: &'a File,
    wire: &'a mut Wire<'_>,
    limits: &'a Limits,
    state: State<'a>,
) -> Result<(Vec<ToldFunction>, State<'a>), ReadError> {
    if let Some(size) = lfs_pointer(file.source.as_ref()) {
        let what = format!("this is a Git LFS pointer to {size} bytes, not the program");
        return Err(about(Fault::LfsPointer, &file.path, what, "run `git lfs pull` in the repository it comes from"));
    }
    let State { mut blobs, notes, model, rows, n_ops } = state;
    blobs.start_from(&file.path);
    let mut programs = Programs { wire, blobs, notes, limits, file: &file.path, model, rows, n_ops };
    let told = programs.program_text(file.source.as_ref(), &part.prefix)?;
    let Programs { blobs, notes, model, rows, n_ops, .. } = programs;
    Ok((told.functions, State { blobs, notes, model, rows, n_ops }))
}

fn check_metadata(part: &Part<'_>, told: &[ToldFunction], state: &mut State<'_>) {
    if let Some((file, metadata)) = &part.metadata {
        metadata.check(&file.path, told, &state.model, &mut state.notes);
    }
}

/// Finds the parts: the whole model first, and after each pipeline its models in order.
fn parts<'a>(files: &'a [File], limits: &Limits, notes: &mut Notes) -> Result<Vec<Part<'a>>, ReadError> {
    let mut parts = Vec::new();
    let mut waiting = vec![(String::new(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = waiting.pop() {
        if parts.len() >= limits.models || depth > limits.depth {
            let what = "the pipeline holds too many models or nests them too deep";
            return Err(about(Fault::TooLarge, &folder, what, "Core ML cannot load such a model either"));
        }
        let part = part(files, folder, prefix, limits, notes)?;
        for (at, name) in part.children.iter().enumerate().rev() {
            let inner = join(&part.folder, &format!("model{at}"));
            // Every function under it carries the prefix, so it is short.
            let prefix = format!("{}{name}/", part.prefix);
            let prefix = if prefix.len() > PREFIX_MAX { format!("…{}/", parts.len()) } else { prefix };
            waiting.push((inner, prefix, depth + 1));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn part<'a>(
    files: &'a [File],
    folder: String,
    prefix: String,
    limits: &Limits,
    notes: &mut Notes,
) -> Result<Part<'a>, ReadError> {
    // The files are sorted by path, and there may be many of them.
    let named = |name: &str| {
        let path = join(&folder, name);
        let at = files.binary_search_by(|file| file.path.as_str().cmp(&path)).ok()?;
        files.get(at)
    };
    // A program that is given alone may have any name.
    let ending = |end: &str| {
        let is_one = |file: &&File| !file.path.contains('/') && file.path.ends_with(end);
        if folder.is_empty() { files.iter().find(is_one) } else { None }
    };
    let mut n_children = 0;
    loop {
        let child = join(&folder, &format!("model{n_children}"));
        // Sorted, so the first file that is not before the folder is in it, if any is.
        let at = files.partition_point(|file| file.path.as_str() < format!("{child}/").as_str());
        if files.get(at).is_none_or(|file| inside(&file.path, &child).is_none()) {
            break;
        }
        n_children += 1;
    }
    let data = match named("coremldata.bin") {
        Some(file) => coremldata::data(file, notes)?.map(|data| (file, data)),
        None => None,
    };
    let metadata = match named("metadata.json") {
        Some(file) => metadata::read(file, limits, notes)?.map(|metadata| (file, metadata)),
        None => None,
    };
    let program = named("model.mil").or_else(|| ending(".mil"));
    let network = named("model.espresso.net").or_else(|| ending(".espresso.net"));
    let children = coremldata::child_names(named("modelNames/coremldata.bin"), n_children);
    let part = Part { folder, prefix, data, metadata, program, network, children };
    let kind = part.kind_name();
    let missing = match kind.as_deref() {
        Some("mlProgram") if program.is_none() => "its program (model.mil)",
        Some("pipeline" | "pipelineClassifier" | "pipelineRegressor") if n_children == 0 => {
            "the models of the pipeline"
        }
        Some("neuralNetwork" | "neuralNetworkClassifier" | "neuralNetworkRegressor") if network.is_none() => {
            "its network (model.espresso.net)"
        }
        Some(_) => return Ok(part),
        None if program.is_some() || network.is_some() || n_children > 0 => return Ok(part),
        None => "all that says what it is",
    };
    let is_encrypted = files.iter().any(|file| file.path.split('/').any(|part| part == "encryptionInfo"));
    let what =
        if is_encrypted { "the compiled model is encrypted".to_owned() } else { format!("{missing} is not there") };
    let at = if part.folder.is_empty() { "the compiled model" } else { part.folder.as_str() };
    let fault = if is_encrypted { Fault::Unsupported } else { Fault::Missing };
    Err(about(fault, at, what, WHOLE))
}

impl Part<'_> {
    fn kind_name(&self) -> Option<String> {
        let own = self.data.as_ref().map(|(_, data)| data.kind).and_then(spec::kind_name).map(str::to_owned);
        own.or_else(|| self.metadata.as_ref().and_then(|(_, metadata)| metadata.model_type.clone()))
    }

    fn model_type(&self) -> String {
        let by_parts = || match (self.program, self.network) {
            (Some(_), _) => "mlProgram".to_owned(),
            (None, Some(_)) => "neuralNetwork".to_owned(),
            (None, None) => "pipeline".to_owned(),
        };
        self.kind_name().unwrap_or_else(by_parts)
    }

    fn spec_version(&self, notes: &mut Notes) -> Option<u32> {
        let by_data = self.data.as_ref().map(|(_, data)| data.spec_version).filter(|version| *version > 0);
        let said = self.metadata.as_ref().and_then(|(file, metadata)| Some((file, metadata.spec_version?)));
        if let (Some(own), Some((file, said))) = (by_data, said)
            && own != said
        {
            let text = format!("the metadata says specification version {said}, the model says {own}");
            notes.add(&file.path, text);
        }
        by_data.or(said.map(|(_, version)| version))
    }

    /// The interface: by the description, else by the metadata, else by the program itself. `names` are those of the
    /// program's functions, sorted.
    fn interfaces(
        &self,
        functions: &[Function],
        names: Option<&[String]>,
        notes: &mut Notes,
    ) -> Result<Vec<Interface>, ReadError> {
        let mut found = None;
        if let Some((file, data)) = &self.data {
            let mut wire = Wire::new(file.source.as_ref(), &file.path);
            match spec::interfaces(&mut wire, &[data.description]) {
                Ok(interfaces) => found = Some(interfaces),
                Err(error) => notes.add(&file.path, format!("the description cannot be read: {}", error.what)),
            }
        }
        let by_metadata = || self.metadata.as_ref().map(|(_, metadata)| metadata.interfaces.clone());
        let by_metadata = || by_metadata().filter(|interfaces| !interfaces.is_empty());
        let by_program = || functions.iter().map(|function| interface(function, &self.prefix)).collect();
        let mut interfaces = found.or_else(by_metadata).unwrap_or_else(by_program);
        match (interfaces.as_mut_slice(), names) {
            // A description without a list of functions is about the only one, whatever it is called.
            ([interface], Some([name])) => interface.function.clone_from(name),
            (interfaces, Some(names)) => {
                for interface in interfaces {
                    if names.binary_search(&interface.function).is_err() {
                        let text =
                            format!("the description names function `{}`, the program has none", interface.function);
                        notes.add(&self.folder, text);
                    }
                }
            }
            (_, None) => {}
        }
        for interface in &mut interfaces {
            interface.function.insert_str(0, &self.prefix);
        }
        Ok(interfaces)
    }
}

/// What a function of a program takes and returns, by its own types.
fn interface(function: &Function, prefix: &str) -> Interface {
    let feature = |id: &ValueId| {
        let value = function.value(*id);
        let tensor = value.and_then(|value| value.ty.tensor());
        let dim = |dim: &Dim| match dim {
            Dim::Fixed(size) => FeatureDim::Fixed(*size),
            Dim::Flexible => FeatureDim::Range(0, None),
        };
        Feature {
            name: value.map(|value| value.name.clone()).unwrap_or_default(),
            dtype: tensor.map_or("unknown", |tensor| tensor.dtype.name()).to_owned(),
            shape: tensor.map(|tensor| tensor.shape.iter().map(dim).collect()).unwrap_or_default(),
            default: Vec::new(),
            optional: false,
        }
    };
    Interface {
        function: function.name.strip_prefix(prefix).unwrap_or(&function.name).to_owned(),
        inputs: function.inputs.iter().map(feature).collect(),
        outputs: function.outputs.iter().map(feature).collect(),
        states: function.states.iter().map(feature).collect(),
    }
}

/// The least specification version that has the operation sets of the functions.
fn newest_opset(model: &Model) -> Option<u32> {
    let version = |function: &Function| function.opset.strip_prefix("CoreML")?.parse::<u32>().ok();
    model.functions.iter().filter_map(version).max().map(|opset| opset.saturating_add(1))
}

/// A file without bytes.
struct Nothing;

impl super::RangeSource for Nothing {
    fn len(&self) -> u64 {
        0
    }
    fn read_at(&self, _offset: u64, _into: &mut [u8]) -> Result<(), String> {
        Err("there are no bytes".to_owned())
    }
}
