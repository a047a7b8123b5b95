//! Reads Core ML artefacts: bytes become a [`Package`].
//!
//! The reader is synchronous over [`RangeSource`]s, so the same code runs on native files, in a browser worker (over
//! `FileReaderSync`) and under a fuzzer. Invariants: it never panics, never allocates by a declared length beyond its
//! [`Limits`], never reads a weight file whole, and every error names the file and the offset and says what to do.
//! Absent on purpose: weight values, and anything about devices or variants.

mod blob;
mod compiled;
mod constant;
mod coremldata;
mod espresso;
mod files;
mod graph;
mod inflate;
mod ledger;
mod legacy;
mod lex;
mod manifest;
mod metadata;
mod mil;
mod number;
mod package;
mod spec;
mod text;
mod text_value;
mod weights;
mod window;
mod wire;
mod zip;

use serde::{Deserialize, Serialize};

use crate::model::{Flexibility, Flexible, Model, OnDisk};

/// Bytes that can be read by ranges: a file, a `Blob`, a stored zip entry.
pub trait RangeSource {
    /// Length in bytes.
    fn len(&self) -> u64;
    /// Fills `into` from `offset`; an error says why it could not (the file changed, permission was lost).
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String>;
    /// Whether bytes in the middle cost reading everything before them (a deflated entry of an archive): what is only
    /// worth a look is then left out.
    fn is_sequential(&self) -> bool {
        false
    }
    /// Whether each read costs about as much as a large one (a file of the browser): of many small looks that would all
    /// say the same, a few are then taken.
    fn is_dear(&self) -> bool {
        false
    }
    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One dropped or named file: a relative path with `/` between its parts, and its bytes.
pub struct Entry {
    /// `Llama.mlpackage/Data/com.apple.CoreML/model.mlmodel`, or just `model.mlmodel` or `model.zip`.
    pub path: String,
    /// Its bytes.
    pub source: Box<dyn RangeSource>,
}

/// What a file says, whole: files, interface, graph and weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// The artefact's own name, without its ending.
    pub name: String,
    /// What kind of artefact it is.
    pub format: PackageFormat,
    /// Core ML specification version.
    pub spec_version: u32,
    /// `mlProgram`, `neuralNetwork`, `pipeline`, `treeEnsembleClassifier` … as the specification names it.
    pub model_type: String,
    /// Every file of the artefact.
    pub files: Vec<FileSize>,
    /// The interface of each function (one, named `main`, for most models).
    pub interfaces: Vec<Interface>,
    /// The graph and the weight table.
    pub model: Model,
    /// What each byte of each file is for; the rows of a file sum to its size.
    pub bytes: Vec<ByteRow>,
    /// Bytes that nothing in the specification accounts for: the sum of the [`ByteKind::Unreferenced`] rows.
    pub unaccounted_bytes: u64,
    /// What is odd but not fatal.
    pub warnings: Vec<Warning>,
}

/// What kind of artefact was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackageFormat {
    /// An `.mlpackage` folder, or a zip of one.
    MlPackage,
    /// A single `.mlmodel` file.
    MlModel,
    /// A compiled `.mlmodelc` folder, or a zip of one.
    MlModelC,
}

/// A file and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize {
    /// Path inside the artefact.
    pub path: String,
    /// Bytes, uncompressed.
    pub bytes: u64,
}

/// Bytes of one file that serve one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteRow {
    /// Index into [`Package::files`].
    pub file: u32,
    /// What they are for.
    pub kind: ByteKind,
    /// How many.
    pub bytes: u64,
}

/// What bytes of an artefact are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ByteKind {
    /// Elements of weights, or indices into their tables.
    Values,
    /// Lookup tables.
    Tables,
    /// Scales.
    Scales,
    /// Zero points and offsets.
    Offsets,
    /// Bit masks of sparse weights.
    Masks,
    /// Headers and records of weight files.
    Headers,
    /// What aligns the blobs of a weight file.
    Padding,
    /// Operations, types, names and small constants.
    Graph,
    /// Inputs, outputs, states and metadata of the model.
    Description,
    /// What a model that is no network has learned: trees, coefficients, support vectors.
    Learned,
    /// `Manifest.json`.
    Manifest,
    /// Files beside the model that the package lists.
    Metadata,
    /// Nothing refers to them.
    Unreferenced,
}

/// What a function takes, returns and keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Function name.
    pub function: String,
    /// What a call takes.
    pub inputs: Vec<Feature>,
    /// What a call returns.
    pub outputs: Vec<Feature>,
    /// What stays between calls.
    pub states: Vec<Feature>,
}

