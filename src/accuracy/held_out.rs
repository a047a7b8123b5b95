//! Predictions of rows that the fit did not see.

use super::{fit::Fitted, score::predict};
use crate::estimate::law::Answer;

/// What is left out of a fit at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: every row is fitted on.
    Nothing,
    /// The rows of one source.
    Source,
    /// The rows of one chip.
    Chip,
}

/// Predicts every row by laws that were fitted without the rows that share its source or chip.
#[must_use]
pub fn held_out(rows: &[Fitted<'_>], left: Left) -> Vec<Option<Answer>> {
    let key = |row: &Fitted<'_>| match left {
        Left::Nothing => String::new(),
        Left::Source => row.source.to_owned(),
        Left::Chip => row.chip.to_owned(),
    };
    let mut keys: Vec<String> = rows.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut answers = vec![None; rows.len()];
    for out in &keys {
        let own: Vec<_> = rows.iter().filter(|row| key(row) == *out).map(|row| row.case.class).collect();
        // Laws of other metrics do not bear on these rows.
        let bears = |row: &&Fitted<'_>| {
            let class = row.case.class;
            own.iter().any(|own| own.metric == class.metric || own.metric.base() == Some(class.metric))
        };
        let rest: Vec<Fitted<'_>> =
            rows.iter().filter(bears).filter(|row| left == Left::Nothing || key(row) != *out).copied().collect();
        let laws = super::fit(&rest);
        for (row, answer) in rows.iter().zip(&mut answers).filter(|(row, _)| key(row) == *out) {
            *answer = predict(row.case, &laws);
        }
    }
    answers
}
