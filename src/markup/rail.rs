//! The controls: model, device and workload.

use super::{ABSENT, Icon, Markup, truth, when};
use crate::{
    estimate::Status,
    format::ReadError,
    report::controls::{self, Choice, Choices, MOST_TOKENS, PROMPT_STEPS, TOKEN_STEPS},
    scenario::{CustomDevice, DeviceRef, ModelRef, Scenario},
    texts::{answers, rail as text},
    units::decimal,
};

/// How far the reading of a file is.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Nothing is read.
    No,
    /// The name of what is read, and how far.
    Yes(String, String),
    /// It could not be read.
    Failed(ReadError),
}

fn option(m: &mut Markup, id: &str, name: &str, is_chosen: bool) {
    m.say("option", &[("value", id), ("selected", when(is_chosen))], name);
}

fn options(m: &mut Markup, groups: &[Choices], current: &str) {
    for group in groups {
        m.put("optgroup", &[("label", group.title)], |m| {
            for Choice { id, name } in &group.options {
                option(m, id, name, id == current);
            }
        });
    }
}

/// A group of controls; `name` is what an embedding page locks.
fn group(m: &mut Markup, title: &str, inside: impl FnOnce(&mut Markup)) {
    m.put("fieldset", &[("class", "group")], |m| {
        m.say("legend", &[("class", "group-name")], title);
        inside(m);
    });
}

fn field(m: &mut Markup, id: &str, label: &str, note: &str, inside: impl FnOnce(&mut Markup)) {
    m.put("div", &[("class", "field")], |m| {
        m.put("label", &[("class", "label"), ("for", id)], |m| {
            m.text(label);
            m.text(" ");
            m.say("span", &[("class", "label-note")], note);
        });
        inside(m);
    });
}

fn select(m: &mut Markup, id: &str, inside: impl FnOnce(&mut Markup)) {
    m.put("select", &[("class", "select"), ("id", id), ("data-change", id)], inside);
}

/// The list of models, and where a file is opened. `open` is the file that is open; something may be held over it.
#[must_use]
pub fn model(scenario: &Scenario, open: Option<&str>, reading: &Reading, is_over: bool) -> String {
    let (id, file, is_file) = match &scenario.model {
        ModelRef::Preset(id) => (id.as_str(), open, false),
        ModelRef::Package(name) => ("", Some(name.as_str()), true),
    };
    let mut m = Markup::new();
    group(&mut m, text::MODEL, |m| {
        field(m, "model", text::MODEL_LABEL, &controls::model_note(&scenario.model), |m| {
            select(m, "model", |m| {
                if let Some(name) = file {
                    option(m, "", &text::file(name), is_file);
                }
                options(m, &controls::models(), id);
            });
        });
        opening(m, reading, is_over);
    });
    m.done()
}

/// Where a file is opened, and how far its reading is.
fn opening(m: &mut Markup, reading: &Reading, is_over: bool) {
    m.put("div", &[("class", "drop"), ("data-over", when(is_over))], |m| {
        m.put("p", &[], |m| {
            m.text(text::DROP_BEFORE);
            for (idx, name) in [".mlpackage", ".mlmodelc", ".mlmodel"].into_iter().enumerate() {
                m.text(["", ", ", text::DROP_OR].get(idx).copied().unwrap_or_default());
                m.say("code", &[], name);
            }
            m.text(text::DROP_AFTER);
        });
        m.put("div", &[("class", "drop-buttons")], |m| {
            m.put("label", &[("class", "button")], |m| {
                m.icon(Icon::Open);
                m.text(text::OPEN_FILE);
                let accept = ".mlmodel,.zip,.mlpackage,.mlmodelc,.mil";
                let file = [("class", "unseen-input"), ("type", "file"), ("accept", accept), ("data-change", "file")];
                m.void("input", &file);
            });
            m.put("label", &[("class", "button")], |m| {
                m.text(text::OPEN_FOLDER);
                let folder =
                    [("class", "unseen-input"), ("type", "file"), ("webkitdirectory", ""), ("data-change", "file")];
                m.void("input", &folder);
            });
        });
        progress(m, reading);
    });
}

fn progress(m: &mut Markup, reading: &Reading) {
    match reading {
        Reading::No => {}
        Reading::Yes(name, how_far) => m.put("div", &[("class", "progress")], |m| {
            m.say("p", &[("role", "status")], &text::reading_file(name));
            m.say("progress", &[("aria-label", text::READING)], "");
            m.say("p", &[("class", "hint")], how_far);
            m.say("button", &[("class", "button"), ("type", "button"), ("data-press", "cancel")], text::CANCEL);
        }),
        Reading::Failed(error) => {
            let place = match error.offset {
                Some(offset) => text::offset(&error.file, &format!("{offset:#x}")),
                None => error.file.clone(),
            };
            m.put("div", &[("class", "notice"), ("data-kind", "error"), ("role", "alert")], |m| {
                m.icon(Icon::Status(Status::Fails));
                m.put("div", &[], |m| {
                    m.put("p", &[], |m| {
                        m.say("b", &[], text::FAILED);
                        m.text(&error.what);
                    });
                    m.say("p", &[], &place);
                    m.say("p", &[], &error.hint);
                    m.say(
                        "button",
                        &[("class", "why"), ("type", "button"), ("data-press", "cancel")],
                        answers::DISMISS,
                    );
                });
            });
        }
    }
}

