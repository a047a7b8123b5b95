//! The glossary is whole: unique ids, no dangling reference, short definitions, no spelling claimed twice.

use std::{collections::BTreeMap, path::Path};

fn terms() -> Vec<toml::Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/words/glossary.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("{}: {error}", path.display()));
    let table: toml::Table = text.parse().unwrap_or_else(|error| unreachable!("glossary.toml: {error}"));
    let list = table.get("term").and_then(|term| term.as_array()).cloned().unwrap_or_default();
    list.into_iter().filter_map(|term| term.as_table().cloned()).collect()
}

fn word<'t>(term: &'t toml::Table, key: &str) -> &'t str {
    term.get(key).and_then(toml::Value::as_str).unwrap_or_default()
}

fn words<'t>(term: &'t toml::Table, key: &str) -> Vec<&'t str> {
    let list = term.get(key).and_then(toml::Value::as_array);
    list.map(|list| list.iter().filter_map(toml::Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn every_term_is_defined_once_and_shortly() {
    let terms = terms();
    assert!(terms.len() >= 35, "the glossary was found");
    let mut claimed: BTreeMap<String, String> = BTreeMap::new();
    for term in &terms {
        let (id, text) = (word(term, "id"), word(term, "text"));
        assert!(!id.is_empty() && !word(term, "term").is_empty(), "{term:?}");
        let length = text.chars().count();
        assert!((40..=320).contains(&length), "{id}: {length} characters");
        assert!(text.ends_with('.'), "{id} is a sentence");
        for spelling in words(term, "also").into_iter().chain([word(term, "term")]) {
            let before = claimed.insert(spelling.to_owned(), id.to_owned());
            assert!(before.as_deref().is_none_or(|before| before == id), "{spelling}: {before:?} and {id}");
        }
    }
    for term in &terms {
        for other in words(term, "see") {
            assert!(terms.iter().any(|term| word(term, "id") == other), "{}: no term `{other}`", word(term, "id"));
        }
    }
}

#[test]
fn the_terms_of_the_course_are_all_there() {
    let terms = terms();
    let spellings: Vec<String> = terms
        .iter()
        .flat_map(|term| {
            words(term, "also").into_iter().chain([word(term, "term")]).map(str::to_lowercase).collect::<Vec<_>>()
        })
        .collect();
    for needed in [
        "ane",
        "fp16",
        "static shapes",
        "palettization",
        "linear quantization",
        ".mlpackage",
        ".mlmodelc",
        "compute units",
        "tops",
        "prefill",
        "decode",
        "kv cache",
        "lut",
        "mlx",
        "llama.cpp",
        "executorch",
        "core ai",
        "roofline",
    ] {
        assert!(spellings.iter().any(|own| own == needed), "no definition of {needed}");
    }
}
