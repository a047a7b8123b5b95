//! Planning backwards: the largest model that fits, the cheapest variant that is fast enough, the devices that can run it.

use super::form::Form;
use crate::{
    catalog::{Catalog, PresetKind},
    chart::{BarSeries, Bars, Frame, Ink, Measure, Panel, Scale, Span, bars},
    format::Package,
    machine,
    markup::{Markup, panel, verdict_of, when},
    report::{
        answer,
        find::{self, Judged, Sureness, Want},
        view::View,
        words,
    },
    scenario::{DeviceRef, ModelRef, Pick, Scenario, url},
    texts::{choices, desk, find as text},
    units::{
        Quantity, Seconds, TokensPerSec,
        format::{iec_bytes, si_bytes, tokens},
        parse,
    },
};

/// Rows that are shown at once.
const SHOWN: usize = 24;
const QUESTIONS: [(&str, &str); 3] =
    [("models", text::ASK_MODELS), ("variants", text::ASK_VARIANTS), ("devices", text::ASK_DEVICES)];

pub(super) fn draw(scenario: &Scenario, package: Option<&Package>, view: &View, more: &str, width: u32) -> String {
    let form = Form::read(more);
    let question = QUESTIONS.iter().find(|(id, _)| *id == form.get("question")).map_or("models", |(id, _)| id);
    let mut m = Markup::new();
    panel(&mut m, "find-panel", text::TITLE, text::NOTE, |m| {
        asked(m, &form, question, view.decodes());
        let want = match wish(&form) {
            Ok(want) => want,
            Err(why) => return m.say("p", &[("class", "notice"), ("role", "alert")], &why),
        };
        let answered = match question {
            "variants" => variants(m, scenario, package, &want),
            "devices" => devices(m, scenario, package, view, &form, &want, width),
            _ => models(m, scenario, &form, &want),
        };
        if let Err(why) = answered {
            m.say("p", &[("class", "notice")], &why);
        }
    });
    m.done()
}

fn field(m: &mut Markup, name: &str, label: &str, hint: &str, value: &str) {
    let id = ["find-", name].concat();
    m.put("div", &[("class", "field")], |m| {
        m.say("label", &[("class", "label"), ("for", &id)], label);
        let attributes =
            [("class", "input"), ("id", &*id), ("data-field", name), ("placeholder", hint), ("value", value)];
        m.void("input", &attributes);
    });
}

fn asked(m: &mut Markup, form: &Form, question: &str, writes_tokens: bool) {
    m.put("div", &[("class", "form")], |m| {
        m.put("div", &[("class", "field wide")], |m| {
            m.say("label", &[("class", "label"), ("for", "find-question")], text::QUESTION);
            m.put("select", &[("class", "select"), ("id", "find-question"), ("data-field", "question")], |m| {
                for (id, name) in QUESTIONS {
                    m.say("option", &[("value", id), ("selected", when(id == question))], name);
                }
            });
        });
        if question == "models" {
            m.put("div", &[("class", "field")], |m| {
                m.say("label", &[("class", "label"), ("for", "find-kind")], text::KIND);
                m.put("select", &[("class", "select"), ("id", "find-kind"), ("data-field", "kind")], |m| {
                    for (id, name, _) in KINDS {
                        m.say("option", &[("value", id), ("selected", when(id == form.get("kind")))], name);
                    }
                });
            });
        }
        if writes_tokens || question == "models" {
            field(m, "speed", text::LEAST_SPEED, "20", form.get("speed"));
        } else {
            field(m, "latency", text::MOST_TIME, "33", form.get("latency"));
        }
        field(m, "memory", text::MOST_MEMORY, "1.5 GB", form.get("memory"));
        field(m, "bundle", text::MOST_BUNDLE, "2 GB", form.get("bundle"));
        if question == "devices" {
            field(m, "fleet", text::FLEET, "iphone-13=30, iphone-15-pro=20", form.get("fleet"));
        }
    });
}

const KINDS: [(&str, &str, PresetKind); 5] = [
    ("llm", choices::LANGUAGE, PresetKind::Llm),
    ("vision", choices::VISION, PresetKind::Vision),
    ("text", choices::TEXT, PresetKind::Text),
    ("speech", choices::SPEECH, PresetKind::Speech),
    ("diffusion", choices::DIFFUSION, PresetKind::Diffusion),
];

fn wish(form: &Form) -> Result<Want, String> {
    let number = |name: &str| match form.get(name).trim() {
        "" => Ok(None),
        text => match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value > 0.0 => Ok(Some(value)),
            _ => Err(desk::no_number(text)),
        },
    };
    let bytes = |name: &str| match form.get(name).trim() {
        "" => Ok(None),
        text => parse::bytes(text).map(Some),
    };
    Ok(Want {
        decode: number("speed")?.map(TokensPerSec::of),
        latency: number("latency")?.map(Seconds::ms),
        memory: bytes("memory")?,
        bundle: bytes("bundle")?,
        units: None,
        any_quality: false,
    })
}

