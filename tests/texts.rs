//! The texts of the page: what the build refuses, how a language is laid over them, that each is used, and that no source
//! file of the page keeps one to itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[path = "../src/catalog/pack.rs"]
mod pack;

/// A folder of words that goes away with the test.
struct Words(PathBuf);

impl Words {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("coreml-planner-texts-{}-{name}", std::process::id())));
        for (path, text) in files {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
            fs::write(path, text).expect("a file in it");
        }
        folder
    }

    /// The code of a language; a complaint is `file:line: what`.
    fn built(&self, language: &str) -> Result<String, Vec<String>> {
        let here = |problem: &pack::Problem| {
            let file = problem.file.strip_prefix(&self.0).unwrap_or(&problem.file);
            format!("{}:{}: {}", file.display(), problem.line, problem.what)
        };
        pack::texts(&self.0, language).map_err(|problems| problems.iter().map(here).collect())
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ENGLISH: &str = "[door]\nopen = \"Open “it”\"\nleads = \"{from} leads to {to}, not from {to}\"\n";

#[test]
fn a_text_is_a_constant_and_one_with_blanks_a_function_of_them() {
    let code = Words::new("plain", &[("texts/a.toml", ENGLISH)]).built("").expect("no complaint");
    assert!(code.contains("pub mod door {"), "{code}");
    assert!(code.contains("pub const OPEN: &str = \"Open “it”\";"), "{code}");
    assert!(code.contains("pub fn leads(from: &str, to: &str) -> String"), "{code}");
    assert!(code.contains("[from, \" leads to \", to, \", not from \", to].concat()"), "{code}");
}

#[test]
fn what_cannot_be_a_text_is_named_with_its_place() {
    let wrong = "[door]\nopen = \"{not open\"\nshut = \"not} open\"\nwide = \"{so wide}\"\nA-b = \"name\"\n";
    let complaints = Words::new("wrong", &[("texts/a.toml", wrong)]).built("").expect_err("four mistakes");
    let mut lines: Vec<&str> = complaints.iter().map(|own| own.split(": ").next().unwrap_or_default()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["texts/a.toml:2", "texts/a.toml:3", "texts/a.toml:4", "texts/a.toml:5"], "{complaints:?}");
    let twice = Words::new("twice", &[("texts/a.toml", ENGLISH), ("texts/b.toml", "\n[door]\nshut = \"Shut\"\n")]);
    let complaints = twice.built("").expect_err("a section in two files");
    assert!(complaints.len() == 1 && complaints[0].starts_with("texts/b.toml:2: [door] is in "), "{complaints:?}");
    let broken = Words::new("broken", &[("texts/a.toml", "[door]\nopen = Open\n")]).built("").expect_err("no TOML");
    assert!(broken[0].starts_with("texts/a.toml:2: "), "{broken:?}");
}

#[test]
fn a_language_may_turn_the_blanks_round_and_leave_texts_out() {
    let turned = "[door]\nleads = \"Nach {to}, nicht von {to}: {from}\"\n";
    let code = Words::new("other", &[("texts/a.toml", ENGLISH), ("de/texts/a.toml", turned)]).built("de");
    let code = code.expect("no complaint");
    assert!(code.contains("pub fn leads(from: &str, to: &str) -> String"), "the callers stay as they are: {code}");
    assert!(code.contains("[\"Nach \", to, \", nicht von \", to, \": \", from].concat()"), "{code}");
    assert!(code.contains("Open “it”"), "what is not translated stays English: {code}");
}

#[test]
fn a_language_has_no_texts_and_no_blanks_of_its_own() {
    let wrong = "[door]\nleads = \"{from} führt {wohin}\"\nclose = \"Schließen\"\n";
    let words = Words::new("own", &[("texts/a.toml", ENGLISH), ("de/texts/a.toml", wrong)]);
    let complaints = words.built("de").expect_err("two mistakes");
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(
        complaints.iter().any(|own| own.contains("a.toml:3: there is no English text door.close")),
        "{complaints:?}"
    );
    assert!(complaints.iter().any(|own| own.contains("a.toml:2: its blanks are")), "{complaints:?}");
    assert!(words.built("fr").is_err(), "a language without a folder is no language");
}

#[test]
fn the_pseudo_language_changes_every_text_and_no_blank() {
    let code = Words::new("pseudo", &[("texts/a.toml", ENGLISH)]).built("pseudo").expect("no complaint");
    assert!(code.contains("\"Ópén “ít”\"") && code.contains("[from, \" léáds tó \", to, "), "{code}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the library, without its unit tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut waiting = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path.strip_prefix(root()).expect("below the root").to_owned(), code));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_text_is_said_somewhere() {
    let sources = sources();
    let mut unsaid = Vec::new();
    for entry in fs::read_dir(root().join("assets/words/texts")).expect("texts").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a file of texts");
        let sections: toml::Table = toml::from_str(&text).expect("TOML");
        for (section, own) in &sections {
            let users: Vec<&String> = sources
                .iter()
                .filter(|(_, code)| code.contains("texts::") && names(code, section))
                .map(|(_, code)| code)
                .collect();
            for (name, words) in own.as_table().expect("a section") {
                let has_blanks = words.as_str().is_some_and(|words| words.contains('{'));
                let item = if has_blanks { name.clone() } else { name.to_uppercase() };
                if !users.iter().any(|code| names(code, &item)) {
                    unsaid.push(format!("{section}.{name}"));
                }
            }
        }
    }
    assert!(unsaid.is_empty(), "texts that nobody says: {unsaid:?}");
}

/// Whether a name stands in code by itself.
fn names(code: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + name.len()..].starts_with(is_part))
}

