//! The matrix: every variant on every choice of units. A press on a cell plans it.

use super::{ABSENT, Icon, Markup, icon, truth, unit_of, verdict_of, when};
use crate::{
    machine::Unit,
    report::{
        effect::Effect,
        view::{Group, MatrixCell, MatrixRow, View, columns},
        words,
    },
    scenario::Units,
    texts::matrix as text,
};

/// The matrix, its first groups; `everything` shows the variants that lose quality as well.
#[must_use]
pub fn matrix(view: &View, everything: bool, n_groups: usize) -> String {
    let mut m = Markup::new();
    m.put("section", &[("class", "panel"), ("aria-labelledby", "matrix")], |m| {
        m.put("header", &[("class", "panel-head")], |m| {
            m.put("div", &[], |m| {
                m.say("h2", &[("id", "matrix")], text::TITLE);
                m.say("p", &[("class", "panel-note")], text::NOTE);
                m.put("p", &[("class", "panel-note chips")], |m| {
                    Unit::EVERY.into_iter().for_each(|unit| icon::chip(m, unit));
                });
            });
        });
        let scroller = [
            ("class", "scroller"),
            ("data-all", when(everything)),
            ("tabindex", "0"),
            ("role", "region"),
            ("aria-label", text::REGION),
            ("id", "matrix-scroller"),
        ];
        m.put("div", &scroller, |m| table(m, view, everything, n_groups));
        m.say("p", &[("class", "matrix-readout")], text::READOUT);
        m.put("label", &[("class", "check matrix-all")], |m| {
            m.void("input", &[("type", "checkbox"), ("checked", when(everything)), ("data-change", "everything")]);
            m.say("span", &[], text::EVERYTHING);
        });
    });
    m.done()
}

fn table(m: &mut Markup, view: &View, everything: bool, n_groups: usize) {
    m.put("table", &[("class", "matrix")], |m| {
        m.put("thead", &[], |m| {
            m.put("tr", &[], |m| {
                m.put("th", &[("scope", "col")], |m| {
                    m.text(text::HEAD);
                    m.term("quality", text::HEAD_QUALITY);
                });
                for (units, name) in Units::EVERY.into_iter().zip(columns()) {
                    m.put("th", &[("scope", "col")], |m| match units {
                        Units::CpuAndNe => m.term("ane", name),
                        Units::All => m.term("compute-units", name),
                        Units::CpuAndGpu | Units::CpuOnly => m.text(name),
                    });
                }
            });
        });
        view.matrix.iter().take(n_groups).for_each(|group| rows(m, view, group, everything));
    });
}

fn rows(m: &mut Markup, view: &View, group: &Group, everything: bool) {
    let picked = |row: &MatrixRow| row.cells.iter().any(|cell| view.picked == Some(cell.idx));
    let shown: Vec<&MatrixRow> =
        group.rows.iter().filter(|row| everything || row.keeps_quality || picked(row)).collect();
    if shown.is_empty() {
        return;
    }
    m.put("tbody", &[], |m| {
        m.put("tr", &[("class", "matrix-group")], |m| {
            m.put("th", &[("scope", "rowgroup"), ("colspan", "5")], |m| {
                m.put("span", &[], |m| m.term(group.word, group.title));
            });
        });
        for row in shown {
            m.put("tr", &[], |m| line(m, view, row));
        }
    });
}

fn line(m: &mut Markup, view: &View, row: &MatrixRow) {
    m.put("th", &[("scope", "row")], |m| {
        m.say("span", &[("class", "matrix-name")], &row.label);
        m.text(" ");
        m.say("span", &[("class", "matrix-size")], &row.bundle);
        quality(m, row);
    });
    let all = Units::EVERY.len().to_string();
    let span = if row.spans { all.as_str() } else { ABSENT };
    for cell in &row.cells {
        let heat = (cell.heat / 10).to_string();
        let attributes = [("data-verdict", verdict_of(cell.status)), ("data-heat", &*heat), ("colspan", span)];
        m.put("td", &attributes, |m| one(m, view, cell));
    }
}

/// What is published of the answers, and a way to all of it.
fn quality(m: &mut Markup, row: &MatrixRow) {
    let Effect::Published(own, _) = row.effect else { return };
    let attributes = [
        ("class", "linklike matrix-quality"),
        ("type", "button"),
        ("aria-haspopup", "dialog"),
        ("data-effect", row.effect.class()),
        ("data-press", "why"),
        ("data-key", &["quality:", &row.id].concat()),
    ];
    m.put("button", &attributes, |m| {
        m.say("b", &[], &words::changes(own));
        m.text(" ");
        m.text(own.short());
        m.say("span", &[("class", "unseen")], &text::quality_of(&row.label));
    });
}

fn one(m: &mut Markup, view: &View, cell: &MatrixCell) {
    let recommended = view.recommended == Some(cell.idx);
    let attributes = [
        ("class", "cell"),
        ("type", "button"),
        ("aria-pressed", truth(view.picked == Some(cell.idx))),
        ("title", &cell.more),
        ("data-unit", cell.unit.map_or(ABSENT, unit_of)),
        ("data-press", "pick"),
        ("data-pick", &cell.pick.id()),
    ];
    m.put("button", &attributes, |m| {
        // Heard before what is seen, so that a cell makes sense outside of its table.
        m.say("span", &[("class", "unseen")], &cell.name);
        m.put("span", &[("class", "cell-line")], |m| {
            m.put("span", &[("class", "cell-verdict")], |m| {
                m.icon(Icon::Status(cell.status));
                m.say("span", &[("class", "word")], words::status(cell.status));
            });
            m.say("span", &[], &cell.memory);
        });
        m.put("span", &[("class", "cell-line")], |m| {
            m.put("b", &[], |m| {
                if let Some(unit) = cell.unit {
                    m.icon(Icon::Unit(unit));
                }
                m.text(&cell.speed);
            });
            m.say("span", &[("class", "cell-range")], cell.speed_range.trim_end_matches(" tok/s"));
        });
        if recommended {
            m.say("span", &[("class", "cell-star")], text::RECOMMENDED);
        }
    });
}
