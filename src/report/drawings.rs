//! The pictures of a view: memory against the limits, and size and speed by variant.
//!
//! Numbers and words come from the view; this room only chooses axes and inks.

use crate::{
    catalog::Catalog,
    chart::{
        BarSeries, Bars, Chart, Frame, Ink, Key, Limit, LimitKind, Line, LinePoint, Lines, Measure, Panel, Part, Scale,
        Span, Stack, bars, lines, stack,
    },
    machine::Unit,
    scenario::Units,
    texts::{drawings as said, words::NO_DATA},
    units::{
        Bytes, Quantity,
        format::{iec_bytes, number, si_bytes, thousands},
    },
};

use super::{
    details::{Details, SeriesRow},
    page::{OverContext, SpeedAt},
    view::View,
    words,
};

const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

/// The memory of the picked cell, part by part, against what an app may use.
#[must_use]
pub fn memory(view: &View, width: u32) -> Chart {
    const INKS: [Ink; 4] = [Ink::Series1, Ink::Series2, Ink::Series3, Ink::Series4];
    let bar = &view.memory;
    let (value, low, high) = bar.total;
    let frame =
        Frame { id: "memory".to_owned(), title: said::MEMORY.to_owned(), description: bar.description.clone(), width };
    let measure = if high >= GIB * 0.5 {
        Measure { name: said::MEMORY_GIB.to_owned(), scale: Scale::Linear, unit: GIB, tick: |value| tick(value / GIB) }
    } else {
        Measure { name: said::MEMORY_MIB.to_owned(), scale: Scale::Linear, unit: MIB, tick: |value| tick(value / MIB) }
    };
    let part = |((name, bytes, text), ink): (&(&'static str, f64, String), Ink)| Part {
        name: (*name).to_owned(),
        ink,
        span: Span { value: *bytes, low: *bytes, high: *bytes, text: text.clone() },
    };
    let limit = |(idx, (name, bytes, text)): (usize, &(&'static str, f64, String))| Limit {
        kind: if bar.holds == Some(idx) { LimitKind::Barrier } else { LimitKind::Reference },
        at: *bytes,
        label: format!("{name}: {text}"),
    };
    let stacked = Stack {
        subject: said::PART.to_owned(),
        measure,
        parts: bar.parts.iter().zip(INKS).map(part).collect(),
        total: Span { value, low, high, text: iec_bytes(Bytes::of(value)) },
        total_name: said::TOGETHER.to_owned(),
        limits: bar.limits.iter().enumerate().map(limit).collect(),
    };
    stack(&frame, &stacked)
}

/// Size of the bundle and speed of the variants that are `shown`, on the picked units.
#[must_use]
pub fn variants(view: &Details, shown: impl Fn(&SeriesRow) -> bool, width: u32) -> Chart {
    let rows: Vec<&SeriesRow> = view.series.iter().filter(|row| shown(row)).collect();
    let frame = Frame {
        id: "variants".to_owned(),
        title: said::variants(view.speed_name),
        description: match rows.iter().find(|row| row.is_picked) {
            Some(row) => format!("{}: {}, {}", row.label, row.bundle_text, row.speed_text),
            None => String::new(),
        },
        width,
    };
    let span = |(value, low, high): (f64, f64, f64), text: &str| Span { value, low, high, text: text.to_owned() };
    let largest = rows.iter().map(|row| row.bundle.2).fold(0.0, f64::max);
    let size = if largest >= 0.5e9 {
        Measure { name: said::BUNDLE_GB.to_owned(), scale: Scale::Linear, unit: 1e9, tick: |value| tick(value / 1e9) }
    } else {
        Measure { name: said::BUNDLE_MB.to_owned(), scale: Scale::Linear, unit: 1e6, tick: |value| tick(value / 1e6) }
    };
    let slowest = rows.iter().filter_map(|row| row.speed).map(|speed| speed.2).fold(0.0, f64::max);
    let speed = if view.writes_tokens {
        Measure { name: said::DECODE.to_owned(), scale: Scale::Linear, unit: 1.0, tick }
    } else if slowest >= 1.0 {
        Measure { name: said::RUN_S.to_owned(), scale: Scale::Linear, unit: 1.0, tick }
    } else {
        Measure { name: said::RUN_MS.to_owned(), scale: Scale::Linear, unit: 1e-3, tick: |value| tick(value * 1e3) }
    };
    let app_size = Catalog::get().limit("app-uncompressed").and_then(|row| row.bytes);
    let app_size = app_size.map(|bytes| Limit {
        kind: LimitKind::Barrier,
        at: bytes,
        label: said::app_store(&si_bytes(Bytes::of(bytes))),
    });
    let panel = |measure, inks, values, limits| Panel {
        measure,
        series: vec![BarSeries { name: String::new(), ink: Ink::Series1, inks, values }],
        limits,
    };
    let drawn = Bars {
        subject: said::VARIANT.to_owned(),
        categories: rows.iter().map(|row| row.label.clone()).collect(),
        chosen: rows.iter().position(|row| row.is_picked),
        panels: vec![
            panel(
                size,
                Vec::new(),
                rows.iter().map(|row| Some(span(row.bundle, &row.bundle_text))).collect(),
                app_size.into_iter().collect(),
            ),
            panel(
                speed,
                rows.iter().map(|row| unit_ink(row.unit)).collect(),
                rows.iter().map(|row| row.speed.map(|speed| span(speed, &row.speed_text))).collect(),
                Vec::new(),
            ),
        ],
        missing: NO_DATA.to_owned(),
    };
    let mut chart = bars(&frame, &drawn);
    for unit in Unit::EVERY {
        if rows.iter().any(|row| row.unit == Some(unit)) {
            let name = said::mostly(unit.name());
            chart.keys.push(Key { class: unit_ink(Some(unit)).class(), name });
        }
    }
    chart
}

/// The colour of a unit.
#[must_use]
pub fn unit_ink(unit: Option<Unit>) -> Ink {
    match unit {
        Some(Unit::Ane) => Ink::NeuralEngine,
        Some(Unit::Gpu) => Ink::Gpu,
        Some(Unit::Cpu) => Ink::Cpu,
        None => Ink::Plain,
    }
}

/// Decode speed over the context, with the chosen context marked.
#[must_use]
pub fn context(over: &OverContext, chosen: u32, width: u32) -> Chart {
    let line = |(units, points): &(Units, Vec<SpeedAt>)| Line {
        name: words::units(*units).to_owned(),
        ink: match units {
            Units::CpuAndNe | Units::All => Ink::NeuralEngine,
            Units::CpuAndGpu => Ink::Gpu,
            Units::CpuOnly => Ink::Cpu,
        },
        points: points.iter().map(point).collect(),
    };
    let chosen_text = said::n_tokens(&thousands(f64::from(chosen)));
    let ends = over.lines.iter().map(|(units, points)| {
        let of = |point: Option<&SpeedAt>| point.map_or_else(String::new, |(_, figure)| words::token_range(figure));
        said::ends(words::units(*units), &of(points.first()), &of(points.last()))
    });
    let frame = Frame {
        id: "context-chart".to_owned(),
        title: said::CONTEXT.to_owned(),
        description: ends.collect::<Vec<_>>().join("; "),
        width,
    };
    let drawn = Lines {
        x: Measure { name: said::CONTEXT_TOKENS.to_owned(), scale: Scale::Log, unit: 1.0, tick: thousands },
        y: Measure { name: said::DECODE.to_owned(), scale: Scale::Linear, unit: 1.0, tick },
        series: over.lines.iter().map(line).collect(),
        x_limits: vec![Limit { kind: LimitKind::Reference, at: f64::from(chosen), label: chosen_text }],
        y_limits: Vec::new(),
    };
    lines(&frame, &drawn)
}

fn point((context, figure): &SpeedAt) -> LinePoint {
    LinePoint {
        x: f64::from(*context),
        x_text: said::n_tokens(&thousands(f64::from(*context))),
        y: Span {
            value: figure.value.get(),
            low: figure.low.get(),
            high: figure.high.get(),
            text: words::token_range(figure),
        },
    }
}

/// The number at a tick: ticks are round, so trailing zeros say nothing.
#[must_use]
pub fn tick(value: f64) -> String {
    let text = number(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
