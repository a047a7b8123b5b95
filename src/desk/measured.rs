//! text::TITLE: a row for `assets/data/measurements.csv`, written from the plan and what a person types.

use super::form::Form;
use crate::{
    catalog::Catalog,
    markup::{Markup, panel, when},
    report::{controls, view::View},
    scenario::{DeviceRef, Scenario},
    texts::{desk, measured as text},
    variant::Runtime,
};

/// Metrics of the file, their units, and what they are called.
const METRICS: [(&str, &str, &str); 6] = [
    ("decode", "tok/s", text::DECODE),
    ("prefill", "tok/s", text::PREFILL),
    ("ttft", "ms", text::FIRST_TOKEN),
    ("latency", "ms", text::RUN),
    ("peak_memory", "MB", text::MEMORY),
    ("size_on_disk", "MB", text::BUNDLE),
];

pub(super) fn draw(scenario: &Scenario, view: &View, more: &str) -> String {
    let form = Form::read(more);
    let mut m = Markup::new();
    panel(&mut m, "measured-panel", text::TITLE, text::NOTE, |m| {
        let (metric, unit, _) =
            METRICS.iter().find(|(id, _, _)| *id == form.get("metric")).copied().unwrap_or(METRICS[0]);
        m.put("div", &[("class", "form")], |m| {
            m.put("div", &[("class", "field")], |m| {
                m.say("label", &[("class", "label"), ("for", "measured-metric")], text::WHAT);
                m.put("select", &[("class", "select"), ("id", "measured-metric"), ("data-field", "metric")], |m| {
                    for (id, _, name) in METRICS {
                        m.say("option", &[("value", id), ("selected", when(id == metric))], name);
                    }
                });
            });
            for (name, label, hint) in [
                ("value", text::VALUE, "12.5"),
                ("source", text::WHO, text::WHO_HINT),
                ("note", text::HOW, text::HOW_HINT),
            ] {
                let id = ["measured-", name].concat();
                m.put("div", &[("class", "field")], |m| {
                    m.say("label", &[("class", "label"), ("for", &id)], label);
                    let attributes = [
                        ("class", "input"),
                        ("id", &*id),
                        ("data-field", name),
                        ("placeholder", hint),
                        ("value", form.get(name)),
                    ];
                    m.void("input", &attributes);
                });
            }
        });
        if form.get("value").is_empty() {
            return;
        }
        match row(scenario, view, &form, metric, unit) {
            Ok(row) => {
                m.put("pre", &[("class", "code"), ("tabindex", "0")], |m| {
                    m.say("code", &[("id", "measured-row")], &row)
                });
                for (does, word) in [("copy", text::COPY), ("save", text::SAVE)] {
                    let attributes = [
                        ("class", "button"),
                        ("type", "button"),
                        ("data-press", does),
                        ("data-of", "measured-row"),
                        ("data-name", "row.csv"),
                    ];
                    m.say("button", &attributes, word);
                }
            }
            Err(why) => m.say("p", &[("class", "notice"), ("role", "alert")], &why),
        }
    });
    m.done()
}

fn row(scenario: &Scenario, view: &View, form: &Form, metric: &str, unit: &str) -> Result<String, String> {
    let text = form.get("value").trim();
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
    let value = value.ok_or_else(|| desk::no_number(text))?;
    let DeviceRef::Known { id, .. } = &scenario.device else {
        return Err(text::NO_DEVICE.to_owned());
    };
    let device = Catalog::get().device(id).ok_or(text::UNKNOWN_DEVICE)?;
    let pick = view.pick().ok_or(desk::NO_CELL)?;
    let runtime = match pick.variant.runtime {
        Runtime::CoreMl => "coreml",
        Runtime::LlamaCpp => "llama.cpp",
        Runtime::Mlx => "mlx",
    };
    let context = if controls::takes_context(&scenario.model) {
        format!("prompt {} ctx {}", scenario.prompt, scenario.context)
    } else {
        String::new()
    };
    let source = form.get("source");
    let cells = [
        "",
        if source.is_empty() { "unnamed" } else { source },
        &device.name,
        &device.soc,
        &crate::report::words::os(device.os, scenario.os),
        &controls::model_name(&scenario.model),
        "",
        "fp16",
        &pick.variant.label(),
        pick.units.id(),
        runtime,
        metric,
        &value.to_string(),
        unit,
        &context,
        // One person's report, until somebody repeats it.
        &["T=C; ", form.get("note")].concat(),
    ];
    let head = "id,source,device,soc,os,model,params,precision,compression,compute_unit,runtime,metric,value,unit,context_or_batch,notes\n";
    let quoted = cells.map(|cell| {
        if cell.contains([',', '"', '\n']) {
            ["\"", &cell.replace('"', "\"\""), "\""].concat()
        } else {
            cell.to_owned()
        }
    });
    Ok([head, &quoted.join(","), "\n"].concat())
}
