//! Two plans of the model operation by operation: the picked cell against another device, system or choice of units, or
//! against a pinned plan.

use super::{compare::PINS_MAX, form::Form};
use crate::{
    catalog::Catalog,
    chart::Table,
    format::Package,
    markup::{Markup, panel, table, when},
    report::{
        answer,
        controls::{self, repair},
        pair::{self, Against, FunctionPair, Other, PairDocument, SidePair},
        place::SegmentPlace,
        view::View,
        words,
    },
    scenario::{DeviceRef, Pick, Scenario, Units, url},
    texts::{names, pair as text},
    units::format::thousands,
    variant::Variant,
};

/// Kinds of difference that are shown; the command-line tool lists every operation.
const SHOWN: usize = 80;
/// A text with one blank.
type Say = fn(&str) -> String;
/// Cells of a strip: narrower ones nobody would see.
const CELLS: usize = 240;

pub(super) fn draw(scenario: &Scenario, package: Option<&Package>, view: &View, more: &str) -> String {
    let form = Form::read(more);
    let mut m = Markup::new();
    panel(&mut m, "pair-panel", text::TITLE, text::NOTE, |m| {
        let Some(pick) = view.pick() else { return m.say("p", &[], text::NO_CELL) };
        let pins: Vec<(&str, Scenario)> = pins(&form, scenario);
        let against = against(&form, pick);
        asked(m, &form, scenario, &against, pick, &pins);
        match compared(scenario, package, pick, &form, &against, pins) {
            Ok(document) => shown(m, &document),
            Err(why) => m.say("p", &[("class", "notice"), ("role", "alert")], &why),
        }
    });
    m.done()
}

/// The pinned plans of this model.
fn pins<'a>(form: &'a Form, scenario: &Scenario) -> Vec<(&'a str, Scenario)> {
    let open = |link: &'a str| {
        let (mut own, _) = url::decode(link);
        repair(&mut own);
        (link, own)
    };
    form.all("c").take(PINS_MAX).map(open).filter(|(_, own)| own.model == scenario.model).collect()
}

/// What the form asks for; when it asks for nothing, the units are others, so that there is something to see.
fn against<'a>(form: &'a Form, pick: Pick) -> Against<'a> {
    let units = match form.get("units") {
        "" if pick.units == Units::CpuAndGpu => Units::All.id(),
        "" => Units::CpuAndGpu.id(),
        id => id,
    };
    Against { device: form.get("device"), os: form.get("os"), units, variant: "" }
}

fn compared(
    scenario: &Scenario,
    package: Option<&Package>,
    pick: Pick,
    form: &Form,
    against: &Against<'_>,
    pins: Vec<(&str, Scenario)>,
) -> Result<PairDocument, String> {
    let own = Other::of_link(Scenario { pick: Some(pick), ..scenario.clone() }, pick);
    let pinned = pins.into_iter().find(|(link, _)| *link == form.get("pin"));
    let other = match pinned {
        Some((_, pinned)) => Other::of_link(pinned, pick),
        None => other(scenario, pick, against)?,
    };
    let model = |scenario: &Scenario| answer::choose(scenario, package).map_err(|error| error.to_string());
    let first = own.plan(&model(&own.scenario)?.model)?;
    let second = other.plan(&model(&other.scenario)?.model)?;
    let document = pair::pair(&first, &second);
    if document.functions.iter().all(|function| function.n_listed == 0) {
        return Err(text::NO_OPERATIONS.to_owned());
    }
    Ok(document)
}

/// The second plan; a system that the other device does not have gives way to one that it has.
fn other(scenario: &Scenario, pick: Pick, against: &Against<'_>) -> Result<Other, String> {
    let mut other = Against { os: "", ..*against }.of(scenario, Some(pick.variant), pick.units)?;
    let has = |version: &u8| controls::systems(&other.scenario.device).iter().any(|(own, _)| own == version);
    if let Some(version) = against.os.parse::<u8>().ok().filter(has) {
        other.scenario.os = version;
    }
    Ok(other)
}

