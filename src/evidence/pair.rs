//! The same operation on both sides of a comparison.
//!
//! By the name of the result first. Core ML's compiler renames, joins and adds operations; what is left between two
//! operations that were found by name pairs by order with what is left of its own type there. Invariants: nobody is in two
//! pairs; pairs by name never depend on the order of the file; operations alone on their side are listed. Absent on
//! purpose: guessing by shape.

use std::collections::{HashMap, VecDeque};

use crate::placement::PlacedOp;

use super::{MeasuredOp, read::ANEMLL_NAME};

/// How a pair was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Both results have one name.
    Name,
    /// Both are the same in the order of their type, between operations found by name.
    Order,
}

/// An operation on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its row among the predicted operations.
    pub predicted: usize,
    /// Its row among the measured ones.
    pub measured: usize,
    /// How it was found.
    pub basis: Basis,
}

/// Every operation, in a pair or alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paired {
    /// Those on both sides, in the order of the prediction.
    pub pairs: Vec<Pair>,
    /// Rows that only the prediction has.
    pub only_predicted: Vec<usize>,
    /// Rows that only the measured plan has.
    pub only_measured: Vec<usize>,
}

/// Finds the pairs of a function.
#[must_use]
pub fn pair(predicted: &[PlacedOp], measured: &[MeasuredOp]) -> Paired {
    let mut of_predicted: Vec<Option<(usize, Basis)>> = vec![None; predicted.len()];
    let mut of_measured: Vec<Option<usize>> = vec![None; measured.len()];
    let mut named: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, op) in predicted.iter().enumerate().filter(|(_, op)| !op.output.is_empty()) {
        named.entry(key(&op.output)).or_default().push_back(at);
    }
    for (at, op) in measured.iter().enumerate() {
        let Some(same) = op.output.as_deref().and_then(|name| named.get_mut(key(name))) else { continue };
        // Of several with one name, the one of the same type. A sound program has one; no file makes this a long search.
        let own = same
            .iter()
            .take(8)
            .position(|row| predicted.get(*row).is_some_and(|other| other.kind == op.op))
            .unwrap_or(0);
        if let Some(row) = same.remove(own) {
            set(&mut of_predicted, row, Some((at, Basis::Name)));
            set(&mut of_measured, at, Some(row));
        }
    }
    by_order(predicted, measured, &mut of_predicted, &mut of_measured);
    let mut paired = Paired::default();
    for (row, found) in of_predicted.iter().enumerate() {
        match found {
            Some((at, basis)) => paired.pairs.push(Pair { predicted: row, measured: *at, basis: *basis }),
            None => paired.only_predicted.push(row),
        }
    }
    paired.only_measured = of_measured.iter().enumerate().filter(|(_, row)| row.is_none()).map(|(at, _)| at).collect();
    paired
}

/// What is left, by type and by the named operation before it.
fn by_order(
    predicted: &[PlacedOp],
    measured: &[MeasuredOp],
    of_predicted: &mut [Option<(usize, Basis)>],
    of_measured: &mut [Option<usize>],
) {
    let mut left: HashMap<(Option<usize>, &str), VecDeque<usize>> = HashMap::new();
    let mut after = None;
    for (row, (op, found)) in predicted.iter().zip(of_predicted.iter()).enumerate() {
        match found {
            Some(_) => after = Some(row),
            None => left.entry((after, op.kind.as_str())).or_default().push_back(row),
        }
    }
    let mut after = None;
    for (at, (op, found)) in measured.iter().zip(of_measured.iter_mut()).enumerate() {
        if found.is_some() {
            after = *found;
        } else if let Some(row) = left.get_mut(&(after, op.op.as_str())).and_then(VecDeque::pop_front) {
            set(of_predicted, row, Some((at, Basis::Order)));
        }
    }
    for (row, found) in of_predicted.iter().enumerate() {
        if let Some((at, Basis::Order)) = found {
            set(of_measured, *at, Some(row));
        }
    }
}

/// Names as far as every tool keeps them.
fn key(name: &str) -> &str {
    let mut end = name.len().min(ANEMLL_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name)
}

fn set<T>(all: &mut [T], at: usize, value: T) {
    if let Some(slot) = all.get_mut(at) {
        *slot = value;
    }
}
