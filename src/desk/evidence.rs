//! A measured plan laid over the prediction of the picked cell.

use super::form::Form;
use crate::{
    estimate::Subject,
    evidence::{self, EvidenceDocument},
    format::Package,
    markup::{Markup, panel},
    report::{answer, place, view::View},
    scenario::Scenario,
    units::format::thousands,
    variant::Storage,
};

/// Disagreements that are shown; the saved file has all.
const SHOWN: usize = 60;

pub(super) fn draw(scenario: &Scenario, package: Option<&Package>, view: &View, more: &str) -> String {
    let form = Form::read(more);
    let mut m = Markup::new();
    let note = "Predicted above, measured here: what Core ML itself plans for this model on a Mac or device you have.";
    panel(&mut m, "evidence-panel", "Lay a measured plan over it", note, |m| {
        m.put("p", &[], |m| {
            m.text("On a Mac, run ");
            m.say("a", &[("href", "compute_plan.py"), ("download", "")], "compute_plan.py");
            m.text(" on the model (it asks Core ML's MLComputePlan and runs nothing), and open what it writes. Files of CoreMLProfiler, and tables with a column for the operation and one for its compute unit, are read as well.");
        });
        m.put("label", &[("class", "button")], |m| {
            m.text("Open a measured plan");
            let file = [
                ("class", "unseen-input"),
                ("type", "file"),
                ("accept", ".json,.csv,.txt"),
                ("data-change", "text-file"),
                ("data-field", "plan"),
            ];
            m.void("input", &file);
        });
        let text = form.get("plan");
        if text.is_empty() {
            return;
        }
        match laid(scenario, package, view, text) {
            Ok((document, labelled)) => shown(m, &document, &labelled),
            Err(why) => m.say("p", &[("class", "notice"), ("role", "alert")], &why),
        }
    });
    m.done()
}

fn laid(
    scenario: &Scenario,
    package: Option<&Package>,
    view: &View,
    text: &str,
) -> Result<(EvidenceDocument, String), String> {
    let measured = evidence::read(text)?;
    let say = |error: answer::Unanswerable| error.to_string();
    let chosen = answer::choose(scenario, package).map_err(say)?;
    let machine = answer::machine(scenario).map_err(say)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let pick = view.pick().ok_or("no cell is picked")?;
    let stored = Storage::of(&chosen.model).store(&pick.variant);
    let units = crate::scenario::Units::from_id(&measured.units).unwrap_or(pick.units);
    let predicted = place::document(&subject, &pick.variant, &stored, units);
    let document = evidence::agreement(&predicted, &measured);
    if document.total.n_matched == 0 {
        let n = thousands(measured.ops.len() as f64);
        return Err(["none of its ", &n, " operations is in this model: it was measured on another one"].concat());
    }
    let cases = evidence::labelled(&predicted, &measured, &chosen.model.name);
    let labelled = serde_json::to_string_pretty(&cases).map_err(|error| error.to_string())?;
    Ok((document, labelled))
}

fn shown(m: &mut Markup, document: &EvidenceDocument, labelled: &str) {
    let total = &document.total;
    let percent =
        |share: Option<f64>| share.map_or_else(|| "no data".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let said = format!(
        "{} of {} operations agree ({}), with {} of the measured cost. Measured with {} on {}; predicted for {}.",
        thousands(total.n_agree as f64),
        thousands(total.n_matched as f64),
        percent(total.share),
        percent(total.cost_share),
        document.measured_by,
        document.measured_on,
        document.predicted_for
    );
    m.say("p", &[("class", "found-answer"), ("role", "status")], &said);
    confusion(m, document);
    for function in document.functions.iter().filter(|function| !function.disagreements.is_empty()) {
        m.say("h3", &[], &["Where they differ in ", &function.name].concat());
        let name = ["Disagreements in ", &function.name].concat();
        m.put("div", &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", &name)], |m| {
            m.put("table", &[("class", "listing")], |m| {
                m.put("thead", &[], |m| {
                    m.put("tr", &[], |m| {
                        for name in ["operation", "predicted", "measured", "cost", "why it was predicted so"] {
                            m.say("th", &[("scope", "col")], name);
                        }
                    });
                });
                m.put("tbody", &[], |m| {
                    for own in function.disagreements.iter().take(SHOWN) {
                        m.put("tr", &[], |m| {
                            m.say("th", &[("scope", "row")], &[&*own.op, " ", &own.output].concat());
                            m.say("td", &[], &[own.predicted, " (", own.confidence, ")"].concat());
                            m.say("td", &[], own.measured);
                            m.say("td", &[("class", "num")], &percent(own.cost));
                            m.say("td", &[], own.reasons.first().map_or("", |reason| reason.text));
                        });
                    }
                });
            });
        });
    }
    for (what, names) in [("measured operations are not in the model", &document.only_measured)] {
        if !names.is_empty() {
            m.say("p", &[("class", "hint")], &[&*thousands(names.len() as f64), " ", what, "."].concat());
        }
    }
    m.put("details", &[("class", "fold")], |m| {
        m.say("summary", &[], "As a labelled case, for the planner's own tests");
        m.put("pre", &[("class", "code"), ("tabindex", "0")], |m| m.say("code", &[("id", "evidence-case")], labelled));
        let save = [
            ("class", "button"),
            ("type", "button"),
            ("data-press", "save"),
            ("data-of", "evidence-case"),
            ("data-name", "labelled-case.json"),
        ];
        m.say("button", &save, "Save labelled-case.json");
    });
}

fn confusion(m: &mut Markup, document: &EvidenceDocument) {
    const NAMES: [&str; 3] = ["Neural Engine", "GPU", "CPU"];
    m.put("table", &[("class", "listing")], |m| {
        m.put("thead", &[], |m| {
            m.put("tr", &[], |m| {
                m.say("th", &[("scope", "col")], "predicted on");
                for name in NAMES {
                    m.say("th", &[("scope", "col"), ("class", "num")], &["measured on ", name].concat());
                }
            });
        });
        m.put("tbody", &[], |m| {
            for (name, row) in NAMES.iter().zip(&document.total.confusion) {
                m.put("tr", &[], |m| {
                    m.say("th", &[("scope", "row")], name);
                    row.iter().for_each(|count| m.say("td", &[("class", "num")], &thousands(*count as f64)));
                });
            }
        });
    });
}