fn sureness(own: Sureness) -> (crate::estimate::Status, &'static str) {
    use crate::estimate::Status;
    match own {
        Sureness::Sure => (Status::Fits, text::YES),
        Sureness::Likely => (Status::Tight, text::LIKELY),
        Sureness::Unknown => (Status::Unknown, text::UNKNOWN),
        Sureness::No => (Status::Fails, text::NO),
    }
}

fn table(m: &mut Markup, name: &str, head: &[&str], inside: impl FnOnce(&mut Markup)) {
    m.put("div", &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", name)], |m| {
        m.put("table", &[("class", "listing found")], |m| {
            m.put("thead", &[], |m| {
                m.put("tr", &[], |m| head.iter().for_each(|name| m.say("th", &[("scope", "col")], name)));
            });
            m.put("tbody", &[], inside);
        });
    });
}

/// A row: what it is as a link to its plan, whether it passes, its figures, and what binds.
fn row(m: &mut Markup, name: &str, note: &str, scenario: &Scenario, judged: &Judged) {
    let (status, word) = sureness(judged.sureness);
    let link = ["#", &url::encode(scenario)].concat();
    m.put("tr", &[("data-verdict", verdict_of(status))], |m| {
        m.put("th", &[("scope", "row")], |m| {
            m.say("a", &[("href", &link)], name);
            if !note.is_empty() {
                m.text(" ");
                m.say("span", &[("class", "hint whole")], note);
            }
        });
        m.put("td", &[], |m| m.say("span", &[("class", "verdict-word")], word));
        m.say("td", &[], &[&judged.pick.variant.label(), ", ", words::on_units(judged.pick.units)].concat());
        m.say("td", &[("class", "num")], &si_bytes(judged.bundle.value));
        m.say("td", &[("class", "num")], &iec_bytes(judged.memory.value));
        m.say("td", &[("class", "num")], &judged.speed_text());
        m.put("td", &[], |m| {
            m.text(&judged.binds);
            if !judged.nearest.is_empty() {
                m.say("span", &[("class", "hint")], &text::next(&judged.nearest));
            }
        });
    });
}

const HEAD: [&str; 7] =
    ["", text::HEAD_PASSES, text::HEAD_AS, text::HEAD_BUNDLE, text::HEAD_MEMORY, text::HEAD_SPEED, text::HEAD_BINDS];

fn heads(first: &'static str) -> [&'static str; 7] {
    let mut head = HEAD;
    head[0] = first;
    head
}

fn models(m: &mut Markup, scenario: &Scenario, form: &Form, want: &Want) -> Result<(), String> {
    let kind = KINDS.iter().find(|(id, _, _)| *id == form.get("kind")).map_or(PresetKind::Llm, |(_, _, kind)| *kind);
    let machine = answer::machine(scenario).map_err(|error| error.to_string())?;
    let rows = find::models(scenario, &machine, kind, want);
    let passes = |own: &find::ModelRow| own.best.sureness != Sureness::No;
    let first = rows.first().filter(|row| passes(row));
    let said = match first {
        Some(row) => text::largest(row.name, &rows.len().to_string(), &machine.name),
        None => text::no_model(&rows.len().to_string(), &machine.name),
    };
    m.say("p", &[("class", "found-answer")], &said);
    table(m, text::MODELS, &heads(text::HEAD_MODEL), |m| {
        for own in rows.iter().take(SHOWN) {
            let plan =
                Scenario { model: ModelRef::Preset(own.id.to_owned()), pick: Some(own.best.pick), ..scenario.clone() };
            row(m, own.name, &find::params(own.params), &plan, &own.best);
        }
    });
    Ok(())
}