fn asked(
    m: &mut Markup,
    form: &Form,
    scenario: &Scenario,
    against: &Against<'_>,
    pick: Pick,
    pins: &[(&str, Scenario)],
) {
    // A device that nobody knows has no systems to choose from; the answer says what is wrong.
    let other = other(scenario, pick, against).map_or_else(|_| scenario.clone(), |other| other.scenario);
    m.put("div", &[("class", "form")], |m| {
        if !pins.is_empty() {
            select(m, "pin", text::AGAINST, |m| {
                m.say("option", &[("value", "")], text::CHOSEN_HERE);
                for (idx, (link, own)) in pins.iter().enumerate() {
                    let cell = own.pick.map_or_else(String::new, |pick| {
                        [", ", &pick.variant.label(), ", ", words::units(pick.units)].concat()
                    });
                    let name = text::pinned(&(idx + 1).to_string(), &device_name(&own.device), &cell);
                    m.say("option", &[("value", link), ("selected", when(*link == form.get("pin")))], &name);
                }
            });
        }
        if form.get("pin").is_empty() {
            choices(m, scenario, &other, against);
        }
    });
}

fn choices(m: &mut Markup, scenario: &Scenario, other: &Scenario, against: &Against<'_>) {
    select(m, "device", text::DEVICE, |m| {
        let own = text::same_device(&device_name(&scenario.device));
        m.say("option", &[("value", "")], &own);
        for group in controls::devices() {
            m.put("optgroup", &[("label", group.title)], |m| {
                for device in group.options.iter().filter(|device| device.id != controls::CUSTOM) {
                    let attributes = [("value", &*device.id), ("selected", when(device.id == against.device))];
                    m.say("option", &attributes, &device.name);
                }
            });
        }
    });
    select(m, "os", text::SYSTEM, |m| {
        for (version, name) in controls::systems(&other.device) {
            let value = version.to_string();
            m.say("option", &[("value", &*value), ("selected", when(version == other.os))], &name);
        }
    });
    select(m, "units", text::UNITS, |m| {
        for units in Units::EVERY {
            let attributes = [("value", units.id()), ("selected", when(units.id() == against.units))];
            m.say("option", &attributes, words::units(units));
        }
    });
}

fn select(m: &mut Markup, name: &'static str, label: &str, options: impl FnOnce(&mut Markup)) {
    let id = ["pair-", name].concat();
    m.put("div", &[("class", "field")], |m| {
        m.say("label", &[("class", "label"), ("for", &id)], label);
        m.put("select", &[("class", "select"), ("id", &id), ("data-field", name)], options);
    });
}

fn shown(m: &mut Markup, document: &PairDocument) {
    m.put("ol", &[("class", "reasons")], |m| {
        for (say, side) in [(text::first as Say, &document.first), (text::second, &document.second)] {
            let loads = if side.loads { "" } else { text::TOO_OLD };
            m.say("li", &[], &[&*say(&name(side)), loads].concat());
        }
    });
    for function in &document.functions {
        m.put("div", &[("class", "function")], |m| one(m, document, function));
    }
    m.say("p", &[("class", "hint")], text::PREDICTED);
}

fn name(side: &SidePair) -> String {
    let units = Units::from_id(side.units).map_or(side.units, words::units);
    let variant = Variant::from_id(&side.variant).map_or_else(|| side.variant.clone(), |variant| variant.label());
    [&*side.device, ", ", &side.os, ", ", units, ", ", &variant].concat()
}

fn one(m: &mut Markup, document: &PairDocument, function: &FunctionPair) {
    m.put("h3", &[], |m| m.say("code", &[], &function.name));
    m.say("p", &[("class", "found-answer")], &[&*pair::said(function), "."].concat());
    strips(m, document, function);
    let head = ["", text::FIRST_PLAN, text::SECOND_PLAN].map(str::to_owned).to_vec();
    let rows = pair::totals(function).into_iter().map(Vec::from).collect();
    table(m, &Table { head, rows }, &text::totals(&function.name));
    let groups = pair::alike(function);
    if groups.is_empty() {
        return m.say("p", &[("class", "hint")], text::SAME);
    }
    let head =
        [text::OPERATIONS, text::FIRST_PLAN, text::SECOND_PLAN, text::COST, text::WHY].map(str::to_owned).to_vec();
    let unit = |own: &pair::OpSide| {
        let could: Vec<&str> = own.eligible.iter().copied().map(words::unit).collect();
        text::of_units(words::unit(own.predicted), &could.join(", "))
    };
    let row = |own: &pair::Alike<'_>| {
        let why = pair::why(own.op)
            .map_or_else(|| pair::NO_REASON.to_owned(), |reason| [reason.rule, ": ", reason.text].concat());
        vec![
            match own.n_ops {
                1 => [&*own.op.op, ": ", &own.op.output].concat(),
                n => [&*thousands(n as f64), " × ", &own.op.op].concat(),
            },
            unit(&own.op.first),
            unit(&own.op.second),
            pair::percent(own.cost_share),
            why,
        ]
    };
    let rows = groups.iter().take(SHOWN).map(row).collect();
    let label = text::differences(&function.name);
    table(m, &Table { head, rows }, &label);
    if groups.len() > SHOWN {
        let more = text::more_kinds(&(groups.len() - SHOWN).to_string());
        m.say("p", &[("class", "hint")], &more);
    }
}

