//! One snapshot for each kind of chart, wide and narrow. `BLESS=1 cargo test --test charts` rewrites them; look at the
//! pictures before committing (they need `assets/styles/chart.css` for their colours).
//! The numbers are made up to cover every branch of the drawing: they are no claims about any model.

use std::fmt::Write as _;
use std::path::Path;

use coreml_planner::chart::{
    BarSeries, Bars, Chart, Dot, Frame, Guide, Ink, Limit, LimitKind, Line, LinePoint, Lines, Look, Measure, Panel,
    Part, Scale, Scatter, Span, Stack, bars, lines, scatter, stack,
};

fn frame(id: &str, width: u32) -> Frame {
    Frame {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        description: "What is found, with < and & in it.".to_owned(),
        width,
    }
}

fn span(low: f64, value: f64, high: f64, unit: &str) -> Span {
    Span { value, low, high, text: format!("{value} {unit} ({low} to {high})") }
}

fn plain(value: f64) -> String {
    format!("{value:.0}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn limit(at: f64, label: &str) -> Limit {
    let kind = if label.contains("speed") || label == "chosen" { LimitKind::Reference } else { LimitKind::Barrier };
    Limit { kind, at, label: label.to_owned() }
}

fn measure(name: &str, scale: Scale, tick: fn(f64) -> String) -> Measure {
    Measure { name: name.to_owned(), scale, unit: 1.0, tick }
}

fn example_bars() -> Bars {
    let size = |low, value, high| Some(span(low, value, high, "GB"));
    let speed = |low, value, high| Some(span(low, value, high, "tok/s"));
    let series = |name: &str, ink, values| BarSeries { name: name.to_owned(), ink, inks: Vec::new(), values };
    Bars {
        subject: "variant".to_owned(),
        categories: ["Float 16", "Int8 per channel", "Int4 in blocks of 32", "Palettized 4-bit, groups of 16"]
            .map(str::to_owned)
            .to_vec(),
        chosen: Some(3),
        panels: vec![
            Panel {
                measure: measure("bundle, GB", Scale::Linear, plain),
                series: vec![series(
                    "",
                    Ink::Series1,
                    vec![size(6.43, 6.43, 6.43), size(3.22, 3.22, 3.22), size(1.81, 1.81, 1.81), size(1.7, 1.81, 1.9)],
                )],
                limits: vec![
                    limit(4.0, "4 GB: App Store"),
                    limit(0.2, "200 MB: cellular"),
                    limit(70.0, "70 GB: hosted"),
                ],
            },
            Panel {
                measure: measure("decode, tok/s", Scale::Log, tenths),
                series: vec![
                    series(
                        "GPU",
                        Ink::Gpu,
                        vec![speed(4.0, 5.2, 6.0), speed(8.0, 10.0, 12.0), None, speed(12.0, 17.0, 22.0)],
                    ),
                    series(
                        "Neural Engine",
                        Ink::NeuralEngine,
                        vec![
                            speed(3.0, 4.4, 5.0),
                            speed(6.0, 7.7, 9.0),
                            speed(7.0, 13.0, 18.0),
                            speed(7.0, 12.0, 18.0),
                        ],
                    ),
                ],
                limits: vec![limit(5.0, "reading speed")],
            },
        ],
        missing: "unknown".to_owned(),
    }
}

fn example_lines() -> Lines {
    let line = |name: &str, ink, factor: f64| Line {
        name: name.to_owned(),
        ink,
        points: [512.0, 1024.0, 2048.0, 4096.0, 8192.0]
            .map(|x| {
                let y = factor * 20_000.0 / (1000.0 + 0.2 * x);
                LinePoint { x, x_text: format!("{x} tokens"), y: span(y * 0.75, y, y * 1.2, "tok/s") }
            })
            .to_vec(),
    };
    Lines {
        x: measure("context, tokens", Scale::Log, plain),
        y: measure("decode, tok/s", Scale::Linear, plain),
        series: vec![line("GPU", Ink::Gpu, 1.0), line("Neural Engine", Ink::NeuralEngine, 0.7)],
        x_limits: vec![limit(2048.0, "chosen")],
        y_limits: vec![limit(5.0, "reading speed")],
    }
}

fn example_stack() -> Stack {
    let part =
        |name: &str, ink, value: f64| Part { name: name.to_owned(), ink, span: span(value, value, value, "GiB") };
    Stack {
        subject: "part".to_owned(),
        measure: measure("memory, GiB", Scale::Linear, tenths),
        parts: vec![
            part("Weights", Ink::Series1, 1.69),
            part("KV cache", Ink::Series2, 0.22),
            part("Activations", Ink::Series3, 0.05),
            part("Runtime", Ink::Series4, 0.31),
        ],
        total: span(2.05, 2.27, 2.6, "GiB"),
        total_name: "total".to_owned(),
        limits: vec![limit(3.0, "app limit"), limit(4.0, "with entitlement"), limit(8.0, "RAM")],
    }
}

fn example_scatter(guide: Guide, scale: Scale) -> Scatter {
    let dot = |name: &str, ink, x: f64, y: f64| Dot {
        name: name.to_owned(),
        ink,
        look: Look::default(),
        x: span(x, x, x, "GB"),
        y: span(y * 0.8, y, y * 1.25, "tok/s"),
    };
    Scatter {
        subject: "variant".to_owned(),
        x: measure("bundle, GB", scale, plain),
        y: measure("decode, tok/s", scale, plain),
        dots: vec![
            dot("Float 16", Ink::Gpu, 6.4, 5.2),
            dot("Int8", Ink::Gpu, 3.2, 10.0),
            dot("Int4", Ink::Gpu, 1.8, 17.0),
            dot("Palettized 4-bit", Ink::NeuralEngine, 1.81, 16.5),
        ],
        guide,
        x_limits: vec![limit(4.0, "4 GB: App Store")],
        y_limits: vec![limit(5.0, "reading speed")],
    }
}

#[test]
fn charts_look_as_blessed() {
    let drawn = [
        ("bars-wide", bars(&frame("bars", 760), &example_bars())),
        ("bars-narrow", bars(&frame("bars", 340), &example_bars())),
        ("lines-wide", lines(&frame("lines", 760), &example_lines())),
        ("lines-narrow", lines(&frame("lines", 340), &example_lines())),
        ("stack-wide", stack(&frame("stack", 760), &example_stack())),
        ("stack-narrow", stack(&frame("stack", 340), &example_stack())),
        ("scatter-log", scatter(&frame("scatter", 760), &example_scatter(Guide::Through(vec![2, 1, 0]), Scale::Log))),
        ("scatter-equal", scatter(&frame("scatter", 340), &example_scatter(Guide::Equal, Scale::Linear))),
    ];
    let mut wrong = Vec::new();
    for (name, chart) in drawn {
        // One element a line, so that a difference can be read.
        compare(&format!("{name}.svg"), &(chart.svg.replace("><", ">\n<") + "\n"), &mut wrong);
        compare(&format!("{name}.txt"), &told(&chart), &mut wrong);
    }
    assert!(wrong.is_empty(), "changed: {wrong:?}; look at them and run with BLESS=1 if they are right");
}

fn compare(name: &str, found: &str, wrong: &mut Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts").join(name);
    if std::env::var_os("BLESS").is_some() {
        if let Err(error) = std::fs::write(&path, found) {
            wrong.push(format!("{name}: {error}"));
        }
    } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
        wrong.push(name.to_owned());
    }
}

