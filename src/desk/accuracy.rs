//! The accuracy page: predicted against measured for every row, the error table, conflicts, and what is wrong here.
//!
//! The rows come as the text of `accuracy.tsv`, which the worker fetches when the panel is first shown.

use super::form::Form;
use crate::{
    chart::{Dot, Frame, Guide, Ink, Look, Measure, Scale, Scatter, Span, scatter},
    markup::{Markup, figure, panel, when},
    texts::accuracy as text,
    units::format::{number, thousands},
};

/// One row that has a prediction.
struct Point<'a> {
    id: &'a str,
    metric: &'a str,
    runtime: &'a str,
    unit: &'a str,
    chip: &'a str,
    model: &'a str,
    compression: &'a str,
    measured: f64,
    predicted: f64,
    low: f64,
    high: f64,
    is_inside: bool,
    trust: &'a str,
    source: &'a str,
    of: &'a str,
}

fn point(line: &str) -> Option<Point<'_>> {
    let cells: Vec<&str> = line.strip_prefix("row\t")?.split('\t').collect();
    let text = |at: usize| cells.get(at).copied();
    let value = |at: usize| text(at)?.parse::<f64>().ok().filter(|value| *value > 0.0);
    Some(Point {
        id: text(0)?,
        metric: text(1)?,
        runtime: text(2)?,
        unit: text(3)?,
        chip: text(4)?,
        model: text(5)?,
        compression: text(6)?,
        measured: value(7)?,
        predicted: value(8)?,
        low: value(9)?,
        high: value(10)?,
        is_inside: text(11)? == "1",
        trust: text(12)?,
        source: text(13)?,
        of: text(14)?,
    })
}

/// Draws the page from the form and the sheet, which follows the form after a line end.
pub(super) fn draw(more: &str, width: u32) -> String {
    let (form, sheet) = more.split_once('\n').unwrap_or((more, ""));
    let form = Form::read(form);
    let points: Vec<Point<'_>> = sheet.lines().filter_map(point).collect();
    let mut m = Markup::new();
    panel(&mut m, "accuracy-panel", text::TITLE, text::NOTE, |m| {
        if points.is_empty() {
            return m.say("p", &[("class", "notice")], text::NO_ROWS);
        }
        let metric = if form.get("metric").is_empty() { "decode" } else { form.get("metric") };
        choices(m, &form, metric, &points);
        let is_of = |name: &str, own: &str| form.get(name).is_empty() || form.get(name) == own;
        let own: Vec<&Point<'_>> = points
            .iter()
            .filter(|p| {
                p.metric == metric && is_of("runtime", p.runtime) && is_of("chip", p.chip) && is_of("on", p.unit)
            })
            .collect();
        picture(m, metric, &own, width);
        errors(m, sheet, metric);
    });
    wrong(&mut m, sheet);
    m.done()
}

fn choice(m: &mut Markup, name: &str, label: &str, current: &str, every: Option<&str>, mut all: Vec<&str>) {
    all.sort_unstable();
    all.dedup();
    let id = ["accuracy-", name].concat();
    m.put("div", &[("class", "field")], |m| {
        m.say("label", &[("class", "label"), ("for", &id)], label);
        m.put("select", &[("class", "select"), ("id", &id), ("data-field", name)], |m| {
            if let Some(every) = every {
                m.say("option", &[("value", ""), ("selected", when(current.is_empty()))], every);
            }
            for own in all {
                m.say("option", &[("value", own), ("selected", when(own == current))], own);
            }
        });
    });
}

