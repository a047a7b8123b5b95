//! The glossary as a panel.

use crate::{
    catalog::{Glossary, Term},
    markup::{Markup, panel, sheet_of},
    texts::glossary as text,
};

pub(super) fn draw() -> String {
    let terms = &Glossary::get().term;
    let mut m = Markup::new();
    panel(&mut m, "words-panel", text::TITLE, text::NOTE, |m| {
        m.put("dl", &[("class", "glossary")], |m| {
            for own in terms {
                m.put("div", &[], |m| term(m, own, terms));
            }
        });
    });
    m.done()
}

/// One term, for the dialog.
pub(super) fn one(id: &str) -> Option<String> {
    let all = &Glossary::get().term;
    let own = all.iter().find(|term| term.id == id)?;
    Some(sheet_of(&own.term, |m| {
        if !own.also.is_empty() {
            m.say("p", &[("class", "hint")], &text::also(&own.also.join(", ")));
        }
        m.say("p", &[], &own.text);
        let beside: Vec<&Term> = own.see.iter().filter_map(|id| all.iter().find(|term| term.id == *id)).collect();
        if !beside.is_empty() {
            m.put("p", &[], |m| {
                for (idx, other) in beside.iter().enumerate() {
                    m.text(if idx == 0 { text::SEE } else { ", " });
                    m.term(&other.id, &other.term);
                }
            });
        }
    }))
}

fn term(m: &mut Markup, own: &Term, all: &[Term]) {
    m.put("dt", &[("id", &*["word-", &own.id].concat())], |m| {
        m.text(&own.term);
        if !own.also.is_empty() {
            m.text(" ");
            m.say("span", &[("class", "hint")], &own.also.join(", "));
        }
    });
    m.put("dd", &[], |m| {
        m.text(&own.text);
        let beside = own.see.iter().filter_map(|id| all.iter().find(|term| term.id == *id));
        for (idx, other) in beside.enumerate() {
            m.text(if idx == 0 { " " } else { "" });
            m.text(if idx == 0 { text::SEE } else { ", " });
            let to = [
                ("class", "linklike"),
                ("type", "button"),
                ("data-press", "show"),
                ("data-of", &*["word-", &other.id].concat()),
            ];
            m.say("button", &to, &other.term);
        }
    });
}
