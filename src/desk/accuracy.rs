//! The accuracy page: predicted against measured for every row, the error table, conflicts, and what is wrong here.
//!
//! The rows come as the text of `accuracy.tsv`, which the worker fetches when the panel is first shown.

use super::form::Form;
use crate::{
    catalog::Catalog,
    chart::{Dot, Frame, Guide, Ink, Look, Measure, Scale, Scatter, Span, scatter},
    markup::{Markup, figure, panel, when},
    report::words,
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

/// What a metric of the rows is called.
fn metric_word(id: &str) -> &str {
    match id {
        "decode" => text::DECODE,
        "prefill" => text::PREFILL,
        "ttft" => text::TTFT,
        "latency" => text::LATENCY,
        "in-app" => text::IN_APP,
        "e2e" => text::E2E,
        "memory" => text::MEMORY,
        "size" => text::SIZE,
        "load" => text::LOAD,
        "first-load" => text::FIRST_LOAD,
        "power" => text::POWER,
        "energy" => text::ENERGY,
        other => other,
    }
}

fn runtime_word(id: &str) -> &str {
    match id {
        "coreml" => text::COREML,
        "mlx" => text::MLX,
        other => other,
    }
}

fn unit_word(id: &str) -> &str {
    match id {
        "any" => text::ANY_UNIT,
        id => words::unit(id),
    }
}

fn chip_word(id: &str) -> &str {
    match id {
        "" => text::NO_CHIP,
        id => Catalog::get().soc(id).map_or(id, |soc| &soc.name),
    }
}

/// A filter: its field, its label, what it is now, and the words for its ids.
struct Filter<'a> {
    name: &'a str,
    label: &'a str,
    every: Option<&'a str>,
    word: fn(&str) -> &str,
}

impl Filter<'_> {
    fn put<'a>(&self, m: &mut Markup, current: &str, ids: impl Iterator<Item = &'a str>) {
        let mut all: Vec<&str> = ids.filter(|id| !id.is_empty()).collect();
        all.sort_unstable();
        all.dedup();
        let id = ["accuracy-", self.name].concat();
        m.put("div", &[("class", "field")], |m| {
            m.say("label", &[("class", "label"), ("for", &id)], self.label);
            m.put("select", &[("class", "select"), ("id", &id), ("data-field", self.name)], |m| {
                if let Some(every) = self.every {
                    m.say("option", &[("value", ""), ("selected", when(current.is_empty()))], every);
                }
                for own in all {
                    let attributes = [("value", own), ("selected", when(own == current))];
                    m.say("option", &attributes, (self.word)(own));
                }
            });
        });
    }
}

