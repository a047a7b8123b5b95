//! Predictions against measured rows, one by one and in sum.

use serde::Serialize;

use super::{Case, Known, Metric, Row, Skip, published, resolve};
use crate::{catalog::Law, estimate::law::Answer};

/// One row with what the planner says of it.
#[derive(Clone, Debug, Serialize)]
pub struct Scored {
    /// The row's id.
    pub id: String,
    /// The row's own word for what was measured.
    pub metric: String,
    /// In the row's unit; absent when the row was skipped.
    pub predicted: Option<f64>,
    /// Lower end of the range.
    pub low: Option<f64>,
    /// Upper end of the range.
    pub high: Option<f64>,
    /// What was measured.
    pub measured: Option<f64>,
    /// Predicted over measured.
    pub ratio: Option<f64>,
    /// Whether the measured value is in the range.
    pub inside: Option<bool>,
    /// Why the row was skipped.
    pub skipped: Option<String>,
}

/// The rows of one metric and runtime in sum.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The rows' word for what was measured.
    pub metric: String,
    /// The rows' word for the runtime.
    pub runtime: String,
    /// Rows that were predicted.
    pub n: usize,
    /// Rows that were not.
    pub n_skipped: usize,
    /// Median of |predicted − measured| over measured, in percent.
    pub median_abs_pct_error: Option<f64>,
    /// Ninetieth percentile of it.
    pub p90_abs_pct_error: Option<f64>,
    /// Median of predicted over measured, less 1, in percent.
    pub bias_pct: Option<f64>,
    /// Share of the predicted rows inside their range.
    pub coverage: Option<f64>,
}

/// A scored file.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Version of this document.
    pub schema: u32,
    /// Every row, in the file's order.
    pub rows: Vec<Scored>,
    /// By metric and runtime.
    pub summary: Vec<Group>,
}

/// What a row was found to be.
pub type Outcome = Result<Case, Skip>;

/// Predicts a case by a table of laws; a time without a law is the cost model's own sum, within a factor of three.
#[must_use]
pub fn predict(case: &Case, laws: &[Law]) -> Option<Answer> {
    let answer = match case.class.law(laws) {
        Some(law) => law.answer(&case.parts),
        None if case.class.metric <= Metric::Size => {
            let value = case.parts.sum();
            Answer { value, low: value / 3.0, high: value * 3.0 }
        }
        None => return None,
    };
    Some(answer).filter(|answer| answer.value > 0.0)
}

/// Scores rows by a table of laws.
#[must_use]
pub fn score(rows: &[Row], known: &Known, laws: &[Law]) -> Scores {
    let scored: Vec<Scored> = rows
        .iter()
        .map(|row| {
            if row.metric.starts_with("q_") && row.value.is_some() {
                return match published::expected(row, &known.pairs) {
                    Ok(answer) => filled(blank(row), answer, row.value.unwrap_or(0.0), |value| value),
                    Err(skip) => Scored { skipped: Some(skip.0), ..blank(row) },
                };
            }
            let outcome = resolve(row, known);
            let answer = outcome.as_ref().ok().and_then(|case| predict(case, laws));
            scored(row, &outcome, answer)
        })
        .collect();
    let mut summary: Vec<Group> = Vec::new();
    for row in rows {
        if summary.iter().any(|group| group.metric == row.metric && group.runtime == row.runtime) {
            continue;
        }
        let own =
            rows.iter().zip(&scored).filter(|(other, _)| other.metric == row.metric && other.runtime == row.runtime);
        summary.push(group(&row.metric, &row.runtime, own.map(|(_, scored)| scored)));
    }
    Scores { schema: 1, rows: scored, summary }
}

/// One row with its prediction.
#[must_use]
pub fn scored(row: &Row, outcome: &Outcome, answer: Option<Answer>) -> Scored {
    let mut scored = blank(row);
    let case = match outcome {
        Ok(case) => case,
        Err(skip) => {
            scored.skipped = Some(skip.0.clone());
            return scored;
        }
    };
    let Some(answer) = answer else {
        scored.skipped = Some("no measured rows of this metric and runtime to predict from".to_owned());
        return scored;
    };
    let stated = |canonical: f64| case.speed.stated(canonical);
    filled(scored, answer, stated(case.measured), stated)
}

fn blank(row: &Row) -> Scored {
    Scored {
        id: row.id.clone(),
        metric: row.metric.clone(),
        predicted: None,
        low: None,
        high: None,
        measured: row.value,
        ratio: None,
        inside: None,
        skipped: None,
    }
}

/// Puts an answer into a row, in the row's own unit.
fn filled(scored: Scored, answer: Answer, measured: f64, stated: impl Fn(f64) -> f64) -> Scored {
    let (value, a, b) = (stated(answer.value), stated(answer.low), stated(answer.high));
    let ratio = Some(value / measured).filter(|ratio| ratio.is_finite());
    Scored {
        predicted: Some(value),
        low: Some(a.min(b)),
        high: Some(a.max(b)),
        ratio,
        inside: Some(a.min(b) <= measured && measured <= a.max(b)),
        ..scored
    }
}

/// Sums rows up.
pub fn group<'a>(metric: &str, runtime: &str, rows: impl Iterator<Item = &'a Scored>) -> Group {
    let (mut n_skipped, mut n_inside) = (0, 0_usize);
    let (mut errors, mut ratios) = (Vec::new(), Vec::new());
    for row in rows {
        match row.ratio {
            Some(ratio) => {
                errors.push((ratio - 1.0).abs() * 100.0);
                ratios.push((ratio - 1.0) * 100.0);
                n_inside += usize::from(row.inside == Some(true));
            }
            None => n_skipped += 1,
        }
    }
    let n = errors.len();
    Group {
        metric: metric.to_owned(),
        runtime: runtime.to_owned(),
        n,
        n_skipped,
        median_abs_pct_error: percentile(&mut errors, 50),
        p90_abs_pct_error: percentile(&mut errors, 90),
        bias_pct: percentile(&mut ratios, 50),
        coverage: (n > 0).then(|| n_inside as f64 / n as f64),
    }
}

fn percentile(values: &mut [f64], percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = last * percent;
    let (low, high) = (values.get(at / 100)?, values.get((at / 100 + 1).min(last))?);
    Some(low + (high - low) * (at % 100) as f64 / 100.0)
}
