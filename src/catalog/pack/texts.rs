//! What the page says, from `assets/words/texts`, as code: a constant for each text, a function where it has blanks.
//!
//! `without_speed = "{n} plans have no predicted speed"` in `[frontier]` becomes `texts::frontier::without_speed(n)`; the
//! blanks are arguments in the order in which the English text names them, whatever the order in another language. A text
//! that is nowhere used costs the page nothing, and none is looked up while it runs.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::check::{Problem, Text as File};

/// Texts by their section and name.
pub type Texts = BTreeMap<(String, String), Text>;

/// A text as it is written.
pub struct Text {
    /// Its words, with `{blanks}`.
    words: String,
    /// The blanks, in the order of the English text.
    args: Vec<String>,
    /// What to say when it cannot be used.
    at: Problem,
}

/// Reads every file of a folder; a section stands in one file only.
pub fn read(folder: &Path) -> Result<Texts, Vec<Problem>> {
    let unreadable = |error: io::Error| vec![Problem { file: folder.to_owned(), line: 1, what: error.to_string() }];
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut texts = Texts::new();
    let mut owners: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut problems = Vec::new();
    for path in paths {
        let file = File { text: fs::read_to_string(&path).map_err(unreadable)?, path };
        let sections: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>> =
            match toml::from_str(&file.text) {
                Ok(sections) => sections,
                Err(error) => {
                    problems.push(file.problem(error.span().map_or(0, |span| span.start), error.message()));
                    continue;
                }
            };
        for (section, own) in sections {
            let at = section.span().start;
            if let Some(first) = owners.insert(section.get_ref().clone(), file.path.clone()) {
                problems.push(file.problem(at, format!("[{}] is in {} too", section.get_ref(), first.display())));
            }
            if !is_name(section.get_ref()) {
                problems.push(file.problem(at, "the name of a section is made of a-z, 0-9 and _"));
            }
            for (name, words) in own {
                let at = words.span().start;
                if !is_name(name.get_ref()) {
                    problems.push(file.problem(at, "the name of a text is made of a-z, 0-9 and _"));
                }
                if let Err(what) = parts(words.get_ref()) {
                    problems.push(file.problem(at, what));
                }
                let words = words.into_inner();
                let args = blanks(&words).into_iter().map(str::to_owned).collect();
                let key = (section.get_ref().clone(), name.into_inner());
                texts.insert(key, Text { words, args, at: file.problem(at, "") });
            }
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// Puts a translation over the English texts: what it does not have stays English.
pub fn translate(english: &mut Texts, other: Texts) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (key, Text { words, args, at }) in other {
        let mut complain = |what: String| problems.push(Problem { file: at.file.clone(), line: at.line, what });
        match english.get_mut(&key) {
            None => complain(format!("there is no English text {}.{}", key.0, key.1)),
            Some(own) => {
                let [mut theirs, mut ours] = [args, own.args.clone()];
                theirs.sort_unstable();
                ours.sort_unstable();
                if theirs == ours {
                    own.words = words;
                } else {
                    complain(format!("its blanks are {theirs:?}, those of the English text {ours:?}"));
                }
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Every text with its letters changed but readable: what still looks English on the page is in no file of texts.
pub fn pseudo(texts: &mut Texts) {
    for Text { words, .. } in texts.values_mut() {
        let changed = parts(words).unwrap_or_default().into_iter().map(|part| match part {
            Part::Blank(name) => ["{", name, "}"].concat(),
            Part::Words(words) => words.chars().map(accented).collect(),
        });
        *words = changed.collect::<String>();
    }
}

fn accented(letter: char) -> char {
    const PAIRS: [(char, char); 10] = [
        ('a', 'á'),
        ('e', 'é'),
        ('i', 'í'),
        ('o', 'ó'),
        ('u', 'ú'),
        ('A', 'Á'),
        ('E', 'É'),
        ('I', 'Í'),
        ('O', 'Ó'),
        ('U', 'Ú'),
    ];
    PAIRS.iter().find(|(plain, _)| *plain == letter).map_or(letter, |(_, changed)| *changed)
}

/// The code of the modules.
pub fn code(texts: &Texts) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for ((section, name), text) in texts {
        sections.entry(section).or_default().push_str(&item(name, text));
    }
    let module = |(name, items): (&str, String)| format!("/// Texts of `[{name}]`.\npub mod {name} {{\n{items}}}\n");
    sections.into_iter().map(module).collect()
}

fn item(name: &str, text: &Text) -> String {
    let Text { words, args, .. } = text;
    let doc = format!("    #[doc = {:?}]\n", ["`", &words.replace('`', "'"), "`"].concat());
    if args.is_empty() {
        return format!("{doc}    pub const {}: &str = {words:?};\n", name.to_uppercase());
    }
    let args: Vec<String> = args.iter().map(|arg| [arg, ": &str"].concat()).collect();
    let piece = |part: &Part<'_>| match part {
        Part::Blank(name) => (*name).to_owned(),
        Part::Words(words) => format!("{words:?}"),
    };
    let pieces: Vec<String> = parts(words).unwrap_or_default().iter().map(piece).collect();
    let (args, pieces) = (args.join(", "), pieces.join(", "));
    format!("{doc}    #[must_use]\n    pub fn {name}({args}) -> String {{\n        [{pieces}].concat()\n    }}\n")
}

/// A stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Words(&'a str),
    Blank(&'a str),
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a `{` has no `}`")?;
        if !is_name(name) {
            return Err(format!("`{{{name}}}` is no blank: use a-z, 0-9 and _"));
        }
        if !before.is_empty() {
            found.push(Part::Words(before));
        }
        found.push(Part::Blank(name));
        rest = after;
    }
    if rest.contains('}') {
        return Err("a `}` has no `{`".to_owned());
    }
    if !rest.is_empty() {
        found.push(Part::Words(rest));
    }
    Ok(found)
}

/// The names of the blanks, each once, in the order of the text.
fn blanks(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in parts(text).unwrap_or_default() {
        if let Part::Blank(name) = part
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}
