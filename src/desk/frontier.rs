//! Speed against size: every plan of the matrix as a mark, and the frontier that nothing beats in both.
//!
//! Colour says the unit that does most of the work, the outline says what is published about quality, a hollow mark does not
//! fit. Each of them is in words in the mark's value and in the table. A press on a mark plans it.

use crate::{
    chart::{Dot, Frame, Guide, Key, Look, Measure, Naming, Scale, Scatter, Shape, Span, scatter},
    estimate::Status,
    format::Package,
    machine::Unit,
    markup::{Markup, figure, panel},
    report::{
        answer,
        details::Details,
        drawings::{tick, unit_ink},
        effect::{Effect, LITTLE_PERCENT},
        frontier::{Better, PlanPoint, frontier},
        words,
    },
    scenario::Scenario,
    texts::{drawings, frontier as text, published},
    units::{
        Bytes, Quantity, Seconds, TokensPerSec,
        format::{seconds, si_bytes, tokens},
    },
};

/// Speeds further apart than this are drawn in equal factors.
const WIDE: f64 = 12.0;

pub(super) fn draw(
    scenario: &Scenario,
    package: Option<&Package>,
    details: &Details,
    everything: bool,
    width: u32,
) -> Result<String, String> {
    let chosen = answer::choose(scenario, package).map_err(|error| error.to_string())?;
    let arch = chosen.preset.map(|preset| &preset.arch);
    let is_wanted = |point: &&PlanPoint| everything || point.keeps_quality || point.is_picked;
    let wanted: Vec<&PlanPoint> = details.points.iter().filter(is_wanted).collect();
    let shown: Vec<&PlanPoint> = wanted.iter().copied().filter(|point| point.speed.is_some()).collect();
    let mut m = Markup::new();
    if shown.is_empty() {
        panel(&mut m, "frontier-panel", text::TITLE, text::NOTE, |m| {
            m.say("p", &[], text::NO_SPEED);
        });
        return Ok(m.done());
    }
    let better = if details.writes_tokens { Better::More } else { Better::Less };
    let best = frontier(&shown, better);
    let effects: Vec<Effect> = shown.iter().map(|point| Effect::of(point.variant(), arch)).collect();
    let dots =
        shown.iter().zip(&effects).enumerate().map(|(idx, (point, effect))| dot(point, *effect, best.contains(&idx)));
    let data = Scatter {
        subject: text::PLAN.to_owned(),
        x: size(&shown),
        y: speed(&shown, better),
        dots: dots.collect(),
        guide: Guide::Through(best.clone()),
        x_limits: Vec::new(),
        y_limits: Vec::new(),
    };
    let said = sentence(&shown, &best, better);
    let frame =
        Frame { id: text::HEAD_FRONTIER.to_owned(), title: text::PICTURE.to_owned(), description: said.clone(), width };
    let mut chart = scatter(&frame, &data);
    chart.table.head.extend([text::HEAD_FIT, text::HEAD_FRONTIER, text::HEAD_QUALITY].map(str::to_owned));
    for (idx, ((mark, row), (point, effect))) in
        chart.marks.iter_mut().zip(&mut chart.table.rows).zip(shown.iter().zip(&effects)).enumerate()
    {
        let fit = words::status(point.status);
        mark.pick = point.pick.id();
        mark.text = text::mark(&mark.text, fit, &of_effect(*effect));
        let on = if best.contains(&idx) { text::ON_IT } else { "" };
        row.extend([fit, on, &of_effect(*effect)].map(str::to_owned));
    }
    for point in wanted.iter().filter(|point| point.speed.is_none()) {
        chart.table.rows.push(without(point));
    }
    chart.keys = keys(&shown, &effects);
    panel(&mut m, "frontier-panel", text::TITLE, text::NOTE, |m| {
        m.say("p", &[("class", "found-answer")], &said);
        m.say("p", &[], standing(&shown, &best));
        figure(m, text::HEAD_FRONTIER, &chart);
        let n_without = wanted.len() - shown.len();
        if n_without > 0 {
            m.say("p", &[("class", "hint")], &text::without_speed(&n_without.to_string()));
        }
        m.say("p", &[("class", "hint")], text::QUALITY_NOTE);
    });
    Ok(m.done())
}

fn of_effect(effect: Effect) -> String {
    match effect {
        Effect::Plain => published::NOT_COMPRESSED.to_owned(),
        Effect::Published(own, is_same_group) => words::effect(own, is_same_group),
        Effect::NoData => published::NONE.to_owned(),
    }
}

fn shape(effect: Effect) -> Shape {
    match effect {
        Effect::Plain => Shape::Disc,
        Effect::Published(own, _) if own.is_little() => Shape::Square,
        Effect::Published(..) => Shape::Triangle,
        Effect::NoData => Shape::Diamond,
    }
}

fn does_not_fit(point: &PlanPoint) -> bool {
    point.status == Status::Fails
}

