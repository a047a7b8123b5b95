//! What the worker answers about a package or a plan, drawn: the page puts it into its place and has nothing to format.
//!
//! What a press does is an attribute of what is pressed (`data-at`, `data-find`, `data-from` …), and what the page fills or
//! looks up has a `data-part`; `ui::stage` knows the words. Absent on purpose: the rows of listings, which the page asks
//! for by the screenful and writes into elements that are there.

use serde::{Deserialize, Serialize};

use super::sketch;
use crate::{
    markup::{ABSENT, Markup, when},
    report::inspection::{
        File, Heat, KindCount, Landed, LandedFunction, ListingHead, Near, Picture, PlanReply, Recipe, Reply, Rows,
        SplitBy, Summary, Tried,
    },
    texts::{figure::AS_TABLE, names, stage as text},
};

/// Kinds of operations that are shown at once; the rest is in the listing.
const KINDS: usize = 12;
/// Most stretches of a strip that are drawn; thinner ones nobody could press.
const STRETCHES: usize = 400;
/// What can make a part of the picture of bytes, in the order of [`SplitBy::ALL`].
const SPLITS: [&str; 3] = [text::BY_LAYER, text::BY_ROLE, text::BY_ENCODING];
const UNITS: [(&str, &str); 4] =
    [("", text::ALL_UNITS), ("unit:ane", names::ANE), ("unit:gpu", names::GPU), ("unit:cpu", names::CPU)];

/// An answer as the page takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Drawn {
    /// The whole panel of a package or of a plan.
    Stage {
        /// Its markup, with empty places for what changes.
        markup: String,
        /// The listings that it offers.
        heads: Vec<ListingHead>,
        /// What stands above the rows of each listing; empty for a package.
        strips: Vec<String>,
    },
    /// Some rows of a listing.
    Rows(Rows),
    /// How many rows of each listing match.
    Counts(Vec<String>),
    /// What belongs into the place that the question was about.
    Part(String),
    /// A file to keep.
    File(File),
}

/// Draws an answer; `by` is how the picture of bytes was asked for, if it was.
pub(super) fn draw(reply: Reply, by: Option<SplitBy>) -> Drawn {
    match reply {
        Reply::Summary(summary) => {
            Drawn::Stage { markup: package(&summary), heads: summary.listings, strips: Vec::new() }
        }
        Reply::Rows(rows) => Drawn::Rows(rows),
        Reply::Matches(counts) => Drawn::Counts(counts),
        Reply::Picture(drawn) => Drawn::Part(picture(&drawn, by)),
        Reply::File(file) => Drawn::File(file),
        Reply::Plan(PlanReply::Landed(landed)) => {
            let strips = landed.functions.iter().map(strip).collect();
            let markup = plan(&landed);
            Drawn::Stage { markup, heads: landed.functions.into_iter().map(|function| function.head).collect(), strips }
        }
        Reply::Plan(PlanReply::Around(near)) => Drawn::Part(around(&near)),
        Reply::Plan(PlanReply::Tried(tried)) => Drawn::Part(what_changes(&tried)),
        Reply::Plan(PlanReply::Heat(heat)) => Drawn::Part(every_chip(&heat)),
    }
}

fn button(m: &mut Markup, class: &str, text: &str, does: &str, what: &str) {
    m.say("button", &[("type", "button"), ("class", class), (does, what)], text);
}

fn part(m: &mut Markup, tag: &'static str, class: &str, name: &str) {
    m.say(tag, &[("class", if class.is_empty() { ABSENT } else { class }), ("data-part", name)], "");
}

fn search(m: &mut Markup, label: &str, hint: &str) {
    let attributes = [
        ("type", "search"),
        ("class", "input"),
        ("placeholder", hint),
        ("aria-label", label),
        ("autocomplete", "off"),
        ("spellcheck", "false"),
        ("data-part", "search"),
    ];
    m.void("input", &attributes);
}