fn told(chart: &Chart) -> String {
    let mut out = String::new();
    for key in &chart.keys {
        let _ = writeln!(out, "key   {} = {}", key.class, key.name);
    }
    for mark in &chart.marks {
        let _ = writeln!(out, "mark  {},{} {}×{}  {}: {}", mark.x, mark.y, mark.w, mark.h, mark.label, mark.text);
    }
    for row in std::iter::once(&chart.table.head).chain(&chart.table.rows) {
        let _ = writeln!(out, "row   {}", row.join(" | "));
    }
    out
}

fn all(width: u32) -> Vec<Chart> {
    vec![
        bars(&frame("b", width), &example_bars()),
        lines(&frame("l", width), &example_lines()),
        stack(&frame("s", width), &example_stack()),
        scatter(&frame("p", width), &example_scatter(Guide::Equal, Scale::Log)),
    ]
}

#[test]
fn a_chart_can_stand_under_a_strict_policy_and_be_read_aloud() {
    for chart in all(600) {
        let svg = &chart.svg;
        assert!(!svg.contains("style=") && !svg.contains("<style") && !svg.contains("<script"), "{svg}");
        assert!(!svg.contains("fill=") && !svg.contains("stroke="), "colours belong in the style sheet: {svg}");
        assert!(svg.contains("role=\"img\"") && svg.contains("<title id=") && svg.contains("<desc id="), "{svg}");
        assert!(svg.contains("&lt; and &amp;"), "text is escaped: {svg}");
    }
}

