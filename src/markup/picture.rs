//! A chart on the page: the picture, its marks for pointer and keyboard, its legend, and the same as a table.

use super::{ABSENT, Markup};
use crate::{
    chart::{Chart, Table},
    texts::figure as text,
    units::decimal,
};

/// The figure of a chart. `name` is unique on the page: what is saved is called so.
pub fn figure(m: &mut Markup, name: &str, chart: &Chart) {
    let view_box = ["0 0 ", &chart.width.to_string(), " ", &chart.height.to_string()].concat();
    m.put("figure", &[("class", "chart-figure"), ("data-name", name)], |m| {
        m.put("div", &[("class", "chart-stage")], |m| {
            m.put("div", &[("class", "chart-drawing")], |m| m.drawn(&chart.svg));
            let marks = [
                ("class", "chart-marks"),
                ("viewBox", view_box.as_str()),
                ("role", "group"),
                ("aria-label", text::VALUES),
            ];
            m.put("svg", &marks, |m| {
                for (idx, mark) in chart.marks.iter().enumerate() {
                    let (role, press, pick) = match &*mark.pick {
                        "" => ("img", ABSENT, ABSENT),
                        pick => ("button", "pick", pick),
                    };
                    let attributes = [
                        ("class", "mark"),
                        ("role", role),
                        ("data-press", press),
                        ("data-pick", pick),
                        ("x", &*decimal::plain(mark.x)),
                        ("y", &*decimal::plain(mark.y)),
                        ("width", &*decimal::plain(mark.w)),
                        ("height", &*decimal::plain(mark.h)),
                        ("tabindex", if idx == 0 { "0" } else { "-1" }),
                        ("aria-label", &*[&*mark.label, ": ", &mark.text].concat()),
                    ];
                    m.say("rect", &attributes, "");
                }
            });
        });
        m.say("p", &[("class", "chart-readout")], text::READOUT);
        legend(m, chart);
        m.put("div", &[("class", "chart-foot")], |m| {
            m.put("details", &[("class", "data")], |m| {
                m.say("summary", &[], text::AS_TABLE);
                table(m, &chart.table, &chart.title);
            });
            for form in ["SVG", "PNG"] {
                let label = text::save(&chart.title, form);
                let attributes = [
                    ("class", "why"),
                    ("type", "button"),
                    ("data-press", "save-picture"),
                    ("data-form", form),
                    ("aria-label", &label),
                ];
                m.say("button", &attributes, form);
            }
        });
    });
}

fn legend(m: &mut Markup, chart: &Chart) {
    if chart.keys.is_empty() {
        return;
    }
    m.put("ul", &[("class", "legend")], |m| {
        for key in &chart.keys {
            // Where an entry stands for one mark, it can say the value as well.
            let mut own = chart.marks.iter().filter(|mark| mark.label == key.name);
            let value = own.next().filter(|_| own.next().is_none()).map_or("", |mark| &mark.text);
            m.put("li", &[], |m| {
                m.say("span", &[("class", &["swatch ", key.class].concat())], "");
                m.text(&key.name);
                m.text(" ");
                m.say("span", &[("class", "legend-value")], value);
            });
        }
    });
}

/// A table whose first column names its rows, in a region that scrolls by itself. A column of sentences is set as text, any
/// other as numbers.
pub fn table(m: &mut Markup, table: &Table, name: &str) {
    let class = |column: usize| {
        let is_text = table.rows.iter().any(|row| row.get(column).is_some_and(|value| value.len() > SENTENCE));
        match (column, is_text) {
            (0, _) => ABSENT,
            (_, true) => "text",
            (_, false) => "num",
        }
    };
    let classes: Vec<&str> = (0..table.head.len()).map(class).collect();
    m.put("div", &[("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", name)], |m| {
        m.put("table", &[("class", "listing")], |m| {
            m.put("thead", &[], |m| {
                m.put("tr", &[], |m| {
                    for (class, name) in classes.iter().zip(&table.head) {
                        m.say("th", &[("scope", "col"), ("class", class)], name);
                    }
                });
            });
            m.put("tbody", &[], |m| {
                for row in &table.rows {
                    m.put("tr", &[], |m| cells(m, row, &classes));
                }
            });
        });
    });
}

/// Letters from which a value is a sentence.
const SENTENCE: usize = 32;

fn cells(m: &mut Markup, row: &[String], classes: &[&str]) {
    for (column, (value, class)) in row.iter().zip(classes).enumerate() {
        match column {
            0 => m.say("th", &[("scope", "row")], value),
            _ => m.say("td", &[("class", class)], value),
        }
    }
}