fn package(summary: &Summary) -> String {
    let mut m = Markup::new();
    m.put("header", &[("class", "panel-head")], |m| {
        m.put("div", &[], |m| {
            m.say("h2", &[], &summary.name);
            m.say("p", &[("class", "panel-note")], &summary.line);
        });
        m.put("div", &[("class", "panel-tools")], |m| button(m, "button", text::SAVE_JSON, "data-save", "json"));
    });
    m.put("dl", &[("class", "facts")], |m| {
        for fact in &summary.facts {
            m.put("div", &[], |m| {
                m.say("dt", &[], &fact.name);
                m.say("dd", &[], &fact.value);
                m.say("dd", &[("class", "hint")], &fact.note);
            });
        }
    });
    if !summary.warnings.is_empty() {
        m.put("div", &[("class", "notice"), ("data-kind", "warn")], |m| {
            m.put("ul", &[], |m| summary.warnings.iter().for_each(|warning| m.say("li", &[], warning)));
        });
    }
    m.say("h3", &[], text::BYTES);
    part(&mut m, "div", "", "picture");
    m.put("div", &[("class", "package-pair")], |m| {
        m.put("div", &[], |m| {
            m.say("h3", &[], text::KINDS);
            match summary.kinds.as_slice() {
                [] => {
                    let head = summary.listings.get(1);
                    m.say("p", &[("class", "hint")], head.map_or("", |head| head.empty.as_str()));
                }
                kinds => bars(m, kinds),
            }
        });
        m.put("div", &[], |m| {
            m.say("h3", &[], text::INTERFACE);
            match summary.interface.rows.is_empty() {
                true => m.say("p", &[("class", "hint")], text::NO_INTERFACE),
                false => crate::markup::table(m, &summary.interface, text::INTERFACE),
            }
        });
    });
    m.say("h3", &[], text::EVERYTHING);
    m.put("div", &[("class", "rows-tools")], |m| {
        m.put("div", &[("class", "quick"), ("role", "group"), ("aria-label", text::LISTINGS)], |m| {
            for (idx, head) in summary.listings.iter().enumerate() {
                m.put("button", &[("type", "button"), ("class", "button"), ("data-list", &idx.to_string())], |m| {
                    m.text(&head.title);
                    m.say("span", &[("class", "hint")], &head.count);
                });
            }
        });
        search(m, text::SEARCH, text::SEARCH_HINT);
        button(m, "button", text::SAVE_CSV, "data-save", "csv");
    });
    part(&mut m, "div", "", "rows");
    m.done()
}

/// A bar for each of the most frequent kinds.
fn bars(m: &mut Markup, kinds: &[KindCount]) {
    m.put("ul", &[("class", "bars")], |m| {
        for kind in kinds.iter().take(KINDS) {
            m.put("li", &[], |m| {
                button(m, "linklike", &kind.name, "data-kind", &kind.name);
                let permille = kind.permille.to_string();
                m.say("meter", &[("max", "1000"), ("value", &permille), ("aria-hidden", "true")], "");
                m.say("span", &[("class", "num")], &kind.count);
            });
        }
    });
}

fn picture(drawn: &Picture, by: Option<SplitBy>) -> String {
    let mut m = Markup::new();
    m.put("div", &[("class", "quick"), ("role", "group"), ("aria-label", text::SPLIT)], |m| {
        for (idx, (split, name)) in SplitBy::ALL.into_iter().zip(SPLITS).enumerate() {
            let pressed = if by == Some(split) { "true" } else { "false" };
            let does =
                [("type", "button"), ("class", "button"), ("data-split", &*idx.to_string()), ("aria-pressed", pressed)];
            m.say("button", &does, name);
        }
    });
    m.put("figure", &[("class", "chart-figure")], |m| {
        m.put("nav", &[("class", "trail"), ("aria-label", text::TRAIL)], |m| {
            for (idx, (name, at)) in drawn.trail.iter().enumerate() {
                match idx + 1 == drawn.trail.len() {
                    true => m.say("b", &[], name),
                    false => button(m, "linklike", name, "data-at", at),
                }
            }
        });
        m.put("div", &[("class", "chart-stage")], |m| m.drawn(&drawn.svg));
        m.say("p", &[("class", "chart-readout"), ("data-part", "readout")], text::BYTES_READOUT);
        m.put("ul", &[("class", "legend")], |m| {
            for (ink, name) in &drawn.keys {
                m.put("li", &[], |m| {
                    m.say("span", &[("class", &["swatch ", ink.class()].concat())], "");
                    m.say("span", &[], name);
                });
            }
        });
        m.put("details", &[("class", "data")], |m| {
            m.say("summary", &[], AS_TABLE);
            crate::markup::table(m, &drawn.table, text::BYTES);
        });
    });
    m.done()
}

