//! The roofline of the picked cell: where its operations lie under the roofs of their unit, what binds each call, and
//! what would move it.
//!
//! Arithmetic, bytes and rates are the cost model's own; the times of the parts are those of the estimate, after its
//! fitted laws. Invariant: what is not known is not drawn.

use crate::{
    chart::{Dot, Frame, Guide, Ink, Look, Measure, Scale, Scatter, Span, scatter},
    estimate::Subject,
    format::Package,
    machine::{Engine, Machine, Unit},
    markup::{Markup, figure, panel},
    placement::{Plan, Prepared, Terms},
    report::{answer, view::View},
    scenario::Scenario,
    texts::{desk::NO_CELL, roofline as text},
    units::{
        Quantity, Seconds,
        format::{number, seconds},
    },
    variant::{Runtime, Storage, Stored},
};

/// A part of a time: its name, its seconds, and what would move it.
type TimePart = (&'static str, fn(&Terms) -> f64, &'static str);

const PARTS: [TimePart; 6] = [
    (text::WEIGHTS, |terms| terms.weights, text::WEIGHTS_MOVE),
    (text::CACHE, |terms| terms.cache, text::CACHE_MOVE),
    (text::ACTIVATIONS, |terms| terms.activations, text::ACTIVATIONS_MOVE),
    (text::ARITHMETIC, |terms| terms.compute, text::ARITHMETIC_MOVE),
    (text::FIXED, |terms| terms.fixed, text::FIXED_MOVE),
    (text::HOPS, |terms| terms.hops, text::HOPS_MOVE),
];

pub(super) fn draw(scenario: &Scenario, package: Option<&Package>, view: &View, width: u32) -> Result<String, String> {
    let say = |error: answer::Unanswerable| error.to_string();
    let chosen = answer::choose(scenario, package).map_err(say)?;
    let machine = answer::machine(scenario).map_err(say)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let pick = view.pick().ok_or(NO_CELL)?;
    let stored = Storage::of(&chosen.model).store(&pick.variant);
    let plans = subject.estimate(&pick.variant, &stored, pick.units).plans;
    if plans.is_empty() {
        return Ok(String::new());
    }
    let mut m = Markup::new();
    panel(&mut m, "roofline-panel", text::TITLE, &view.picked_name, |m| {
        for (idx, (function, plan)) in subject.functions().iter().zip(&plans).enumerate() {
            m.put("h3", &[], |m| {
                m.say("code", &[], &function.function.name);
                m.text(" ");
                m.say("span", &[("class", "unit")], &text::a_call(&seconds(plan.time.value)));
            });
            bound(m, &function.function.name, plan);
            let unit = main_unit(plan);
            if let Some(engine) = engine(&machine, pick.variant.runtime, unit) {
                roof(m, idx, function, plan, &stored, engine, unit, width);
            }
        }
    });
    Ok(m.done())
}

fn main_unit(plan: &Plan) -> Unit {
    crate::estimate::law::main_unit(plan)
}

fn engine(machine: &Machine, runtime: Runtime, unit: Unit) -> Option<&Engine> {
    match (runtime, unit) {
        (Runtime::LlamaCpp, Unit::Gpu) => machine.gpu_llamacpp.as_ref(),
        (Runtime::Mlx, Unit::Gpu) => machine.gpu_mlx.as_ref(),
        (Runtime::CoreMl, Unit::Gpu) => machine.gpu.as_ref(),
        (_, Unit::Ane) => machine.ane.as_ref(),
        (_, Unit::Cpu) => Some(&machine.cpu),
    }
}

/// What a call's time is made of, and the part that would have to shrink.
fn bound(m: &mut Markup, name: &str, plan: &Plan) {
    let total = plan.terms.total();
    let share = |part: fn(&Terms) -> f64| if total > 0.0 { part(&plan.terms) / total } else { 0.0 };
    let largest = PARTS.iter().max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
    if let Some((part, of, moves)) = largest {
        let percent = format!("{:.0} %", share(*of) * 100.0);
        m.say("p", &[("class", "found-answer")], &text::bound_by(part, &percent));
        m.say("p", &[("class", "hint")], &text::would_move(moves));
    }
    let rows = PARTS.iter().filter(|(_, of, _)| of(&plan.terms) > 0.0).map(|(part, of, _)| {
        vec![(*part).to_owned(), seconds(Seconds::of(of(&plan.terms))), format!("{:.1} %", share(*of) * 100.0)]
    });
    let head = [text::HEAD_PART, text::HEAD_TIME, text::HEAD_SHARE].map(str::to_owned).to_vec();
    let table = crate::chart::Table { head, rows: rows.collect() };
    crate::markup::table(m, &table, &text::made_of(name));
}

