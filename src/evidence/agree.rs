//! How far a prediction and a measured plan agree.
//!
//! Invariants: only pairs whose measured unit is stated are counted; a share of nothing is `None`, not 0 or 1; the cells
//! of the matrix sum to what is counted. Absent on purpose: words, and any judgement of what is good enough.

use crate::{machine::Unit, placement::PlacedOp};

use super::{MeasuredOp, Paired};

/// Agreement of one function, or of several added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Pairs whose measured unit is stated.
    pub n_counted: u64,
    /// Of them, those with the same unit on both sides.
    pub n_same: u64,
    /// What Core ML says the counted pairs cost, of those with a cost.
    pub cost_counted: f64,
    /// The same of those with the same unit.
    pub cost_same: f64,
    /// Counted pairs that have a cost.
    pub n_costed: u64,
    /// Pairs that say whether the Neural Engine could run them.
    pub n_eligible_counted: u64,
    /// Of them, those where the prediction says the same.
    pub n_eligible_same: u64,
    /// Rows: predicted unit; columns: measured unit; both by [`Unit::idx`].
    pub matrix: [[Cell; 3]; 3],
}

/// Operations that were predicted on one unit and measured on one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How many.
    pub n_ops: u64,
    /// What Core ML says they cost.
    pub cost: f64,
}

impl Agreement {
    /// Share of the counted operations with the same unit.
    #[must_use]
    pub fn share_of_ops(&self) -> Option<f64> {
        share(self.n_same as f64, self.n_counted as f64)
    }

    /// Share of their cost.
    #[must_use]
    pub fn share_of_cost(&self) -> Option<f64> {
        share(self.cost_same, self.cost_counted)
    }

    /// Share of the operations where both say alike whether the Neural Engine could run them.
    #[must_use]
    pub fn share_of_eligible(&self) -> Option<f64> {
        share(self.n_eligible_same as f64, self.n_eligible_counted as f64)
    }

    /// Share of the counted operations that Core ML put on a unit.
    #[must_use]
    pub fn measured_share(&self, unit: Unit) -> Option<f64> {
        let on: u64 = self.matrix.iter().filter_map(|row| row.get(unit.idx())).map(|cell| cell.n_ops).sum();
        share(on as f64, self.n_counted as f64)
    }

    /// Share of the counted operations that were predicted on a unit.
    #[must_use]
    pub fn predicted_share(&self, unit: Unit) -> Option<f64> {
        let on: u64 = self.matrix.get(unit.idx()).into_iter().flatten().map(|cell| cell.n_ops).sum();
        share(on as f64, self.n_counted as f64)
    }

    /// Adds another function's.
    pub fn add(&mut self, other: &Self) {
        self.n_counted += other.n_counted;
        self.n_same += other.n_same;
        self.cost_counted += other.cost_counted;
        self.cost_same += other.cost_same;
        self.n_costed += other.n_costed;
        self.n_eligible_counted += other.n_eligible_counted;
        self.n_eligible_same += other.n_eligible_same;
        for (own, more) in self.matrix.iter_mut().flatten().zip(other.matrix.iter().flatten()) {
            own.n_ops += more.n_ops;
            own.cost += more.cost;
        }
    }
}

/// Counts the agreement of a function.
#[must_use]
pub fn agree(predicted: &[PlacedOp], measured: &[MeasuredOp], paired: &Paired) -> Agreement {
    let mut all = Agreement::default();
    for pair in &paired.pairs {
        let (Some(own), Some(other)) = (predicted.get(pair.predicted), measured.get(pair.measured)) else { continue };
        if let (Some(could), [Some(can), ..]) = (own.eligible.first(), other.supported) {
            all.n_eligible_counted += 1;
            all.n_eligible_same += u64::from(*could == can);
        }
        let Some(unit) = other.preferred else { continue };
        let is_same = own.unit == unit;
        all.n_counted += 1;
        all.n_same += u64::from(is_same);
        let cell = all.matrix.get_mut(own.unit.idx()).and_then(|row| row.get_mut(unit.idx()));
        let Some(cell) = cell else { continue };
        cell.n_ops += 1;
        if let Some(cost) = other.cost {
            cell.cost += cost;
            all.n_costed += 1;
            all.cost_counted += cost;
            all.cost_same += if is_same { cost } else { 0.0 };
        }
    }
    all
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
