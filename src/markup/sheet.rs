//! "Why this number?": the rule, its inputs and their sources.

use super::{Icon, Markup};
use crate::{
    catalog::Source,
    report::why::{Input, Why},
    texts::sheet as text,
};

fn head(m: &mut Markup, title: &str) {
    m.put("header", &[("class", "sheet-head")], |m| {
        m.say("h2", &[("id", "why")], title);
        let close = [
            ("class", "button quiet icon-only"),
            ("type", "button"),
            ("aria-label", text::CLOSE),
            ("data-press", "close"),
        ];
        m.put("button", &close, |m| m.icon(Icon::Close));
    });
}

/// What stands in the dialog until the explanation is here.
#[must_use]
pub fn waiting(title: &str) -> String {
    let mut m = Markup::new();
    head(&mut m, title);
    m.put("div", &[("class", "sheet-body")], |m| m.say("p", &[("role", "status")], text::WAITING));
    m.done()
}

/// Anything in the dialog under a title.
pub fn sheet_of(title: &str, inside: impl FnOnce(&mut Markup)) -> String {
    let mut m = Markup::new();
    head(&mut m, title);
    m.put("div", &[("class", "sheet-body")], inside);
    m.done()
}

/// What stands in the dialog.
#[must_use]
pub fn sheet(why: &Why) -> String {
    let mut m = Markup::new();
    head(&mut m, &why.title);
    m.put("div", &[("class", "sheet-body")], |m| {
        m.say("p", &[("class", "sheet-value")], &why.answer);
        m.put("section", &[], |m| {
            m.say("h3", &[], text::RULE);
            m.say("pre", &[("class", "formula")], why.formula);
        });
        m.put("section", &[], |m| {
            m.say("h3", &[], text::INPUTS);
            m.put("table", &[("class", "listing")], |m| {
                m.put("thead", &[], |m| {
                    m.put("tr", &[], |m| {
                        m.say("th", &[("scope", "col")], text::INPUT);
                        m.say("th", &[("scope", "col"), ("class", "num")], text::VALUE);
                    });
                });
                m.put("tbody", &[], |m| why.inputs.iter().for_each(|input| row(m, input)));
            });
        });
        m.say("p", &[("class", "sheet-caveat")], why.caveat);
    });
    m.done()
}

fn row(m: &mut Markup, input: &Input) {
    let note = |m: &mut Markup, words: &str| {
        if !words.is_empty() {
            m.text(" ");
            m.say("span", &[("class", "source-note")], words);
        }
    };
    m.put("tr", &[], |m| {
        m.put("th", &[("scope", "row")], |m| {
            m.text(&input.name);
            note(m, &input.note);
            if let Some(source) = input.source {
                m.text(" ");
                source_link(m, source);
            }
        });
        m.put("td", &[("class", "num")], |m| {
            m.text(&input.value);
            note(m, &input.range);
        });
    });
}

/// A source: a link where it has an address.
pub(super) fn source_link(m: &mut Markup, source: &Source) {
    if source.url.is_empty() {
        return m.say("span", &[("class", "source-note")], &source.title);
    }
    let attributes =
        [("class", "source"), ("href", source.url.as_str()), ("target", "_blank"), ("rel", "noopener noreferrer")];
    m.say("a", &attributes, &source.title);
}
