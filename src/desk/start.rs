//! The line of time of a start: the first one, in which the device compiles, and every later one.

use crate::{
    chart::{Frame, Ink, Measure, Scale, Span, Step, StepGroup, Steps, steps},
    markup::{Markup, figure, panel},
    report::{
        details::Details,
        drawings::tick,
        start::{Loading, Start, Time},
        words,
    },
    units::{Basis, Figure, Quantity, Seconds, format::seconds},
};

const INKS: [Ink; 3] = [Ink::Series1, Ink::Series2, Ink::Series3];

pub(super) fn draw(details: &Details, width: u32) -> String {
    let start = &details.start;
    let groups = [
        ("The first start after an installation", "loading, with the compilation for this device", start.first_load),
        ("Every later start", "loading", start.load),
    ];
    let said = groups.map(|(name, _, load)| sentence(name, load, start));
    let data = Steps {
        subject: "step".to_owned(),
        measure: Measure { name: "seconds".to_owned(), scale: Scale::Linear, unit: 1.0, tick },
        groups: groups.map(|(name, step, load)| group(name, step, load, start)).into(),
        missing: "no data: how long this takes is unknown".to_owned(),
    };
    let frame = Frame {
        id: "start".to_owned(),
        title: "What a start is made of".to_owned(),
        description: said.join(" "),
        width,
    };
    let mut m = Markup::new();
    panel(&mut m, "start-panel", "A start, step by step", &details.picked_name, |m| {
        for text in &said {
            m.say("p", &[], text);
        }
        figure(m, "start", &steps(&frame, &data));
        if let Some(later) = &start.later {
            m.say("p", &[], later);
        }
        m.say("p", &[("class", "hint")], &basis(start));
    });
    m.done()
}

fn span((value, low, high): Time) -> Span {
    Span { value, low, high, text: range((value, low, high)) }
}

fn range((value, low, high): Time) -> String {
    let figure = Figure::range(Seconds::of(value), Seconds::of(low), Seconds::of(high), Basis::Derived);
    ["about ", &seconds(Seconds::of(value)), " (", &words::time_range(&figure), ")"].concat()
}

fn group(name: &str, step: &str, load: Option<Loading>, start: &Start) -> StepGroup {
    let load = Step { name: step.to_owned(), ink: INKS[0], span: load.map(|own| span(own.time)) };
    let after = start.then.iter().zip(INKS.into_iter().skip(1)).map(|((name, time), ink)| Step {
        name: name.clone(),
        ink,
        span: time.as_ref().ok().map(|time| span(*time)),
    });
    StepGroup { name: name.to_owned(), steps: std::iter::once(load).chain(after).collect() }
}

/// When the first answer is there.
fn sentence(name: &str, load: Option<Loading>, start: &Start) -> String {
    let first = start.then.first().map(|(_, time)| time);
    let what = if start.then.len() > 1 { "the first token" } else { "the first result" };
    match (load, first) {
        (Some(load), Some(Ok(first))) => {
            let (a, b) = (load.time, first);
            let sum = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
            [name, ": ", what, " after ", &range(sum), "."].concat()
        }
        (None, Some(Ok(first))) => {
            [name, ": ", what, " ", &range(*first), " after a load that takes an unknown time."].concat()
        }
        (_, Some(Err(why))) => [name, ": no data, because ", why, "."].concat(),
        (_, None) => String::new(),
    }
}

/// What the times to load rest on.
fn basis(start: &Start) -> String {
    let of = |own: Option<Loading>| {
        own.map(|own| format!("{} measured rows from {} sources", own.rows.n, own.rows.n_sources))
    };
    match (of(start.first_load), of(start.load)) {
        (Some(first), Some(later)) => format!(
            "Times to load are fitted, and spread widely: the first on {first}, the later on {later}. An arrow means that \
             the range goes on beyond the picture."
        ),
        (None, None) => {
            "Nobody has published enough measured times to load for this runtime and this compute unit, so the \
                         load has no bar. Measure it on your device."
                .to_owned()
        }
        (Some(one), None) | (None, Some(one)) => {
            format!("The time to load that is drawn is fitted on {one}; the other is unknown.")
        }
    }
}