fn variants(m: &mut Markup, scenario: &Scenario, package: Option<&Package>, want: &Want) -> Result<(), String> {
    let DeviceRef::Known { id, .. } = &scenario.device else {
        return Err(text::OWN_DEVICE.to_owned());
    };
    let chosen = answer::choose(scenario, package).map_err(|error| error.to_string())?;
    let mut machines = Vec::new();
    for device in find::and_later(id) {
        let device = DeviceRef::Known { id: device.id.clone(), ram_gib: None };
        let os = answer::default_os(&device);
        if let (Ok(machine), DeviceRef::Known { id, .. }) = (machine::resolve(&device, os), &device) {
            machines.push((id.clone(), machine));
        }
    }
    let rows = find::variants(&chosen.model, &machines, scenario.entitled, want);
    let passing = rows.iter().filter(|row| row.sureness != Sureness::No).count();
    let said = match rows.first().filter(|row| row.sureness != Sureness::No) {
        Some(row) => text::smallest(
            &row.pick.variant.label(),
            words::on_units(row.pick.units),
            &machines.len().to_string(),
            &passing.to_string(),
            &rows.len().to_string(),
            &row.device,
        ),
        None => text::no_variant(&machines.len().to_string()),
    };
    m.say("p", &[("class", "found-answer")], &said);
    table(m, text::VARIANTS, &heads(text::HEAD_DECIDED), |m| {
        for own in rows.iter().take(SHOWN) {
            let device = DeviceRef::Known { id: own.id.clone(), ram_gib: None };
            let os = answer::default_os(&device);
            let plan = Scenario { device, os, pick: Some(own.pick), ..scenario.clone() };
            row(m, &own.device, "", &plan, &own.there);
        }
    });
    Ok(())
}

fn devices(
    m: &mut Markup,
    scenario: &Scenario,
    package: Option<&Package>,
    view: &View,
    form: &Form,
    want: &Want,
    width: u32,
) -> Result<(), String> {
    let pick: Pick = view.pick().ok_or(desk::NO_CELL)?;
    let chosen = answer::choose(scenario, package).map_err(|error| error.to_string())?;
    let mut devices = Vec::new();
    for part in form.get("fleet").split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (id, share) = part.split_once('=').unwrap_or((part, "1"));
        let share = share.trim().parse::<f64>().map_err(|_| text::no_share(share, part))?;
        if Catalog::get().device(id.trim()).is_none() {
            return Err(text::no_device(id));
        }
        let device = DeviceRef::Known { id: id.trim().to_owned(), ram_gib: None };
        let os = answer::default_os(&device);
        devices.push((device, os, share));
    }
    let has_shares = !devices.is_empty();
    if devices.is_empty() {
        devices.extend(find::every_device().into_iter().map(|(device, os)| (device, os, 1.0)));
    }
    let fleet = find::fleet(&chosen.model, pick, &devices, scenario.entitled, want);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let of = if has_shares { text::THE_FLEET } else { text::THE_MODELS };
    let said = text::fleet_said(&percent(fleet.sure), of, &percent(fleet.likely), &percent(fleet.unknown));
    m.say("p", &[("class", "found-answer")], &said);
    ladder(m, &fleet, width);
    table(m, text::DEVICES, &heads(text::HEAD_DEVICE), |m| {
        for own in &fleet.rows {
            let Some(judged) = &own.judged else { continue };
            let device = DeviceRef::Known { id: own.id.clone(), ram_gib: None };
            let plan = Scenario { os: answer::default_os(&device), device, pick: Some(pick), ..scenario.clone() };
            let note = if has_shares { percent(own.share) } else { String::new() };
            row(m, &own.name, &note, &plan, judged);
        }
    });
    Ok(())
}

/// Speed on every device that runs the plan, as a picture.
fn ladder(m: &mut Markup, fleet: &find::Fleet, width: u32) {
    let mut rungs: Vec<(&str, Span)> = Vec::new();
    for row in &fleet.rows {
        let Some(judged) = row.judged.as_ref().filter(|judged| judged.sureness != Sureness::No) else { continue };
        let Some(decode) = &judged.decode else { continue };
        let span = Span {
            value: decode.value.get(),
            low: decode.low.get(),
            high: decode.high.get(),
            text: words::token_range(decode),
        };
        rungs.push((&row.name, span));
    }
    if rungs.len() < 2 {
        return;
    }
    crate::order::by(&mut rungs, |a, b| a.1.value > b.1.value);
    rungs.truncate(SHOWN);
    let data = Bars {
        subject: text::HEAD_DEVICE.to_owned(),
        chosen: None,
        missing: text::UNKNOWN.to_owned(),
        categories: rungs.iter().map(|(name, _)| (*name).to_owned()).collect(),
        panels: vec![Panel {
            measure: Measure {
                name: text::SPEED_AXIS.to_owned(),
                scale: Scale::Linear,
                unit: 1.0,
                tick: |value| tokens(TokensPerSec::of(value)).trim_end_matches(" tok/s").to_owned(),
            },
            limits: Vec::new(),
            series: vec![BarSeries {
                name: String::new(),
                ink: Ink::Series1,
                inks: Vec::new(),
                values: rungs.into_iter().map(|(_, span)| Some(span)).collect(),
            }],
        }],
    };
    let frame = Frame {
        id: "ladder".to_owned(),
        title: text::LADDER.to_owned(),
        description: text::LADDER_NOTE.to_owned(),
        width,
    };
    crate::markup::figure(m, "ladder", &bars(&frame, &data));
}
