//! The build script: reads `assets/data`, checks it and packs it into one blob.
//!
//! It fails the build with file and line on an unknown source, a missing or wrong unit, a duplicate id or a dangling
//! reference. It shares `schema.rs`, `arch/` and the quantities with the library.

#![allow(dead_code, reason = "the shared modules have more than the build script calls")]
#![allow(unused_imports, reason = "the shared modules re-export for the library")]
#![allow(unreachable_pub, reason = "the shared modules are public in the library")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is how a build script talks to cargo and people")]

mod arch;
mod schema;
#[path = "../units/mod.rs"]
mod units;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use schema::{Catalog, Coefficient, Fact, FactKind, Preset, PresetKind, Source, SourceIdx};
use serde::Deserialize;
use toml::Spanned;

/// One file of the catalogue; any file may hold any table.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    source: Vec<Spanned<RawSource>>,
    preset: Vec<Spanned<RawPreset>>,
    coefficient: Vec<Spanned<RawCoefficient>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCoefficient {
    id: String,
    what: String,
    fact: RawFact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    id: String,
    title: String,
    #[serde(default)]
    url: String,
}

/// A number with its unit and where it comes from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    value: Spanned<String>,
    low: Option<Spanned<String>>,
    high: Option<Spanned<String>>,
    source: Spanned<String>,
    kind: FactKind,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPreset {
    id: String,
    name: String,
    kind: PresetKind,
    params: RawFact,
    arch: arch::Arch,
    #[serde(default)]
    note: String,
}

/// A complaint that stops the build.
struct Problem {
    file: PathBuf,
    line: usize,
    what: String,
}

/// A file that was read, for turning byte offsets into lines.
struct Text {
    path: PathBuf,
    text: String,
}

impl Text {
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
    fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        Problem { file: self.path.clone(), line: self.line(offset), what: what.into() }
    }
}

/// Collects the catalogue and every complaint, so that one build shows all of them.
#[derive(Default)]
struct Packer {
    catalog: Catalog,
    sources: HashMap<String, SourceIdx>,
    ids: HashMap<(&'static str, String), (PathBuf, usize)>,
    problems: Vec<Problem>,
}

/// The units a field may be written in, and what each is in the field's own unit.
type FieldUnits = &'static [(&'static str, f64)];
const COEFFICIENTS: FieldUnits =
    &[("share", 1.0), ("times", 1.0), ("ms", 1e-3), ("MB", 1e6), ("GB/s", 1e9), ("Gweights/s", 1e9), ("TFLOPS", 1e12)];
const PARAMS: FieldUnits = &[("params", 1.0), ("M params", 1e6), ("B params", 1e9)];

impl Packer {
    /// Claims an id within its kind; the second claim is a complaint.
    fn claim(&mut self, kind: &'static str, id: &str, text: &Text, offset: usize) {
        let here = (text.path.clone(), text.line(offset));
        if let Some((file, line)) = self.ids.insert((kind, id.to_owned()), here) {
            self.problems.push(
                text.problem(offset, format!("duplicate {kind} id `{id}`, first used at {}:{line}", file.display())),
            );
        }
    }

    fn source(&mut self, id: &Spanned<String>, text: &Text) -> SourceIdx {
        match self.sources.get(id.get_ref()) {
            Some(source) => *source,
            None => {
                let what = format!("unknown source `{}`; add a [[source]] with that id", id.get_ref());
                self.problems.push(text.problem(id.span().start, what));
                SourceIdx(0)
            }
        }
    }

    fn number(&mut self, raw: &Spanned<String>, units: FieldUnits, text: &Text) -> f64 {
        let parsed = raw.get_ref().split_once(' ').and_then(|(value, unit)| {
            let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
            value.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value * factor)
        });
        parsed.unwrap_or_else(|| {
            let known: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            let what = format!("`{}` is not a number and one of the units {}", raw.get_ref(), known.join(", "));
            self.problems.push(text.problem(raw.span().start, what));
            0.0
        })
    }

    fn fact(&mut self, raw: &RawFact, units: FieldUnits, text: &Text) -> Fact {
        let value = self.number(&raw.value, units, text);
        let low = raw.low.as_ref().map_or(value, |low| self.number(low, units, text));
        let high = raw.high.as_ref().map_or(value, |high| self.number(high, units, text));
        if low > value || high < value {
            self.problems.push(text.problem(raw.value.span().start, "low ≤ value ≤ high does not hold"));
        }
        let source = self.source(&raw.source, text);
        Fact { value, low, high, kind: raw.kind, source, note: raw.note.clone() }
    }

    fn sources(&mut self, file: &File, text: &Text) {
        for row in &file.source {
            let raw = row.get_ref();
            self.claim("source", &raw.id, text, row.span().start);
            let idx = SourceIdx(self.catalog.sources.len() as u16);
            self.sources.insert(raw.id.clone(), idx);
            self.catalog.sources.push(Source { id: raw.id.clone(), title: raw.title.clone(), url: raw.url.clone() });
        }
    }

    fn coefficients(&mut self, file: &File, text: &Text) {
        for row in &file.coefficient {
            let raw = row.get_ref();
            self.claim("coefficient", &raw.id, text, row.span().start);
            let fact = self.fact(&raw.fact, COEFFICIENTS, text);
            let unit = raw.fact.value.get_ref().split_once(' ').map_or("", |(_, unit)| unit).to_owned();
            self.catalog.coefficients.push(Coefficient { id: raw.id.clone(), what: raw.what.clone(), fact, unit });
        }
    }

    fn presets(&mut self, file: File, text: &Text) {
        for row in file.preset {
            let at = row.span().start;
            let raw = row.into_inner();
            self.claim("preset", &raw.id, text, at);
            let params = self.fact(&raw.params, PARAMS, text);
            let RawPreset { id, name, kind, arch, note, .. } = raw;
            self.catalog.presets.push(Preset { id, name, kind, params, arch, note });
        }
    }
}

fn toml_files(dir: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            toml_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    Ok(())
}

fn pack(data: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| vec![Problem { file: path, line: 1, what: error.to_string() }]
    };
    let mut paths = Vec::new();
    toml_files(data, &mut paths).map_err(io(data))?;
    // The order of a directory differs between machines; the packed bytes must not.
    paths.sort();
    let mut packer = Packer::default();
    let mut files = Vec::new();
    for path in paths {
        let text = Text { text: fs::read_to_string(&path).map_err(io(&path))?, path };
        match toml::from_str::<File>(&text.text) {
            Ok(file) => files.push((file, text)),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                packer.problems.push(text.problem(at, error.message()));
            }
        }
    }
    for (file, text) in &files {
        packer.sources(file, text);
    }
    for (file, text) in files {
        packer.coefficients(&file, &text);
        packer.presets(file, &text);
    }
    if packer.problems.is_empty() {
        postcard::to_allocvec(&packer.catalog)
            .map_err(|error| vec![Problem { file: data.to_owned(), line: 1, what: error.to_string() }])
    } else {
        Err(packer.problems)
    }
}

fn main() {
    println!("cargo::rerun-if-changed=assets/data");
    println!("cargo::rerun-if-changed=src/catalog");
    println!("cargo::rerun-if-changed=src/units");
    match pack(Path::new("assets/data")) {
        Ok(bytes) => {
            let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("catalog.bin");
            if let Err(error) = fs::write(&out, bytes) {
                println!("cargo::error={}: {error}", out.display());
            }
        }
        Err(problems) => {
            for Problem { file, line, what } in problems {
                println!("cargo::error={}:{line}: {what}", file.display());
            }
        }
    }
}