fn dot(point: &PlanPoint, effect: Effect, is_best: bool) -> Dot {
    let (value, low, high) = point.speed.unwrap_or_default();
    let is_named = is_best || point.is_picked;
    // The ranges of all of them would be a thicket: the others say theirs in words.
    let (low, high) = if is_named { (low, high) } else { (value, value) };
    let (size, _, _) = point.bundle;
    Dot {
        name: [&*point.label, ", ", &point.units].concat(),
        ink: unit_ink(point.unit),
        look: Look {
            shape: shape(effect),
            hollow: does_not_fit(point),
            picked: point.is_picked,
            naming: if is_named { Naming::Beside } else { Naming::Listed },
        },
        x: Span { value: size, low: size, high: size, text: point.bundle_text.clone() },
        y: Span { value, low, high, text: point.speed_text.clone() },
    }
}

fn size(shown: &[&PlanPoint]) -> Measure {
    let largest = shown.iter().map(|point| point.bundle.0).fold(0.0, f64::max);
    if largest >= 0.5e9 {
        Measure {
            name: drawings::BUNDLE_GB.to_owned(),
            scale: Scale::Linear,
            unit: 1e9,
            tick: |value| tick(value / 1e9),
        }
    } else {
        Measure {
            name: drawings::BUNDLE_MB.to_owned(),
            scale: Scale::Linear,
            unit: 1e6,
            tick: |value| tick(value / 1e6),
        }
    }
}

fn speed(shown: &[&PlanPoint], better: Better) -> Measure {
    let all = shown.iter().filter_map(|point| point.speed).map(|speed| speed.0).filter(|speed| *speed > 0.0);
    let (least, most) =
        all.fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), own| (least.min(own), most.max(own)));
    let scale = if most > WIDE * least { Scale::Log } else { Scale::Linear };
    match better {
        Better::More => Measure { name: text::MORE_IS_BETTER.to_owned(), scale, unit: 1.0, tick },
        Better::Less if most >= 1.0 => Measure { name: text::LESS_IS_BETTER_S.to_owned(), scale, unit: 1.0, tick },
        Better::Less => {
            Measure { name: text::LESS_IS_BETTER_MS.to_owned(), scale, unit: 1e-3, tick: |value| tick(value * 1e3) }
        }
    }
}

/// What the picture shows, in a sentence or two.
fn sentence(shown: &[&PlanPoint], best: &[usize], better: Better) -> String {
    let ends = best.first().zip(best.last()).and_then(|(first, last)| shown.get(*first).zip(shown.get(*last)));
    let Some((smallest, fastest)) = ends else {
        return text::NOTHING_FITS.to_owned();
    };
    let name = |point: &PlanPoint| {
        let (speed, _, _) = point.speed.unwrap_or_default();
        let speed = match better {
            Better::More => tokens(TokensPerSec::of(speed)),
            Better::Less => seconds(Seconds::of(speed)),
        };
        let size = si_bytes(Bytes::of(point.bundle.0));
        text::named(&point.label, &point.units, &size, &speed)
    };
    if best.len() == 1 {
        return text::both(&name(smallest));
    }
    text::ends(&name(smallest), &name(fastest))
}

/// Where the picked plan stands.
fn standing(shown: &[&PlanPoint], best: &[usize]) -> &'static str {
    let at = shown.iter().position(|point| point.is_picked);
    match (at.is_some_and(|at| best.contains(&at)), at.and_then(|at| shown.get(at)).map(|point| does_not_fit(point))) {
        (true, _) => text::YOURS_IS_BEST,
        (false, Some(true)) => text::YOURS_DOES_NOT_FIT,
        (false, Some(false)) => text::YOURS_IS_NOT,
        (false, None) => "",
    }
}

fn without(point: &PlanPoint) -> Vec<String> {
    let name = [&*point.label, ", ", &point.units].concat();
    let speed = text::no_data(&point.speed_text);
    vec![name, point.bundle_text.clone(), speed, words::status(point.status).to_owned(), String::new(), String::new()]
}

/// The legend: only what is there to see.
fn keys(shown: &[&PlanPoint], effects: &[Effect]) -> Vec<Key> {
    let mut keys = Vec::new();
    for unit in Unit::EVERY {
        if shown.iter().any(|point| point.unit == Some(unit)) {
            let name = text::mostly(unit.name());
            keys.push(Key { class: unit_ink(Some(unit)).class(), name });
        }
    }
    let shapes = [
        (Shape::Disc, "shape-disc", text::DISC.to_owned()),
        (Shape::Square, "shape-square", text::square(&LITTLE_PERCENT.to_string())),
        (Shape::Triangle, "shape-triangle", text::triangle(&LITTLE_PERCENT.to_string())),
        (Shape::Diamond, "shape-diamond", text::DIAMOND.to_owned()),
    ];
    for (wanted, class, name) in shapes {
        if effects.iter().any(|effect| shape(*effect) == wanted) {
            keys.push(Key { class, name });
        }
    }
    if shown.iter().any(|point| does_not_fit(point)) {
        keys.push(Key { class: "shape-hollow", name: text::HOLLOW.to_owned() });
    }
    if shown.iter().any(|point| point.is_picked) {
        keys.push(Key { class: "shape-picked", name: text::RINGED.to_owned() });
    }
    keys
}