/// Operations of one kind together.
struct Kind {
    name: String,
    flops: f64,
    bytes: f64,
}

fn kinds(function: &Prepared<'_>, plan: &Plan, stored: &Stored, unit: Unit) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let bytes_of = |weight: Option<crate::model::WeightId>| {
        let kept = weight.and_then(|id| stored.weights.get(id.0 as usize));
        kept.map_or(0.0, |kept| kept.bytes as f64)
    };
    for segment in plan.segments.iter().filter(|segment| segment.unit == unit) {
        for row in segment.ops.clone() {
            let (Some(op), Some(named)) = (function.ops.get(row), kind_of(function, row)) else { continue };
            let work = &op.work;
            let times = f64::from(segment.times);
            let bytes = work.read + work.written + work.cache + work.small_weights + bytes_of(work.weight);
            match kinds.iter_mut().find(|kind| kind.name == named) {
                Some(kind) => {
                    kind.flops += work.flops * times;
                    kind.bytes += bytes * times;
                }
                None => kinds.push(Kind { name: named.to_owned(), flops: work.flops * times, bytes: bytes * times }),
            }
        }
    }
    kinds.retain(|kind| kind.flops > 0.0 && kind.bytes > 0.0);
    kinds
}

/// The type of the operation of a row.
fn kind_of(function: &Prepared<'_>, row: usize) -> Option<&'static str> {
    let at = function.sections.iter().position(|(rows, _)| rows.contains(&row))?;
    let (rows, _) = function.sections.get(at)?;
    function.function.sections.get(at)?.ops.get(row - rows.start)?.kind.known_name()
}

#[allow(clippy::too_many_arguments, reason = "a picture has that many inputs")]
fn roof(
    m: &mut Markup,
    idx: usize,
    function: &Prepared<'_>,
    plan: &Plan,
    stored: &Stored,
    engine: &Engine,
    unit: Unit,
    width: u32,
) {
    let (peak, bandwidth) = (engine.dense.value.get(), engine.weights.value.get());
    let kinds = kinds(function, plan, stored, unit);
    if kinds.is_empty() || peak <= 0.0 || bandwidth <= 0.0 {
        return;
    }
    let attainable = |intensity: f64| (intensity * bandwidth).min(peak);
    let one = |value: f64, text: String| Span { value, low: value, high: value, text };
    let dot = |name: String, ink: Ink, intensity: f64, more: &str| Dot {
        name,
        ink,
        look: Look::default(),
        x: one(intensity, text::intensity(&number(intensity))),
        y: one(attainable(intensity) / 1e12, text::at_most(&number(attainable(intensity) / 1e12), more)),
    };
    let ink = match unit {
        Unit::Ane => Ink::NeuralEngine,
        Unit::Gpu => Ink::Gpu,
        Unit::Cpu => Ink::Cpu,
    };
    let ridge = peak / bandwidth;
    let lowest = kinds.iter().map(|kind| kind.flops / kind.bytes).fold(ridge, f64::min) / 2.0;
    let highest = kinds.iter().map(|kind| kind.flops / kind.bytes).fold(ridge, f64::max) * 2.0;
    let mut dots: Vec<Dot> = [lowest, ridge, highest]
        .into_iter()
        .zip([text::ROOF_MEMORY, text::ROOFS_MEET, text::ROOF_ARITHMETIC])
        .map(|(at, name)| dot(name.to_owned(), Ink::Plain, at, ""))
        .collect();
    for kind in &kinds {
        let at = kind.flops / kind.bytes;
        let held = if at < ridge { text::held_by_memory } else { text::held_by_arithmetic };
        let share = held(&number(kind.flops / 1e9));
        dots.push(dot(kind.name.clone(), ink, at, &share));
    }
    let tick = |value: f64| number(value);
    let data = Scatter {
        subject: text::OPERATIONS.to_owned(),
        x: Measure { name: text::INTENSITY_AXIS.to_owned(), scale: Scale::Log, unit: 1.0, tick },
        y: Measure { name: text::RATE_AXIS.to_owned(), scale: Scale::Log, unit: 1.0, tick },
        dots,
        guide: Guide::Through(vec![0, 1, 2]),
        x_limits: Vec::new(),
        y_limits: Vec::new(),
    };
    let frame = Frame {
        id: ["roofline-", &idx.to_string()].concat(),
        title: text::picture(&function.function.name, unit.name()),
        description: text::picture_note(unit.name(), &number(peak / 1e12), &number(bandwidth / 1e9)),
        width,
    };
    figure(m, &frame.id.clone(), &scatter(&frame, &data));
}