fn plan(landed: &Landed) -> String {
    let mut m = Markup::new();
    m.say("p", &[("class", "hint")], &landed.line);
    if !landed.loads {
        m.say("p", &[("class", "notice")], text::TOO_OLD);
    }
    if landed.functions.is_empty() {
        m.say("p", &[("class", "hint")], text::NO_OPERATIONS);
        return m.done();
    }
    if landed.functions.len() > 1 {
        m.put("div", &[("class", "quick"), ("role", "group"), ("aria-label", text::FUNCTION)], |m| {
            for (idx, function) in landed.functions.iter().enumerate() {
                button(m, "button", &function.name, "data-list", &idx.to_string());
            }
        });
    }
    let lane = [("class", "lane"), ("role", "group"), ("aria-label", text::RUNS), ("data-part", "strip")];
    m.say("div", &lane, "");
    m.say("p", &[("class", "chart-readout"), ("data-part", "readout")], text::RUNS_READOUT);
    m.put("div", &[("class", "rows-tools")], |m| {
        m.put("div", &[("class", "quick"), ("role", "group"), ("aria-label", text::UNIT)], |m| {
            UNITS.iter().for_each(|(value, name)| button(m, "button", name, "data-unit-of", value));
        });
        search(m, text::SEARCH_OPS, text::SEARCH_OPS_HINT);
        let number = [
            ("type", "number"),
            ("class", "input"),
            ("placeholder", text::NUMBER),
            ("aria-label", text::NUMBER_LABEL),
            ("min", "1"),
            ("autocomplete", "off"),
            ("data-part", "number"),
        ];
        m.void("input", &number);
    });
    part(&mut m, "div", "", "rows");
    m.say("div", &[("class", "near"), ("aria-live", "polite"), ("data-part", "near")], "");
    if !landed.recipes.is_empty() {
        m.say("h3", &[], text::TO_DO);
        landed.recipes.iter().enumerate().for_each(|(idx, own)| recipe(&mut m, idx, own));
    }
    m.say("h3", &[], text::OTHER_DEVICES);
    m.put("div", &[("aria-live", "polite"), ("data-part", "heat")], |m| {
        button(m, "button", text::EVERY_CHIP, "data-every", "");
    });
    m.done()
}

/// What stands above the operations of a function.
fn strip(function: &LandedFunction) -> String {
    let mut m = Markup::new();
    m.say("p", &[], &function.line);
    function.notes.iter().for_each(|note| m.say("p", &[("class", "notice")], note));
    let stretches = || function.strip.iter().take(STRETCHES);
    let wide: u32 = stretches().map(|stretch| stretch.permille.max(2)).sum();
    let view_box = ["0 0 ", &wide.max(1000).to_string(), " 28"].concat();
    let attributes = [("class", "strip lanes"), ("viewBox", view_box.as_str()), ("preserveAspectRatio", "none")];
    m.put("svg", &attributes, |m| {
        let mut at = 0;
        for stretch in stretches() {
            let unit = if stretch.unit == "ane" { "ne" } else { &stretch.unit };
            let width = stretch.permille.max(2);
            let attributes = [
                ("class", &*["bar tile unit-", unit].concat()),
                ("x", &*at.to_string()),
                ("y", "0"),
                ("width", &*width.to_string()),
                ("height", "28"),
                ("role", "button"),
                ("tabindex", if at == 0 { "0" } else { "-1" }),
                ("aria-label", &stretch.text),
                ("data-from", &*stretch.from.to_string()),
            ];
            m.say("rect", &attributes, "");
            at += width;
        }
    });
    m.done()
}