fn choices(m: &mut Markup, form: &Form, metric: &str, points: &[Point<'_>]) {
    let own = || points.iter().filter(|point| point.metric == metric);
    let filter = |name, label, every, word| Filter { name, label, every: Some(every), word };
    m.put("div", &[("class", "form")], |m| {
        let by_metric = Filter { name: "metric", label: text::METRIC, every: None, word: metric_word };
        by_metric.put(m, metric, points.iter().map(|point| point.metric));
        let by_runtime = filter("runtime", text::RUNTIME, text::EVERY_RUNTIME, runtime_word);
        by_runtime.put(m, form.get("runtime"), own().map(|point| point.runtime));
        let by_unit = filter("on", text::UNIT, text::EVERY_UNIT, unit_word);
        by_unit.put(m, form.get("on"), own().map(|point| point.unit));
        let by_chip = filter("chip", text::CHIP, text::EVERY_CHIP, chip_word);
        by_chip.put(m, form.get("chip"), own().map(|point| point.chip));
    });
}

fn picture(m: &mut Markup, metric: &str, own: &[&Point<'_>], width: u32) {
    let n_inside = own.iter().filter(|point| point.is_inside).count();
    let said = text::said(&thousands(own.len() as f64), metric_word(metric), &thousands(n_inside as f64));
    m.say("p", &[("class", "found-answer"), ("role", "status")], &said);
    // Rows state a metric in different units; the picture has those of the most frequent one, the table all.
    let count = |unit: &str| own.iter().filter(|point| point.of == unit).count();
    let unit = own.iter().map(|point| point.of).max_by_key(|unit| count(unit)).unwrap_or_default();
    let axis = |name: fn(&str, &str) -> String| Measure {
        name: name(metric_word(metric), unit),
        scale: Scale::Log,
        unit: 1.0,
        tick: |value| number(value),
    };
    let one = |value: f64, text: String| Span { value, low: value, high: value, text };
    let dots = own.iter().filter(|point| point.of == unit).map(|point| Dot {
        name: [
            point.model,
            " ",
            point.compression,
            ", ",
            chip_word(point.chip),
            " ",
            unit_word(point.unit),
            " (",
            runtime_word(point.runtime),
            ")",
        ]
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
        title: text::picture(metric_word(metric)),
        description: text::PICTURE_NOTE.to_owned(),
        width,
    };
    if data.dots.is_empty() {
        return m.say("p", &[("class", "hint")], text::NO_ROW_LEFT);
    }
    figure(m, "accuracy", &scatter(&frame, &data));
}

/// The error table of one metric: a class in a row, and side by side what is left out.
fn errors(m: &mut Markup, sheet: &str, metric: &str) {
    let word = metric_word(metric);
    m.say("h3", &[], &text::errors(word));
    m.say("p", &[("class", "hint")], text::ERRORS_NOTE);
    let groups: Vec<Vec<&str>> = sheet
        .lines()
        .filter_map(|line| line.strip_prefix("group\t"))
        .map(|line| line.split('\t').collect())
        .filter(|cells: &Vec<&str>| cells.len() == 9 && cells.first() == Some(&metric))
        .collect();
    let cell = |group: &[&str], at: usize| group.get(at).copied().unwrap_or_default().to_owned();
    let name = text::errors_table(word);
    m.put("div", &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", &name)], |m| {
        m.put("table", &[("class", "listing")], |m| {
            m.put("thead", &[], errors_head);
            m.put("tbody", &[], |m| {
                let is_of = |group: &[&str], left: &str| group.get(3) == Some(&left);
                for seen in groups.iter().filter(|group| is_of(group, LEFT_OUT[0].0)) {
                    m.put("tr", &[], |m| {
                        let (runtime, unit) = (cell(seen, 1), cell(seen, 2));
                        m.say("th", &[("scope", "row")], &[runtime_word(&runtime), ", ", unit_word(&unit)].concat());
                        m.say("td", &[("class", "num")], &cell(seen, 4));
                        for (left, columns) in LEFT_OUT {
                            let own = groups.iter().find(|own| is_of(own, left) && own.get(1..3) == seen.get(1..3));
                            for column in columns {
                                let value = own.map_or_else(String::new, |own| [&cell(own, *column), " %"].concat());
                                m.say("td", &[("class", "num")], &value);
                            }
                        }
                    });
                }
            });
        });
    });
}

/// What is left out of a fit, and the columns of the sheet that are shown of it: median error, nine in ten, bias, inside.
const LEFT_OUT: [(&str, &[usize]); 3] = [("nothing", &[5, 8]), ("source", &[5, 6, 7, 8]), ("chip", &[5, 8])];

fn errors_head(m: &mut Markup) {
    m.put("tr", &[], |m| {
        m.say("th", &[("scope", "col"), ("rowspan", "2")], text::HEAD_WHAT);
        m.say("th", &[("scope", "col"), ("rowspan", "2"), ("class", "num")], text::HEAD_ROWS);
        let names = [text::LEFT_NOTHING, text::LEFT_SOURCE, text::LEFT_CHIP];
        for ((_, columns), name) in LEFT_OUT.into_iter().zip(names) {
            let n = columns.len().to_string();
            m.say("th", &[("scope", "colgroup"), ("colspan", &n), ("class", "num")], name);
        }
    });
    m.put("tr", &[], |m| {
        for column in LEFT_OUT.into_iter().flat_map(|(_, columns)| columns) {
            let name = match column {
                5 => text::HEAD_MEDIAN,
                6 => text::HEAD_WORST,
                7 => text::HEAD_BIAS,
                _ => text::HEAD_INSIDE,
            };
            m.say("th", &[("scope", "col"), ("class", "num")], name);
        }
    });
}

/// What a reader should know before believing any of it.
fn wrong(m: &mut Markup, sheet: &str) {
    const WRONG: [&str; 7] = [
        text::WRONG_NOBODY,
        text::WRONG_ANE,
        text::WRONG_STAND_IN,
        text::WRONG_CACHED,
        text::WRONG_CPU,
        text::WRONG_WARM,
        text::WRONG_RULES,
    ];
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
                m.say("li", &[], &[n, " × ", metric_word(metric), " (", runtime_word(runtime), "): ", why].concat());
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
