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
    texts::start as text,
    units::{Basis, Figure, Quantity, Seconds, format::seconds},
};

const INKS: [Ink; 3] = [Ink::Series1, Ink::Series2, Ink::Series3];

pub(super) fn draw(details: &Details, width: u32) -> String {
    let start = &details.start;
    let groups =
        [(text::FIRST_START, text::FIRST_LOADING, start.first_load), (text::LATER_START, text::LOADING, start.load)];
    let said = groups.map(|(name, _, load)| sentence(name, load, start));
    let data = Steps {
        subject: text::STEP.to_owned(),
        measure: Measure { name: text::SECONDS.to_owned(), scale: Scale::Linear, unit: 1.0, tick },
        groups: groups.map(|(name, step, load)| group(name, step, load, start)).into(),
        missing: text::UNKNOWN_STEP.to_owned(),
    };
    let frame = Frame { id: "start".to_owned(), title: text::PICTURE.to_owned(), description: said.join(" "), width };
    let mut m = Markup::new();
    panel(&mut m, "start-panel", text::TITLE, &details.picked_name, |m| {
        for text in &said {
            m.say("p", &[], text);
        }
        figure(m, "start", &steps(&frame, &data));
        if let Some(later) = &start.later {
            m.say("p", &[], later);
        }
        m.say("p", &[], &start.energy);
        m.say("p", &[("class", "hint")], &basis(start));
    });
    m.done()
}

fn span((value, low, high): Time) -> Span {
    Span { value, low, high, text: range((value, low, high)) }
}

fn range((value, low, high): Time) -> String {
    let figure = Figure::range(Seconds::of(value), Seconds::of(low), Seconds::of(high), Basis::Derived);
    text::about(&seconds(Seconds::of(value)), &words::time_range(&figure))
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
    let what = if start.then.len() > 1 { text::FIRST_TOKEN } else { text::FIRST_RESULT };
    match (load, first) {
        (Some(load), Some(Ok(first))) => {
            let (a, b) = (load.time, first);
            let sum = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
            text::after(name, what, &range(sum))
        }
        (None, Some(Ok(first))) => text::after_unknown(name, what, &range(*first)),
        (_, Some(Err(why))) => text::no_data(name, why),
        (_, None) => String::new(),
    }
}

/// What the times to load rest on.
fn basis(start: &Start) -> String {
    let of = |own: Option<Loading>| own.map(|own| text::rows(&own.rows.n.to_string(), &own.rows.n_sources.to_string()));
    match (of(start.first_load), of(start.load)) {
        (Some(first), Some(later)) => text::both_fitted(&first, &later),
        (None, None) => text::NONE_FITTED.to_owned(),
        (Some(one), None) | (None, Some(one)) => text::one_fitted(&one),
    }
}