/// The segments of both plans under each other, operation above operation, and between them where the unit differs.
fn strips(m: &mut Markup, document: &PairDocument, function: &FunctionPair) {
    if function.n_listed == 0 {
        return;
    }
    let first = cells(&function.first_segments, function.n_listed);
    let second = cells(&function.second_segments, function.n_listed);
    let n_cells = first.len();
    let mut moved = vec![""; n_cells];
    for op in function.differs.iter().filter(|op| op.what.contains(&"unit")) {
        if let Some(cell) = moved.get_mut(op.row * n_cells / function.n_listed) {
            *cell = "series-2";
        }
    }
    let label = text::strips(
        &name(&document.first),
        &function.first.n_segments.to_string(),
        &name(&document.second),
        &function.second.n_segments.to_string(),
    );
    let view_box = ["0 0 ", &n_cells.to_string(), " 11"].concat();
    let svg = [
        ("class", "strip strips"),
        ("viewBox", &*view_box),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", &*label),
    ];
    m.put("svg", &svg, |m| {
        for (cells, y, height) in [(&first, "0", "4"), (&moved, "5", "1"), (&second, "7", "4")] {
            let mut from = 0;
            for run in cells.chunk_by(|a, b| a == b) {
                if let Some(ink) = run.first().filter(|ink| !ink.is_empty()) {
                    let attributes = [
                        ("class", &*["bar ", ink].concat()),
                        ("x", &*from.to_string()),
                        ("y", y),
                        ("width", &*run.len().to_string()),
                        ("height", height),
                    ];
                    m.say("rect", &attributes, "");
                }
                from += run.len();
            }
        }
    });
    m.put("ul", &[("class", "legend")], |m| {
        for (ink, name) in [
            ("unit-ne", names::ANE),
            ("unit-gpu", names::GPU),
            ("unit-cpu", names::CPU),
            ("series-2", text::OTHER_UNIT),
        ] {
            m.put("li", &[], |m| {
                m.say("span", &[("class", &["swatch ", ink].concat())], "");
                m.text(name);
            });
        }
    });
}

/// The ink of each cell of a strip; a cell that has several operations shows the unit of most of them.
fn cells(segments: &[SegmentPlace], n_listed: usize) -> Vec<&'static str> {
    let n_cells = n_listed.min(CELLS);
    let mut counts = vec![[0_usize; 3]; n_cells];
    let ends = segments.iter().skip(1).map(|segment| segment.first).chain([n_listed]);
    for (segment, end) in segments.iter().zip(ends) {
        let at = match segment.unit {
            "ane" => 0,
            "gpu" => 1,
            _ => 2,
        };
        for row in segment.first..end.min(n_listed) {
            if let Some(count) = counts.get_mut(row * n_cells / n_listed).and_then(|cell| cell.get_mut(at)) {
                *count += 1;
            }
        }
    }
    let ink = |[ane, gpu, cpu]: [usize; 3]| match (ane, gpu, cpu) {
        (0, 0, 0) => "",
        _ if ane >= gpu && ane >= cpu => "unit-ne",
        _ if gpu >= cpu => "unit-gpu",
        _ => "unit-cpu",
    };
    counts.into_iter().map(ink).collect()
}

fn device_name(device: &DeviceRef) -> String {
    match device {
        DeviceRef::Known { id, .. } => Catalog::get().device(id).map_or(id, |row| &row.name).clone(),
        DeviceRef::Custom(_) => text::CUSTOM.to_owned(),
    }
}
