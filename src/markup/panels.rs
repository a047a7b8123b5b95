//! The panels that are lists: limits, placement, and what is known of chip and model.

use super::{
    Markup, figure,
    icon::{badge, chip},
    sheet::source_link,
    unit_of, verdict_of,
};
use crate::{
    catalog::Catalog,
    chart::Chart,
    machine::Unit,
    report::{
        details::{Details, FunctionView},
        drawings,
        view::{Line, View},
    },
    texts::panels as text,
    units::format::thousands,
};

/// A titled panel with whatever `inside` writes in it.
pub fn panel(m: &mut Markup, id: &str, title: &str, note: &str, inside: impl FnOnce(&mut Markup)) {
    m.put("section", &[("class", "panel"), ("aria-labelledby", id)], |m| {
        m.put("header", &[("class", "panel-head")], |m| {
            m.put("div", &[], |m| {
                m.say("h2", &[("id", id)], title);
                m.say("p", &[("class", "panel-note")], note);
            });
        });
        inside(m);
    });
}

/// What each limit says.
#[must_use]
pub fn limits(view: &View) -> String {
    let mut m = Markup::new();
    panel(&mut m, "limits-panel", text::LIMITS, text::LIMITS_NOTE, |m| {
        m.put("ol", &[("class", "findings")], |m| {
            for line in &view.verdicts {
                let Some(status) = line.status else { continue };
                m.put("li", &[("data-verdict", verdict_of(status))], |m| {
                    m.put("div", &[("class", "finding-head")], |m| {
                        badge(m, status);
                        m.say("h3", &[("class", "word")], &line.label);
                    });
                    m.say("p", &[], &line.text);
                });
            }
        });
    });
    m.done()
}

/// Where the work of each function goes.
#[must_use]
pub fn placement(view: &Details) -> String {
    let mut m = Markup::new();
    panel(&mut m, "placement-panel", text::PLACEMENT, text::PLACEMENT_NOTE, |m| {
        if view.placement.is_empty() {
            m.say("p", &[], text::PLACEMENT_NONE);
        }
        view.placement.iter().for_each(|one| m.put("div", &[("class", "function")], |m| function(m, one)));
    });
    m.done()
}

fn function(m: &mut Markup, function: &FunctionView) {
    m.put("h3", &[], |m| {
        m.say("code", &[], &function.name);
        m.text(" ");
        m.say("span", &[("class", "unit")], &text::a_call(&function.time, &function.hops_text));
    });
    let strip =
        [("class", "strip"), ("viewBox", "0 0 100 4"), ("preserveAspectRatio", "none"), ("aria-hidden", "true")];
    m.put("svg", &strip, |m| {
        let mut from = 0;
        for (unit, share) in Unit::EVERY.into_iter().zip(function.shares) {
            let attributes = [
                ("class", &*["bar unit-", unit_of(unit)].concat()),
                ("x", &*from.to_string()),
                ("y", "0"),
                ("width", &*share.to_string()),
                ("height", "4"),
            ];
            if share > 0 {
                m.say("rect", &attributes, "");
            }
            from += share;
        }
    });
    m.put("ul", &[("class", "legend")], |m| {
        for (unit, share) in Unit::EVERY.into_iter().zip(&function.shares_text) {
            m.put("li", &[], |m| {
                chip(m, unit);
                m.say("span", &[("class", "legend-value")], share);
            });
        }
    });
    if !function.refusals.is_empty() {
        m.put("details", &[("class", "fold"), ("open", "")], |m| {
            m.say("summary", &[], text::REFUSALS);
            m.put("ul", &[("class", "reasons")], |m| {
                for ((reason, _), count) in function.refusals.iter().zip(&function.refusals_text) {
                    m.say("li", &[], &[count, ": ", reason].concat());
                }
            });
        });
    }
}

fn facts(m: &mut Markup, lines: &[Line]) {
    m.put("table", &[("class", "listing facts")], |m| {
        m.put("tbody", &[], |m| {
            for line in lines {
                m.put("tr", &[], |m| {
                    m.say("th", &[("scope", "row")], &line.label);
                    m.say("td", &[], &line.text);
                });
            }
        });
    });
}

/// What is known of chip and model.
#[must_use]
pub fn known(view: &Details) -> String {
    let mut m = Markup::new();
    m.put("div", &[("class", "pair")], |m| {
        panel(m, "chip-panel", text::CHIP, text::CHIP_NOTE, |m| facts(m, &view.chip));
        panel(m, "model-panel", text::MODEL, text::MODEL_NOTE, |m| facts(m, &view.model));
    });
    panel(&mut m, "sources-panel", text::SOURCES, text::SOURCES_NOTE, |m| {
        let sources = &Catalog::get().sources;
        m.put("details", &[("class", "fold")], |m| {
            m.say("summary", &[], &text::sources_all(&thousands(sources.len() as f64)));
            m.put("ol", &[("class", "sources")], |m| {
                for source in sources {
                    m.put("li", &[], |m| source_link(m, source));
                }
            });
        });
    });
    m.done()
}

/// A panel that is one chart. `name` is unique on the page.
#[must_use]
pub fn pictured(name: &str, title: &str, note: &str, chart: &Chart) -> String {
    let mut m = Markup::new();
    panel(&mut m, &[name, "-panel"].concat(), title, note, |m| figure(m, name, chart));
    m.done()
}

/// The memory of the picked cell against the limits.
#[must_use]
pub fn memory(view: &View, width: u32) -> String {
    pictured("memory", text::MEMORY, &view.picked_name, &drawings::memory(view, width))
}