/// A recipe: what it does, what it costs, its code, and a button to try it.
fn recipe(m: &mut Markup, idx: usize, recipe: &Recipe) {
    let code = ["recipe-", &idx.to_string()].concat();
    m.put("details", &[("class", "fold")], |m| {
        m.put("summary", &[], |m| {
            m.say("b", &[], &recipe.title);
            m.say("span", &[("class", "hint")], &[" — ", &recipe.line].concat());
        });
        m.say("p", &[], &recipe.changes);
        m.put("pre", &[("class", "code"), ("tabindex", "0")], |m| m.say("code", &[("id", &code)], &recipe.code));
        m.put("div", &[("class", "quick")], |m| {
            let copy = [("type", "button"), ("class", "button"), ("data-press", "copy"), ("data-of", &*code)];
            m.say("button", &copy, text::COPY);
            if recipe.can_try {
                button(m, "button", text::TRY, "data-try", &recipe.id);
            }
        });
        m.say("div", &[("aria-live", "polite")], "");
    });
}

/// What is around one operation.
fn around(near: &Near) -> String {
    let mut m = Markup::new();
    if near.title.is_empty() {
        m.say("p", &[("class", "hint")], &near.line);
        return m.done();
    }
    m.say("h3", &[], &near.title);
    m.say("p", &[("class", "hint")], &near.line);
    m.put("ul", &[("class", "reasons")], |m| near.reasons.iter().for_each(|reason| m.say("li", &[], reason)));
    sketch::draw(&mut m, &near.sketch, &near.title);
    for (title, rows) in [(text::READS, &near.reads), (text::READ_BY, &near.read_by)] {
        m.put("div", &[("class", "neighbour")], |m| {
            m.say("h4", &[], title);
            m.put("ul", &[("class", "neighbours")], |m| {
                for (row, name) in rows {
                    m.put("li", &[], |m| button(m, "linklike", name, "data-row", &row.to_string()));
                }
                if rows.is_empty() {
                    m.say("li", &[("class", "hint")], text::NOTHING);
                }
            });
        });
    }
    m.done()
}

fn what_changes(tried: &Result<Tried, String>) -> String {
    let mut m = Markup::new();
    match tried {
        Ok(tried) => {
            m.say("p", &[("class", "hint")], &tried.line);
            crate::markup::table(&mut m, &tried.table, &tried.title);
        }
        Err(why) => m.say("p", &[("class", "hint")], why),
    }
    m.done()
}

fn every_chip(heat: &Heat) -> String {
    let mut m = Markup::new();
    m.say("p", &[("class", "hint")], text::HEAT_NOTE);
    let region = [("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", text::HEAT)];
    m.put("div", &region, |m| {
        m.put("table", &[("class", "listing heats")], |m| {
            m.put("thead", &[], |m| {
                m.put("tr", &[], |m| {
                    m.say("th", &[("scope", "col")], text::HEAT_HEAD);
                    heat.head.iter().for_each(|units| m.say("th", &[("scope", "col")], units));
                });
            });
            m.put("tbody", &[], |m| {
                for row in &heat.rows {
                    m.put("tr", &[], |m| {
                        m.say("th", &[("scope", "row"), ("title", &row.note)], &row.name);
                        for cell in &row.cells {
                            m.put("td", &[("class", "num heat"), ("data-level", &cell.level.to_string())], |m| {
                                m.say("span", &[], &cell.text);
                                m.say("span", &[("class", "hint"), ("hidden", when(cell.note.is_empty()))], &cell.note);
                            });
                        }
                    });
                }
            });
        });
    });
    m.done()
}
