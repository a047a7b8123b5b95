//! The answer first: the verdict, the figures, and what each of them rests on.

use super::{ABSENT, Icon, Markup, verdict_of};
use crate::{
    estimate::Status,
    report::{
        view::{FigureKey, Headline, View},
        words,
    },
    texts::answers as text,
};

/// The verdict in one sentence, and what can be done about it.
#[must_use]
pub fn verdict(view: &View) -> String {
    let sentence = &view.sentence;
    let kicker = if view.is_recommended { text::kicker_recommended } else { text::kicker_own };
    let status = verdict_of(view.status);
    let attributes =
        [("class", "verdict"), ("data-verdict", status), ("data-status", status), ("aria-labelledby", "verdict")];
    let mut m = Markup::new();
    m.put("section", &attributes, |m| {
        m.say("p", &[("class", "verdict-kicker")], &kicker(&view.kicker));
        m.put("h1", &[("class", "verdict-line"), ("id", "verdict")], |m| {
            m.icon(Icon::Status(view.status));
            m.text(&sentence.before);
            m.say("span", &[("class", "verdict-word")], sentence.word);
            m.text(&sentence.after);
            m.say("span", &[("class", "unseen")], ": ");
            m.say("span", &[("class", "verdict-because")], &sentence.because);
        });
        m.put("div", &[("class", "verdict-fixes")], |m| {
            why_button(m, view.binding, text::WHY_VERDICT, ABSENT);
            m.say("button", &[("class", "button"), ("type", "button"), ("data-press", "pin")], text::PIN);
            if !view.is_recommended && view.recommended.is_some() {
                m.say(
                    "button",
                    &[("class", "button"), ("type", "button"), ("data-press", "recommended")],
                    text::TO_RECOMMENDED,
                );
            }
        });
    });
    m.done()
}

fn why_button(m: &mut Markup, key: FigureKey, words: &str, label: &str) {
    let attributes = [
        ("class", "why"),
        ("type", "button"),
        ("aria-haspopup", "dialog"),
        ("aria-label", label),
        ("data-press", "why"),
        ("data-key", key.id()),
    ];
    m.say("button", &attributes, words);
}

/// The four or five figures of the picked cell.
#[must_use]
pub fn figures(view: &View) -> String {
    let mut m = Markup::new();
    m.put("dl", &[("class", "figures")], |m| {
        for headline in &view.figures {
            m.put("div", &[("class", "figure")], |m| figure(m, headline));
        }
    });
    m.done()
}

fn figure(m: &mut Markup, headline: &Headline) {
    let is_known = !headline.basis.is_empty();
    let (value, unit) = match headline.value.rsplit_once(' ') {
        Some(parts) if is_known => parts,
        _ => (headline.value.as_str(), ""),
    };
    m.put("dt", &[], |m| match headline.key.word() {
        Some(id) => m.term(id, headline.label),
        None => m.text(headline.label),
    });
    m.put("dd", &[("class", "figure-value")], |m| {
        m.text(value);
        m.text(" ");
        m.say("span", &[("class", "unit")], unit);
    });
    m.say("dd", &[("class", "figure-range")], &headline.range);
    if is_known {
        m.put("dd", &[("class", "figure-foot")], |m| {
            let basis = match headline.error {
                Some(percent) => text::typical_error(&percent.to_string()),
                None => words::basis(headline.basis).to_owned(),
            };
            m.say("span", &[("class", "basis"), ("data-basis", headline.basis)], &basis);
            let label = text::why_figure(&headline.label.to_lowercase(), &headline.value);
            why_button(m, headline.key, text::WHY, &label);
        });
    }
}

/// Why there is no answer.
#[must_use]
pub fn empty(reason: &str) -> String {
    let mut m = Markup::new();
    m.put("div", &[("class", "empty"), ("role", "status")], |m| {
        m.say("h1", &[], text::NO_PLAN);
        m.say("p", &[], reason);
    });
    m.done()
}

/// What was wrong with the link.
#[must_use]
pub fn notes(notes: &[String]) -> String {
    let mut m = Markup::new();
    if notes.is_empty() {
        return String::new();
    }
    m.put("div", &[("class", "notice"), ("data-kind", "warn"), ("role", "status")], |m| {
        m.icon(Icon::Status(Status::Tight));
        m.put("div", &[], |m| {
            m.say("p", &[], text::LINK_NOTES);
            m.put("ul", &[], |m| notes.iter().for_each(|note| m.say("li", &[], note)));
            m.say("button", &[("class", "why"), ("type", "button"), ("data-press", "dismiss")], text::DISMISS);
        });
    });
    m.done()
}
