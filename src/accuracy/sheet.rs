//! The sheet of the accuracy page: every measured row with its prediction, and how far they are off, as tabbed text.
//!
//! Lines: `group` (metric, runtime, unit, what was left out, n, median error, 90th percentile, bias, share inside),
//! `row` (id, metric, runtime, unit, chip, model, compression, measured, predicted, low, high, 1 when inside, trust,
//! source, unit of the value), `skip` (metric, runtime, reason, how many), `conflict` (what, id and value, id and value).
//! Predictions of rows are those with the row's own source left out: what a reader's row would meet.

use std::{collections::BTreeMap, fmt::Write};

use crate::estimate::law::Class;

use super::{Fitted, Known, Left, Metric, Outcome, Row, Scored, Trust, group, held_out, resolve, scored};

/// Rows of one thing that differ by more are listed as a conflict.
const CONFLICT: f64 = 1.25;

/// Writes the sheet.
#[must_use]
pub fn sheet(rows: &[Row], known: &Known) -> String {
    let outcomes: Vec<Outcome> = rows.iter().map(|row| resolve(row, known)).collect();
    let expressed: Vec<(&Row, &Outcome)> = rows.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).collect();
    let fitted: Vec<Fitted<'_>> = expressed
        .iter()
        .filter_map(|(row, outcome)| {
            let case = outcome.as_ref().ok()?;
            Some(Fitted::of(row, case))
        })
        .collect();
    let mut out = String::new();
    let mut unseen: Vec<Scored> = Vec::new();
    for (left, name) in [(Left::Nothing, "nothing"), (Left::Source, "source"), (Left::Chip, "chip")] {
        let answers = held_out(&fitted, left);
        let all: Vec<Scored> =
            expressed.iter().zip(answers).map(|((row, outcome), answer)| scored(row, outcome, answer)).collect();
        groups(&mut out, name, &fitted, &all);
        if left == Left::Source {
            unseen = all;
        }
    }
    for (((row, _), own), scored) in expressed.iter().zip(&fitted).zip(&unseen) {
        line_of(&mut out, row, own, scored);
    }
    skips(&mut out, rows, &outcomes);
    conflicts(&mut out, &expressed, &unseen);
    out
}

fn groups(out: &mut String, left: &str, fitted: &[Fitted<'_>], all: &[Scored]) {
    let mut classes: BTreeMap<(&str, &str, &str), Vec<&Scored>> = BTreeMap::new();
    for (own, scored) in fitted.iter().zip(all).filter(|(own, _)| own.trust <= Trust::B) {
        let class = own.case.class;
        classes.entry((class.metric.id(), class.runtime, class.unit)).or_default().push(scored);
    }
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
    for ((metric, runtime, unit), rows) in classes {
        let n = rows.len();
        let own = group(metric, runtime, rows.into_iter());
        let _ = writeln!(
            out,
            "group\t{metric}\t{runtime}\t{unit}\t{left}\t{n}\t{}\t{}\t{}\t{}",
            number(own.median_abs_pct_error),
            number(own.p90_abs_pct_error),
            number(own.bias_pct),
            number(own.coverage.map(|share| share * 100.0))
        );
    }
}

/// Text that holds no tab and no line end.
fn plain(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

fn line_of(out: &mut String, row: &Row, own: &Fitted<'_>, scored: &Scored) {
    let (Some(predicted), Some(low), Some(high), Some(measured)) =
        (scored.predicted, scored.low, scored.high, scored.measured)
    else {
        return;
    };
    let class = own.case.class;
    let trust = match row.trust() {
        Trust::A => "A",
        Trust::B => "B",
        Trust::C => "C",
        Trust::D => "D",
    };
    let _ = writeln!(
        out,
        "row\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{measured}\t{predicted:.4e}\t{low:.4e}\t{high:.4e}\t{}\t{trust}\t{}\t{}",
        plain(&row.id),
        class.metric.id(),
        class.runtime,
        class.unit,
        plain(&row.soc),
        plain(&row.model),
        plain(&row.compression),
        u8::from(scored.inside == Some(true)),
        plain(row.origin()),
        plain(&row.unit),
    );
}

fn skips(out: &mut String, rows: &[Row], outcomes: &[Outcome]) {
    let mut all: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for (row, outcome) in rows.iter().zip(outcomes) {
        if let Err(skip) = outcome {
            *all.entry((&row.metric, &row.runtime, &skip.0)).or_default() += 1;
        }
    }
    for ((metric, runtime, why), n) in all {
        let _ = writeln!(out, "skip\t{}\t{}\t{}\t{n}", plain(metric), plain(runtime), plain(why));
    }
}

/// A model's name without its publisher and its signs.
fn short(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// Rows of one model on one chip that the planner answers alike, and whose sources do not say alike.
fn conflicts(out: &mut String, expressed: &[(&Row, &Outcome)], unseen: &[Scored]) {
    let all: Vec<(&Row, Class, String, f64, f64)> = expressed
        .iter()
        .zip(unseen)
        .filter_map(|((row, outcome), scored)| {
            let case = outcome.as_ref().ok()?;
            Some((*row, case.class, short(&row.model), scored.predicted?, scored.measured?))
        })
        .filter(|(row, class, ..)| row.trust() < Trust::D && class.metric != Metric::Size)
        .collect();
    for (idx, (low, class, name, predicted, least)) in all.iter().enumerate() {
        for (high, other, other_name, other_predicted, most) in all.iter().skip(idx + 1) {
            let is_same = class == other
                && low.soc == high.soc
                && (name.contains(other_name.as_str()) || other_name.contains(name.as_str()));
            let alike = (predicted / other_predicted).max(other_predicted / predicted) < CONFLICT;
            let apart = (least / most).max(most / least) > CONFLICT;
            if is_same && alike && apart && low.origin() != high.origin() {
                let _ = writeln!(
                    out,
                    "conflict\t{} of {} on {} {} ({})\t{least} {} ({})\t{most} {} ({})",
                    class.metric.id(),
                    plain(&low.model),
                    plain(&low.soc),
                    class.unit,
                    class.runtime,
                    plain(&low.unit),
                    plain(low.origin()),
                    plain(&high.unit),
                    plain(high.origin())
                );
            }
        }
    }
}
