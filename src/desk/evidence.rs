//! A measured plan laid over the prediction of the picked cell.

use super::form::Form;
use crate::{
    chart::Table,
    estimate::Subject,
    evidence,
    format::Package,
    markup::{Markup, panel},
    report::{
        answer,
        evidence::{Evidence, EvidenceDocument, FunctionEvidence},
        view::View,
        words,
    },
    scenario::Scenario,
    texts::{desk::NO_CELL, evidence as text, words::NO_DATA},
    units::format::thousands,
    variant::Storage,
};

/// Disagreements that are shown; the saved file has all.
const SHOWN: usize = 60;

pub(super) fn draw(scenario: &Scenario, package: Option<&Package>, view: &View, more: &str) -> String {
    let form = Form::read(more);
    let mut m = Markup::new();
    panel(&mut m, "evidence-panel", text::TITLE, text::NOTE, |m| {
        m.put("p", &[], |m| {
            m.text(text::HOW_BEFORE);
            m.say("a", &[("href", "compute_plan.py"), ("download", "")], "compute_plan.py");
            m.text(text::HOW_AFTER);
        });
        m.put("label", &[("class", "button")], |m| {
            m.text(text::OPEN);
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
    let measured = evidence::read(text.as_bytes()).map_err(|fault| fault.to_string())?;
    let say = |error: answer::Unanswerable| error.to_string();
    let chosen = answer::choose(scenario, package).map_err(say)?;
    let machine = answer::machine(scenario).map_err(say)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let pick = view.pick().ok_or(NO_CELL)?;
    let stored = Storage::of(&chosen.model).store(&pick.variant);
    // What the plan was made with holds.
    let units = measured.units.unwrap_or(pick.units);
    let both = Evidence::new(&subject, &pick.variant, &stored, units, &measured);
    let document = both.document();
    if document.functions.is_empty() || document.agreement.n_counted == 0 {
        return Err(text::NOTHING_COMMON.to_owned());
    }
    let device = crate::report::controls::device_id(&scenario.device);
    let labelled =
        serde_json::to_string_pretty(&both.cases(&chosen.model.name, device)).map_err(|error| error.to_string())?;
    Ok((document, labelled))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NO_DATA.to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn shown(m: &mut Markup, document: &EvidenceDocument, labelled: &str) {
    let total = &document.agreement;
    let on = [&document.measured.device, &document.measured.chip, &document.measured.os];
    let on: Vec<&str> = on.into_iter().filter_map(|text| text.as_deref()).collect();
    let agree = text::agree(
        &thousands(total.n_same as f64),
        &thousands(total.n_counted as f64),
        &percent(total.share_of_ops),
        &percent(total.share_of_cost),
    );
    let on = if on.is_empty() { text::UNNAMED.to_owned() } else { on.join(", ") };
    let predicted = &document.predicted;
    let conditions = text::conditions(document.measured.tool, &on, &predicted.device, &predicted.os, predicted.units);
    let said = [&*agree, " ", &conditions].concat();
    m.say("p", &[("class", "found-answer"), ("role", "status")], &said);
    for note in &document.notes {
        m.say("p", &[("class", "notice")], note);
    }
    let names = [text::OPERATIONS, text::PREDICTED_ON, text::MEASURED_ON, text::COST];
    let cells = total.matrix.iter().map(|cell| {
        let cost = format!("{:.1} %", cell.cost * 100.0);
        vec![
            thousands(cell.n_ops as f64),
            words::unit(cell.predicted).to_owned(),
            words::unit(cell.measured).to_owned(),
            cost,
        ]
    });
    rows(m, text::TABLE, &names, cells.collect());
    for function in document.functions.iter().filter(|function| !function.disagreements.is_empty()) {
        m.say("h3", &[], &text::differ(&function.name));
        let names = [text::OPERATION, text::PREDICTED, text::MEASURED, text::COST, text::WHY];
        let lines = function.disagreements.iter().take(SHOWN).map(|own| {
            vec![
                [&*own.op, " ", &own.output].concat(),
                [words::unit(own.predicted), " (", words::confidence(own.confidence), ")"].concat(),
                words::unit(own.measured).to_owned(),
                percent(own.cost),
                own.reasons.first().map_or("", |reason| reason.text).to_owned(),
            ]
        });
        rows(m, &text::disagreements(&function.name), &names, lines.collect());
    }
    let alone = |m: &mut Markup, n: usize, say: fn(&str) -> String| {
        if n > 0 {
            m.say("p", &[("class", "hint")], &say(&thousands(n as f64)));
        }
    };
    let of = |count: fn(&FunctionEvidence) -> usize| document.functions.iter().map(count).sum::<usize>();
    alone(m, of(|own| own.only_measured.len()), text::only_measured);
    alone(m, of(|own| own.only_predicted.len()), text::only_predicted);
    m.put("details", &[("class", "fold")], |m| {
        m.say("summary", &[], text::LABELLED);
        m.put("pre", &[("class", "code"), ("tabindex", "0")], |m| m.say("code", &[("id", "evidence-case")], labelled));
        let save = [
            ("class", "button"),
            ("type", "button"),
            ("data-press", "save"),
            ("data-of", "evidence-case"),
            ("data-name", "labelled-case.json"),
        ];
        m.say("button", &save, text::SAVE);
    });
}

fn rows(m: &mut Markup, name: &str, head: &[&str], rows: Vec<Vec<String>>) {
    let table = Table { head: head.iter().map(|name| (*name).to_owned()).collect(), rows };
    crate::markup::table(m, &table, name);
}