fn choices(m: &mut Markup, form: &Form, metric: &str, points: &[Point<'_>]) {
    let own = || points.iter().filter(|point| point.metric == metric);
    m.put("div", &[("class", "form")], |m| {
        choice(m, "metric", text::METRIC, metric, None, points.iter().map(|point| point.metric).collect());
        let runtimes = own().map(|point| point.runtime).collect();
        choice(m, "runtime", text::RUNTIME, form.get("runtime"), Some(text::EVERY_RUNTIME), runtimes);
        choice(m, "on", text::UNIT, form.get("on"), Some(text::EVERY_UNIT), own().map(|point| point.unit).collect());
        choice(
            m,
            "chip",
            text::CHIP,
            form.get("chip"),
            Some(text::EVERY_CHIP),
            own().map(|point| point.chip).collect(),
        );
    });
}

fn picture(m: &mut Markup, metric: &str, own: &[&Point<'_>], width: u32) {
    let n_inside = own.iter().filter(|point| point.is_inside).count();
    let said = text::said(&thousands(own.len() as f64), metric, &thousands(n_inside as f64));
    m.say("p", &[("class", "found-answer"), ("role", "status")], &said);
    // Rows state a metric in different units; the picture has those of the most frequent one, the table all.
    let count = |unit: &str| own.iter().filter(|point| point.of == unit).count();
    let unit = own.iter().map(|point| point.of).max_by_key(|unit| count(unit)).unwrap_or_default();
    let axis = |name: fn(&str, &str) -> String| Measure {
        name: name(metric, unit),
        scale: Scale::Log,
        unit: 1.0,
        tick: |value| number(value),
    };
    let one = |value: f64, text: String| Span { value, low: value, high: value, text };
    let dots = own.iter().filter(|point| point.of == unit).map(|point| Dot {
        name: [point.model, " ", point.compression, ", ", point.chip, " ", point.unit, " (", point.runtime, ")"]
            .concat(),
        ink: if point.is_inside { Ink::Series1 } else { Ink::Series3 },
        look: Look::default(),
        x: one(point.measured, text::measured(&number(point.measured), unit)),
        y: one(
            point.predicted,
            text::predicted(
                &number(point.predicted),
                &number(point.low),
                &number(point.high),
                point.source,
                point.id,
                point.trust,
            ),
        ),
    });
    let data = Scatter {
        subject: text::ROW.to_owned(),
        x: axis(text::measured_axis),
        y: axis(text::predicted_axis),
        dots: dots.collect(),
        guide: Guide::Equal,
        x_limits: Vec::new(),
        y_limits: Vec::new(),
    };
    let frame = Frame {
        id: "accuracy".to_owned(),
        title: text::picture(metric),
        description: text::PICTURE_NOTE.to_owned(),
        width,
    };
    if data.dots.is_empty() {
        return m.say("p", &[("class", "hint")], text::NO_ROW_LEFT);
    }
    figure(m, "accuracy", &scatter(&frame, &data));
}

/// The error table of one metric.
fn errors(m: &mut Markup, sheet: &str, metric: &str) {
    m.say("h3", &[], &text::errors(metric));
    let name = text::errors_table(metric);
    m.put("div", &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", &name)], |m| {
        m.put("table", &[("class", "listing")], |m| {
            let head = [
                text::HEAD_WHAT,
                text::HEAD_LEFT,
                text::HEAD_ROWS,
                text::HEAD_MEDIAN,
                text::HEAD_WORST,
                text::HEAD_BIAS,
                text::HEAD_INSIDE,
            ];
            m.put("thead", &[], |m| {
                m.put("tr", &[], |m| head.iter().for_each(|name| m.say("th", &[("scope", "col")], name)));
            });
            m.put("tbody", &[], |m| {
                for line in sheet.lines().filter_map(|line| line.strip_prefix("group\t")) {
                    let cells: Vec<&str> = line.split('\t').collect();
                    let [own, runtime, unit, left, n, median, worst, bias, inside] = cells.as_slice() else { continue };
                    if *own != metric {
                        continue;
                    }
                    m.put("tr", &[], |m| {
                        m.say("th", &[("scope", "row")], &[runtime, " ", unit].concat());
                        m.say("td", &[], left);
                        m.say("td", &[("class", "num")], n);
                        for value in [median, worst, bias, inside] {
                            m.say("td", &[("class", "num")], &[value, " %"].concat());
                        }
                    });
                }
            });
        });
    });
}

/// What a reader should know before believing any of it.
fn wrong(m: &mut Markup, sheet: &str) {
    const WRONG: [&str; 6] =
        [text::WRONG_NOBODY, text::WRONG_ANE, text::WRONG_CACHED, text::WRONG_CPU, text::WRONG_WARM, text::WRONG_RULES];
    panel(m, "wrong-panel", text::WRONG, text::WRONG_NOTE, |m| {
        m.put("ul", &[("class", "reasons")], |m| WRONG.iter().for_each(|text| m.say("li", &[], text)));
        let conflicts: Vec<&str> = sheet.lines().filter_map(|line| line.strip_prefix("conflict\t")).collect();
        fold(m, text::CONFLICTS, &conflicts, |m, line| {
            let mut cells = line.split('\t');
            let (what, low, high) =
                (cells.next().unwrap_or_default(), cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            m.say("li", &[], &text::conflict(what, low, high));
        });
        let skips: Vec<&str> = sheet.lines().filter_map(|line| line.strip_prefix("skip\t")).collect();
        fold(m, text::SKIPS, &skips, |m, line| {
            let cells: Vec<&str> = line.split('\t').collect();
            if let [metric, runtime, why, n] = cells.as_slice() {
                m.say("li", &[], &[n, " × ", metric, " (", runtime, "): ", why].concat());
            }
        });
    });
}

fn fold(m: &mut Markup, title: &str, lines: &[&str], line: impl Fn(&mut Markup, &str)) {
    m.put("details", &[("class", "fold")], |m| {
        m.say("summary", &[], &[title, " (", &thousands(lines.len() as f64), ")"].concat());
        m.put("ul", &[("class", "reasons")], |m| lines.iter().for_each(|own| line(m, own)));
    });
}
