//! The sheet of the accuracy page: every measured row with its prediction, and how far they are off, as tabbed text.
//!
//! Lines: `group` (metric, runtime, unit, what was left out, n, median error, 90th percentile, bias, share inside),
//! `row` (id, metric, runtime, unit, chip, model, compression, measured, predicted, low, high, 1 when inside, trust,
//! source, unit of the value), `skip` (metric, runtime, reason, how many), `conflict` (what, id and value, id and value).
//! Predictions of rows are those with the row's own source left out: what a reader's row would meet.

use std::{collections::BTreeMap, fmt::Write};

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
            Some(Fitted { case, source: row.origin(), chip: &row.soc, trust: row.trust() })
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

/// Rows that the planner cannot tell apart (same chip, about the same parts of the same class) and whose sources do not say the
/// same.
fn conflicts(out: &mut String, expressed: &[(&Row, &Outcome)], unseen: &[Scored]) {
    let mut same: BTreeMap<(String, &str, &str, &str, &str), Vec<(&Row, f64)>> = BTreeMap::new();
    for ((row, outcome), scored) in expressed.iter().zip(unseen) {
        let (Ok(case), Some(measured)) = (outcome, scored.measured) else { continue };
        if row.trust() < Trust::D && measured > 0.0 && case.class.metric != Metric::Size {
            let class = case.class;
            let key = format!("{:.1e} {:.1e}", case.parts.stream, case.parts.compute);
            same.entry((key, class.metric.id(), class.runtime, class.unit, &row.soc))
                .or_default()
                .push((row, measured));
        }
    }
    for ((_, metric, runtime, unit, chip), mut all) in same {
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (Some((low, least)), Some((high, most))) = (all.first(), all.last()) else { continue };
        if most / least > CONFLICT && low.origin() != high.origin() {
            let _ = writeln!(
                out,
                "conflict\t{metric} of {} on {chip} {unit} ({runtime})\t{least} {} ({})\t{most} {} ({})",
                plain(&low.model),
                plain(&low.unit),
                plain(low.origin()),
                plain(&high.unit),
                plain(high.origin())
            );
        }
    }
}