#[test]
fn marks_and_coordinates_stay_on_the_sheet() {
    for width in [0, 260, 320, 375, 700, 1200, u32::MAX] {
        for chart in all(width) {
            let (w, h) = (f64::from(chart.width), f64::from(chart.height));
            for mark in &chart.marks {
                let inside =
                    mark.x >= -12.0 && mark.y >= -12.0 && mark.x + mark.w <= w + 12.0 && mark.y + mark.h <= h + 12.0;
                assert!(inside, "{width}: {mark:?} on {w}×{h}");
            }
            assert!(chart.svg.contains("class=\"axis\""), "axes are drawn at width {width}");
            for row in &chart.table.rows {
                assert_eq!(row.len(), chart.table.head.len());
            }
        }
    }
}

#[test]
fn nonsense_numbers_do_not_stop_a_chart() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e308, 5e-324] {
        for scale in [Scale::Linear, Scale::Log] {
            let one = Span { value: bad, low: bad, high: bad, text: "?".to_owned() };
            let mut data = example_scatter(Guide::Equal, scale);
            for dot in &mut data.dots {
                dot.x = one.clone();
                dot.y = one.clone();
            }
            data.x.unit = bad;
            data.x_limits.push(limit(bad, "limit"));
            assert!(scatter(&frame("p", 400), &data).svg.contains("circle"));

            let mut data = example_bars();
            for panel in &mut data.panels {
                panel.measure.scale = scale;
                panel.series[0].values = vec![Some(one.clone()); 4];
            }
            assert!(bars(&frame("b", 400), &data).svg.contains("rect"));

            let mut data = example_stack();
            data.parts[0].span = one.clone();
            data.total = one;
            assert!(stack(&frame("s", 400), &data).svg.contains("rect"));
        }
    }
    let nothing =
        Bars { subject: String::new(), categories: vec![], chosen: Some(7), panels: vec![], missing: String::new() };
    assert!(bars(&frame("b", 400), &nothing).svg.ends_with("</svg>"));
    let nothing = Lines { series: vec![], ..example_lines() };
    assert!(lines(&frame("l", 400), &nothing).svg.ends_with("</svg>"));
}

#[test]
fn a_longer_value_has_a_longer_bar_and_the_ticks_are_the_callers() {
    let chart = stack(&frame("s", 600), &example_stack());
    let [weights, cache, ..] = chart.marks.as_slice() else { unreachable!("four parts have four marks") };
    let ratio = weights.w / cache.w;
    assert!((ratio - 1.69 / 0.22).abs() < 0.1, "{ratio}");
    assert!(chart.svg.contains(">1.0</text>"), "ticks are written by the caller's function");
}