/// The device; `wrong` is the field of an own device that holds no such number.
#[must_use]
pub fn device(scenario: &Scenario, wrong: Option<&str>) -> String {
    let device = &scenario.device;
    let id = controls::device_id(device);
    let mut m = Markup::new();
    group(&mut m, text::DEVICE, |m| {
        field(m, "device", text::DEVICE_LABEL, &controls::device_note(device), |m| {
            select(m, "device", |m| {
                options(m, &controls::devices(), id);
                option(m, controls::CUSTOM, text::CUSTOM, id == controls::CUSTOM);
            });
            m.put("div", &[("class", "quick"), ("role", "group"), ("aria-label", text::QUICK)], |m| {
                for choice in controls::quick_devices() {
                    let attributes = [
                        ("class", "button"),
                        ("type", "button"),
                        ("data-press", "device"),
                        ("data-id", &choice.id),
                        ("aria-pressed", truth(choice.id == id)),
                    ];
                    m.say("button", &attributes, &choice.name);
                }
            });
        });
        if let DeviceRef::Custom(own) = device {
            controls::NUMBERS.iter().for_each(|number| own_number(m, number, own, wrong));
        }
        let memories = controls::ram_options(device);
        if !memories.is_empty() {
            let current = controls::ram(device);
            field(m, "ram", text::RAM, "", |m| {
                select(m, "ram", |m| {
                    for (gib, name) in &memories {
                        option(m, &decimal::plain(*gib), name, current == Some(*gib));
                    }
                });
            });
        }
        field(m, "os", text::SYSTEM, "", |m| {
            select(m, "os", |m| {
                for (version, name) in controls::systems(device) {
                    option(m, &version.to_string(), &name, version == scenario.os);
                }
            });
        });
        if controls::takes_entitlement(device) {
            m.put("label", &[("class", "check")], |m| {
                let checked = when(scenario.entitled);
                m.void("input", &[("type", "checkbox"), ("checked", checked), ("data-change", "entitled")]);
                m.put("span", &[], |m| {
                    m.text(text::ENTITLED);
                    m.say("span", &[("class", "hint")], text::ENTITLED_NOTE);
                });
            });
        }
    });
    m.done()
}

fn own_number(m: &mut Markup, number: &controls::Number, own: &CustomDevice, wrong: Option<&str>) {
    let is_wrong = wrong == Some(number.id);
    let (low, high) = (decimal::plain(number.low), decimal::plain(number.high));
    let hint = [number.id, "-hint"].concat();
    field(m, number.id, number.label, number.unit, |m| {
        let attributes = [
            ("class", "input"),
            ("id", number.id),
            ("type", "number"),
            ("step", "any"),
            ("min", &low),
            ("max", &high),
            ("value", &decimal::plain((number.get)(own))),
            ("aria-invalid", if is_wrong { "true" } else { ABSENT }),
            ("aria-describedby", &hint),
            ("data-change", "own"),
        ];
        m.void("input", &attributes);
        let limits = text::between(&low, &high);
        m.say("p", &[("class", "hint"), ("id", &hint), ("role", "alert")], if is_wrong { &limits } else { "" });
    });
}

/// Context and prompt; nothing for models that have none.
#[must_use]
pub fn workload(scenario: &Scenario) -> String {
    let mut m = Markup::new();
    if !controls::takes_context(&scenario.model) {
        return String::new();
    }
    group(&mut m, text::WORKLOAD, |m| {
        tokens(m, "context", text::CONTEXT, text::CONTEXT_NOTE, &TOKEN_STEPS, scenario.context);
        tokens(m, "prompt", text::PROMPT, text::PROMPT_NOTE, &PROMPT_STEPS, scenario.prompt);
    });
    m.done()
}

/// A number of tokens: a slider over round steps, and a field for any other number.
fn tokens(m: &mut Markup, id: &str, label: &str, hint: &str, steps: &[u32], value: u32) {
    let hint_id = [id, "-hint"].concat();
    let value = (value.to_string(), controls::step_of(steps, value).to_string());
    field(m, id, label, "", |m| {
        m.put("div", &[("class", "slider")], |m| {
            let slider = [
                ("id", id),
                ("type", "range"),
                ("min", "0"),
                ("max", &steps.len().saturating_sub(1).to_string()),
                ("step", "1"),
                ("value", &value.1),
                ("aria-valuetext", &text::n_tokens(&value.0)),
                ("aria-describedby", &hint_id),
                ("data-slide", id),
            ];
            m.void("input", &slider);
            let field = [
                ("class", "input"),
                ("type", "number"),
                ("min", "1"),
                ("max", &MOST_TOKENS.to_string()),
                ("value", &value.0),
                ("aria-label", &text::in_tokens(label)),
                ("data-change", id),
            ];
            m.void("input", &field);
            m.say("span", &[("class", "unit")], text::TOKENS);
        });
        m.say("p", &[("class", "hint"), ("id", &hint_id)], hint);
    });
}
