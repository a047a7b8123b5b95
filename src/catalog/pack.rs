//! The build script: reads `assets/data`, checks it and packs it into one blob.
//!
//! It fails the build with file and line on an unknown source, a missing or wrong unit, a duplicate id or a dangling
//! reference, and shows every complaint of every file that can be read as TOML at once. It shares `schema.rs` and
//! `arch/` with the library; `tests/catalog.rs` includes it as a module and feeds it broken files.

#![allow(dead_code, reason = "the shared modules have more than the build script calls")]
#![allow(unused_imports, reason = "the shared modules re-export for the library")]
#![allow(unreachable_pub, reason = "the shared modules are public in the library")]
#![allow(missing_docs, reason = "rows have the names of the schema, which documents them")]
#![allow(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

mod arch;
#[path = "pack/check.rs"]
mod check;
mod glossary;
mod lesson;
#[path = "pack/quality.rs"]
mod quality;
mod recipe;
#[path = "../accuracy/records.rs"]
mod records;
#[path = "pack/rows.rs"]
mod rows;
mod rule;
#[path = "pack/rules.rs"]
mod rules;
mod schema;
#[path = "pack/texts.rs"]
mod texts;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use check::Problem;
use check::{Packer, Text};
use rows::File;
use schema::Catalog;

/// What a build packs: three blobs, so that whoever needs one links one.
#[derive(Debug, PartialEq)]
pub struct Packed {
    /// The catalogue.
    pub catalog: Vec<u8>,
    /// The catalogue without the words that stand behind "Why?": what the page's own wasm carries.
    pub lean: Vec<u8>,
    /// Placement rules and the planner's costs, without words.
    pub rules: Vec<u8>,
    /// The words of the rules.
    pub texts: Vec<u8>,
}

/// Reads, checks and packs every TOML file under a folder.
pub fn pack(data: &Path) -> Result<Packed, Vec<Problem>> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| vec![Problem { file: path, line: 1, what: error.to_string() }]
    };
    let mut paths = Vec::new();
    toml_files(data, &mut paths).map_err(unreadable(data))?;
    // The order of a directory differs between machines; the packed bytes must not.
    paths.sort();
    let mut packer = Packer::default();
    let mut files = Vec::new();
    for path in paths {
        let text = Text { text: fs::read_to_string(&path).map_err(unreadable(&path))?, path };
        match toml::from_str::<File>(&text.text) {
            Ok(file) => files.push((file, text)),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                packer.problems.push(text.problem(at, error.message()));
            }
        }
    }
    if !packer.problems.is_empty() {
        // What a file that cannot be read would have defined is not known, so "unknown source" would be noise.
        return Err(packer.problems);
    }
    for (file, text) in &files {
        packer.sources(file, text);
    }
    for (file, text) in &files {
        packer.socs(file, text);
    }
    for (file, text) in &files {
        packer.rule_sources(file, text);
    }
    for (file, text) in files {
        packer.rules(&file, &text);
        packer.rows(file, &text);
    }
    let published = data.join("quality.csv");
    if published.exists() {
        let text = fs::read_to_string(&published).map_err(unreadable(&published))?;
        packer.catalog.quality = quality::effects(&text);
    }
    if packer.problems.is_empty() {
        let failed = |error: postcard::Error| vec![Problem { file: data.to_owned(), line: 1, what: error.to_string() }];
        let lean = lean(&packer.catalog).map_err(|what| vec![Problem { file: data.to_owned(), line: 1, what }])?;
        Ok(Packed {
            lean: postcard::to_allocvec(&lean).map_err(failed)?,
            catalog: postcard::to_allocvec(&packer.catalog).map_err(failed)?,
            rules: postcard::to_allocvec(&packer.rulebook).map_err(failed)?,
            texts: postcard::to_allocvec(&packer.rule_texts).map_err(failed)?,
        })
    } else {
        Err(packer.problems)
    }
}