/// The string literals of code, with their lines; those of comments, attributes and characters are none.
fn literals(code: &str) -> Vec<(usize, String)> {
    let letters: Vec<char> = code.chars().collect();
    let at = |idx: usize| letters.get(idx).copied().unwrap_or_default();
    let (mut idx, mut line, mut found) = (0, 1, Vec::new());
    while idx < letters.len() {
        match (at(idx), at(idx + 1)) {
            ('/', '/') => {
                while idx < letters.len() && at(idx) != '\n' {
                    idx += 1;
                }
                continue;
            }
            ('#', '[') => {
                while idx < letters.len() && at(idx) != ']' {
                    idx += 1;
                }
            }
            ('\'', '\\') => idx += 3,
            ('\'', _) if at(idx + 2) == '\'' => idx += 2,
            ('"', _) => {
                let (from, mut own) = (line, String::new());
                let is_raw = idx > 0 && at(idx - 1) == '#';
                idx += 1;
                while idx < letters.len() && !(at(idx) == '"' && (!is_raw || at(idx + 1) == '#')) {
                    if at(idx) == '\\' && !is_raw {
                        idx += 1;
                    }
                    line += usize::from(at(idx) == '\n');
                    own.push(at(idx));
                    idx += 1;
                }
                found.push((from, own));
            }
            ('\n', _) => line += 1,
            _ => {}
        }
        idx += 1;
    }
    found
}

/// Whether a literal reads like something that a person is told: two words beside each other that are no classes of the
/// style sheets.
fn is_said(literal: &str, classes: &BTreeSet<String>) -> bool {
    let is_word = |word: &str| {
        let word = word.trim_matches(|letter: char| ",.;:!?“”()\"".contains(letter));
        word.len() > 1 && word.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '\'')
    };
    let words: Vec<&str> = literal.split_whitespace().collect();
    words.windows(2).any(|pair| pair.iter().all(|word| is_word(word)))
        && !words.iter().all(|word| classes.contains(*word))
}

/// Every class that the style sheets name.
fn classes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("assets/styles")).expect("style sheets").flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let ends = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
        found.extend(text.split('.').skip(1).filter_map(|rest| rest.split(ends).next()).map(str::to_owned));
    }
    found
}

/// What reads like words and is for the browser alone, or is looked for in other words.
const NOT_SAID: [&str; 6] =
    ["noopener noreferrer", "tbody tr", ".tile, .trail", "bar tile unit-", "word error", "where it runs"];

/// What these say is code that they write.
const WRITERS: [&str; 2] = ["src/report/takeaway/python.rs", "src/report/takeaway/swift.rs"];

/// Code without what its own documentation calls text for a terminal: a whole file, or a function.
fn of_page(code: &str) -> String {
    if code.lines().next().is_some_and(|first| first.contains("for a terminal")) {
        return String::new();
    }
    let mut is_skipped = false;
    let mut kept = String::new();
    for line in code.lines() {
        is_skipped |= line.starts_with("///") && line.contains("terminal");
        if !is_skipped {
            kept.push_str(line);
        }
        kept.push('\n');
        is_skipped &= line != "}";
    }
    kept
}

#[test]
fn no_source_file_of_the_page_keeps_a_text_to_itself() {
    let classes = classes();
    assert!(classes.contains("button"), "{classes:?}");
    let folders = ["src/markup", "src/desk", "src/ui", "src/report"];
    let mut places = Vec::new();
    for (path, code) in sources() {
        let is_of_page = folders.iter().any(|folder| path.starts_with(folder));
        if !is_of_page || WRITERS.iter().any(|file| path == Path::new(file)) {
            continue;
        }
        let is_text = |literal: &str| is_said(literal, &classes) && !NOT_SAID.contains(&literal);
        let said = literals(&of_page(&code)).into_iter().filter(|(_, literal)| is_text(literal));
        places.extend(said.map(|(line, literal)| format!("{}:{line}: {literal:?}", path.display())));
    }
    assert!(places.is_empty(), "words outside of assets/words/texts:\n{}", places.join("\n"));
}

#[test]
fn a_sentence_in_code_is_noticed_and_a_class_a_comment_and_a_character_are_not() {
    let code = "// \"A comment\"\nlet a = '\"';\nlet b = (\"class\", \"button primary\");\nsay(\"Open the file\", r#\"so \"it\" is\"#);";
    let found: Vec<(usize, String)> =
        literals(code).into_iter().filter(|(_, literal)| is_said(literal, &classes())).collect();
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [4, 4], "{found:?}");
}