/// One input, output or state, as the model description declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// `fp16`, `int32`, `image-rgb`, `string`, `dictionary` …
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<FeatureDim>,
    /// The sizes it has when nothing else is said, where the shape varies and the file states them; else empty.
    pub default: Vec<u64>,
    /// Whether a call may leave it out.
    pub optional: bool,
}

/// One dimension of a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureDim {
    /// Always this size.
    Fixed(u64),
    /// Any size in the range; no upper end is unbounded.
    Range(u64, Option<u64>),
    /// One of these sizes.
    OneOf(Vec<u64>),
}

/// Something odd that did not stop the reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The file it is about.
    pub file: String,
    /// What is odd and what it means.
    pub text: String,
}

/// What kind of thing is wrong with an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is something else, or only a part of a model.
    NotCoreMl,
    /// A pointer that Git LFS left where the file should be.
    LfsPointer,
    /// A file that the model needs is not there.
    Missing,
    /// It ends too early.
    Truncated,
    /// It contradicts its own format.
    Corrupt,
    /// It reaches out of its own folder, or pretends to be what it is not.
    Hostile,
    /// It is larger or deeper than any model that Core ML loads.
    TooLarge,
    /// It is in a form that exists and is not read here.
    Unsupported,
    /// There are several models.
    Ambiguous,
    /// The bytes could not be had.
    Io,
}

/// Why an artefact could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadError {
    /// What kind of thing is wrong.
    pub fault: Fault,
    /// The file it happened in.
    pub file: String,
    /// Where in the file, when that means something.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset:#x}")?;
        }
        write!(f, ": {}", self.what)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadError {}

/// How much the reader is willing to hold. The defaults are far above any model that Core ML loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations of all functions together.
    pub ops: usize,
    /// Functions of all models together; the most that anyone ships is a few dozen.
    pub functions: usize,
    /// Nested blocks. Core ML's own reader gives up at 100 nested protobuf messages, which is fewer blocks than this.
    pub depth: u32,
    /// Files of an artefact or an archive.
    pub files: usize,
    /// Models of a pipeline, nested ones included.
    pub models: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ops: 5_000_000, functions: 10_000, depth: 64, files: 200_000, models: 10_000 }
    }
}

/// Opens whatever was dropped: a package folder as a list of files, a single file, or a zip of either.
pub fn open(entries: Vec<Entry>, limits: &Limits) -> Result<Package, ReadError> {
    let mut package = package::open(entries, limits)?;
    package.model.name.clone_from(&package.name);
    package.model.on_disk = Some(on_disk(&package.files));
    package.model.flexible =
        package.interfaces.iter().filter_map(|interface| flexible(interface, &package.model)).collect();
    Ok(package)
}

/// How the inputs of a function vary, when they do: the widest range counts, and a range more than a list.
fn flexible(interface: &Interface, model: &Model) -> Option<Flexible> {
    let mut found = None;
    for dim in interface.inputs.iter().flat_map(|input| &input.shape) {
        found = match (dim, found) {
            (FeatureDim::Range(low, high), before) => {
                let own = high.map_or(u64::MAX, |high| high.saturating_sub(*low));
                let span = if let Some(Flexibility::Range { span }) = before { own.max(span) } else { own };
                Some(Flexibility::Range { span })
            }
            (FeatureDim::OneOf(_), None) => Some(Flexibility::Listed),
            (FeatureDim::OneOf(_) | FeatureDim::Fixed(_), before) => before,
        };
    }
    let how = found?;
    let function = model.functions.iter().find(|function| function.name == interface.function);
    let defaults = interface.inputs.iter().filter(|input| !input.default.is_empty());
    Some(Flexible {
        function: interface.function.clone(),
        how,
        computes_shapes: function.is_some_and(|function| function.computes_shapes(&model.names)),
        defaults: defaults.map(|input| (input.name.clone(), input.default.clone())).collect(),
    })
}

fn on_disk(files: &[FileSize]) -> OnDisk {
    // Sizes come from the file's own words: their sum may be anything.
    let add = |sum: u64, file: &FileSize| sum.saturating_add(file.bytes);
    let of = |is_one: fn(&str) -> bool| files.iter().filter(|file| is_one(&file.path)).fold(0, add);
    let spec = of(|path| [".mlmodel", ".mil", ".espresso.net"].iter().any(|end| path.ends_with(end)));
    let weights = of(|path| {
        let is_weights = path.ends_with(".bin") || path.ends_with(".espresso.weights");
        is_weights && !path.ends_with("coremldata.bin")
    });
    let total = files.iter().fold(0, add);
    OnDisk { spec, other: total.saturating_sub(spec).saturating_sub(weights), total }
}

impl Package {
    /// Bytes of all files.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }
}