/// A copy without sources, notes, and laws that no page asks for.
fn lean(catalog: &Catalog) -> Result<Catalog, String> {
    use serde_json::Value;
    fn strip(value: &mut Value) {
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    match (key.as_str(), value) {
                        ("sources" | "notes", Value::Array(rows)) => rows.clear(),
                        ("note" | "what", Value::String(text)) => text.clear(),
                        (_, value) => strip(value),
                    }
                }
            }
            Value::Array(rows) => rows.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut catalog = catalog.clone();
    // The page times calls; loads, power and sizes of measured rows are the tool's affair.
    catalog.laws.retain(|law| ["decode ", "prefill ", "latency "].iter().any(|metric| law.class.starts_with(metric)));
    for own in &mut catalog.quality {
        own.row.clear();
        own.model.clear();
        own.measure.truncate(own.measure.find(',').unwrap_or(own.measure.len()));
    }
    let mut value = serde_json::to_value(&catalog).map_err(|error| error.to_string())?;
    strip(&mut value);
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn toml_files(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
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

/// Reads and packs the recipes that rules name.
pub fn pack_recipes(path: &Path) -> Result<Vec<u8>, Problem> {
    pack_words::<recipe::Recipes>(path)
}

/// The code of every text of the page, in a language: a folder beside the English texts, or `pseudo`.
pub fn texts(words: &Path, language: &str) -> Result<String, Vec<Problem>> {
    let mut own = texts::read(&words.join("texts"))?;
    match language {
        "" | "en" => {}
        "pseudo" => texts::pseudo(&mut own),
        other => texts::translate(&mut own, texts::read(&words.join(other).join("texts"))?)?,
    }
    Ok(texts::code(&own))
}

/// Reads and packs the glossary.
pub fn pack_glossary(path: &Path) -> Result<Vec<u8>, Problem> {
    pack_words::<glossary::Glossary>(path)
}

/// Reads and packs the lessons.
pub fn pack_lessons(path: &Path) -> Result<Vec<u8>, Problem> {
    pack_words::<lesson::Lessons>(path)
}

fn pack_words<T: serde::Serialize + serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<u8>, Problem> {
    let problem = |what: String| Problem { file: path.to_owned(), line: 1, what };
    let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let recipes: T = toml::from_str(&text).map_err(|error| problem(error.to_string()))?;
    postcard::to_allocvec(&recipes).map_err(|error| problem(error.to_string()))
}

/// A file of words in the language that is built, or in English where that has none.
fn words(language: &str, name: &str) -> PathBuf {
    let words = Path::new("assets/words");
    let own = words.join(language).join(name);
    if own.exists() { own } else { words.join(name) }
}

/// Every file that the build writes for the library.
fn built(language: &str) -> Result<Vec<(&'static str, Vec<u8>)>, Vec<Problem>> {
    let one = |problem: Problem| vec![problem];
    let packed = pack(Path::new("assets/data"))?;
    // Read when it is asked for, by the reader of the tool's own file.
    let quality = PathBuf::from("assets/data/quality.csv");
    let quality =
        fs::read(&quality).map_err(|error| one(Problem { file: quality, line: 0, what: error.to_string() }))?;
    Ok(vec![
        ("catalog.bin", packed.catalog),
        ("catalog_lean.bin", packed.lean),
        ("rules.bin", packed.rules),
        ("rule_texts.bin", packed.texts),
        ("recipes.bin", pack_recipes(&words(language, "fixes.toml")).map_err(one)?),
        ("glossary.bin", pack_glossary(&words(language, "glossary.toml")).map_err(one)?),
        ("lessons.bin", pack_lessons(&words(language, "lessons.toml")).map_err(one)?),
        ("texts.rs", texts(Path::new("assets/words"), language)?.into_bytes()),
        ("quality.csv", quality),
    ])
}

fn main() {
    for path in ["assets/data", "assets/words", "src/catalog", "src/accuracy/records.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=PLANNER_LANGUAGE");
    let language = std::env::var("PLANNER_LANGUAGE").unwrap_or_default();
    match built(&language) {
        Ok(files) => {
            let folder = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
            for (name, bytes) in files {
                let out = folder.join(name);
                if let Err(error) = fs::write(&out, bytes) {
                    println!("cargo::error={}: {error}", out.display());
                }
            }
        }
        Err(problems) => {
            for Problem { file, line, what } in problems {
                println!("cargo::error={}:{line}: {what}", file.display());
            }
        }
    }
}
