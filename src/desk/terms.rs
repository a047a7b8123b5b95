//! Terms of the glossary in a panel: the first time a panel uses one, it becomes a button that opens its definition.
//!
//! Invariants: only text is touched, never an attribute, and nothing inside of what is pressed, filled in, drawn, copied or
//! names its panel; a spelling that is also a plain English word is left alone. Absent on purpose: the panels that the page
//! draws itself, which name their terms with [`crate::markup::Markup::term`].

use crate::{catalog::Glossary, markup::Markup};

/// Elements whose text stays as it is.
const WHOLE: [&str; 18] = [
    "a", "button", "code", "h1", "h2", "label", "legend", "option", "output", "pre", "select", "summary", "svg",
    "tbody", "textarea", "title", "ul", "caption",
];
const VOID: [&str; 3] = ["input", "br", "img"];

/// Spellings that mean something else as often.
const PLAIN: [&str; 16] = [
    "head",
    "functions",
    "state",
    "cache",
    "segment",
    "hop",
    "partition",
    "generation",
    "palette",
    "logits",
    "sparse",
    "footprint",
    "where it runs",
    "context",
    "ne",
    "placement",
];

struct Spelling {
    id: &'static str,
    text: String,
    /// An acronym is only itself in capitals.
    exact: bool,
}

fn spellings() -> Vec<Spelling> {
    let mut all = Vec::new();
    for term in &Glossary::get().term {
        for text in std::iter::once(&term.term).chain(&term.also) {
            let exact = text.bytes().filter(u8::is_ascii_uppercase).count() > 1;
            let text = if exact { text.clone() } else { text.to_ascii_lowercase() };
            if !PLAIN.contains(&&*text.to_ascii_lowercase()) {
                all.push(Spelling { id: &term.id, text, exact });
            }
        }
    }
    all
}

/// The markup with its terms as buttons.
pub(super) fn link(markup: &str) -> String {
    let spellings = spellings();
    let mut used: Vec<&'static str> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(markup.len() + 2048);
    let mut rest = markup;
    while let Some((text, after)) = rest.split_once('<') {
        push(&mut out, text, &open, &spellings, &mut used);
        let Some((tag, next)) = after.split_once('>') else {
            rest = &rest[text.len()..];
            break;
        };
        out.push('<');
        out.push_str(tag);
        out.push('>');
        rest = next;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            open.pop();
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    out.push_str(rest);
    out
}

fn push(out: &mut String, text: &str, open: &[&str], spellings: &[Spelling], used: &mut Vec<&'static str>) {
    let mut rest = text;
    if !open.iter().any(|name| WHOLE.contains(name)) {
        while let Some((at, spelling)) = first(rest, spellings, used) {
            let end = at + spelling.text.len();
            let (Some(before), Some(word), Some(after)) = (rest.get(..at), rest.get(at..end), rest.get(end..)) else {
                break;
            };
            out.push_str(before);
            let mut m = Markup::new();
            m.term(spelling.id, word);
            out.push_str(&m.done());
            used.push(spelling.id);
            rest = after;
        }
    }
    out.push_str(rest);
}

/// The first spelling of a term that is not used yet; the longest of those that begin there.
fn first<'s>(text: &str, spellings: &'s [Spelling], used: &[&'static str]) -> Option<(usize, &'s Spelling)> {
    let lower = text.to_ascii_lowercase();
    let mut best: Option<(usize, &Spelling)> = None;
    for spelling in spellings.iter().filter(|own| !used.contains(&own.id)) {
        let within = if spelling.exact { text } else { &*lower };
        let Some(at) = find(within, &spelling.text) else { continue };
        let is_better =
            best.is_none_or(|(other, held)| at < other || (at == other && spelling.text.len() > held.text.len()));
        if is_better {
            best = Some((at, spelling));
        }
    }
    best
}

/// Where a spelling stands as a word of its own.
fn find(text: &str, spelling: &str) -> Option<usize> {
    let is_part = |letter: char| letter.is_alphanumeric() || ['-', '_', '.', '/', '&', ';'].contains(&letter);
    text.match_indices(spelling).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let mut after = text.get(at + spelling.len()..).unwrap_or_default().chars();
        // A full stop ends a sentence, unless a letter follows it.
        let ends = match after.next() {
            Some('.') => after.next().is_none_or(|letter| !letter.is_alphanumeric()),
            Some(letter) => !is_part(letter) || letter == ';',
            None => true,
        };
        ends && before.is_none_or(|letter| !is_part(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markup: &str, expected: &str) {
        let found = link(markup);
        let mut short = String::new();
        for part in found.split(
            "<button class=\"term\" type=\"button\" aria-haspopup=\"dialog\" data-press=\"why\" data-key=\"word:",
        ) {
            short.push_str(if short.is_empty() { "" } else { "[" });
            short.push_str(part);
        }
        assert_eq!(short.replace("</button>", "]").replace("\">", "|"), expected);
    }

    #[test]
    fn a_term_is_linked_once_and_as_it_is_written() {
        check(
            "<p>Palettized weights, palettized twice.</p>",
            "<p>[palettization|Palettized] weights, palettized twice.</p>",
        );
        check("<p>On the ANE, not on a plane.</p>", "<p>On the [ane|ANE], not on a plane.</p>");
    }

    #[test]
    fn what_is_pressed_drawn_or_copied_stays_as_it_is() {
        for markup in [
            "<code>prefill</code>",
            "<svg><text x=1>prefill</text></svg>",
            "<pre>prefill</pre>",
            "<p title=prefill>x</p>",
        ] {
            check(markup, markup);
        }
        check("<a>decode</a><br><p>decode</p>", "<a>decode</a><br><p>[decode|decode]</p>");
    }

    #[test]
    fn a_part_of_a_name_is_no_term() {
        check("<p>prefill_4.mlpackage, a state, prefills</p>", "<p>prefill_4.mlpackage, a state, prefills</p>");
        check("<p>the prefill.</p>", "<p>the [prefill|prefill].</p>");
    }
}
