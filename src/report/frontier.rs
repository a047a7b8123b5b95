//! Every cell of the matrix as a point of size and speed, and the points that nothing beats in both.
//!
//! Invariants: a plan that does not fit is never on the frontier; a cell without a speed is no point, and is counted by
//! whoever draws. Absent on purpose: quality, which is published for other models and is nobody's number here.

use super::{
    answer::{Answer, keeps_quality},
    words,
};
use crate::{
    estimate::{Status, law::main_unit},
    machine::Unit,
    scenario::{Pick, Units},
    texts::answer as text,
    units::Quantity,
    variant::Variant,
};

/// One cell, or several of one variant that come to the same.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPoint {
    /// What a press on it plans.
    pub pick: Pick,
    /// What is done to the model.
    pub label: String,
    /// The choices of units that come to this, in words.
    pub units: String,
    /// The unit that does most of the work.
    pub unit: Option<Unit>,
    /// The status of the verdict that binds.
    pub status: Status,
    /// Bytes on disk: value, low, high.
    pub bundle: (f64, f64, f64),
    /// The same in words.
    pub bundle_text: String,
    /// Tokens a second, or seconds of one job: value, low, high.
    pub speed: Option<(f64, f64, f64)>,
    /// The same in words, or why there is none.
    pub speed_text: String,
    /// Whether usable quality can be expected without retraining or calibration.
    pub keeps_quality: bool,
    /// Whether it is the picked cell.
    pub is_picked: bool,
}

impl PlanPoint {
    /// Its variant.
    #[must_use]
    pub fn variant(&self) -> &Variant {
        &self.pick.variant
    }
}

pub(super) fn points(answer: &Answer) -> Vec<PlanPoint> {
    let mut points: Vec<PlanPoint> = Vec::new();
    for (idx, cell) in answer.cells.iter().enumerate() {
        let estimate = &cell.estimate;
        let bundle = estimate.bundle;
        let (speed, speed_text) = match (&estimate.decode, &estimate.latency) {
            (Ok(own), _) => (Some((own.value.get(), own.low.get(), own.high.get())), words::token_range(own)),
            (_, Ok(own)) => (Some((own.value.get(), own.low.get(), own.high.get())), words::time_range(own)),
            (Err(_), Err(absent)) => (None, words::absent(*absent).to_owned()),
        };
        let is_picked = answer.picked == Some(idx);
        let pick = Pick { variant: cell.variant, units: cell.units };
        let alike = points.iter_mut().find(|own| {
            own.pick.variant == cell.variant && own.speed == speed && own.status == cell.status() && speed.is_some()
        });
        if let Some(own) = alike {
            own.units = text::either_units(&own.units, words::units(cell.units));
            if is_picked {
                (own.pick, own.is_picked) = (pick, true);
            }
            continue;
        }
        // The function that writes tokens, or the only one, comes last.
        let unit = estimate.plans.last().map(main_unit);
        points.push(PlanPoint {
            pick,
            label: cell.label(),
            units: match cell.units {
                Units::All => text::EVERY_UNIT.to_owned(),
                units @ (Units::CpuAndNe | Units::CpuAndGpu | Units::CpuOnly) => words::units(units).to_owned(),
            },
            unit,
            status: cell.status(),
            bundle: (bundle.value.get(), bundle.low.get(), bundle.high.get()),
            bundle_text: words::size_range(&bundle),
            speed,
            speed_text,
            keeps_quality: keeps_quality(&cell.variant),
            is_picked,
        });
    }
    points
}

/// What is better than less: tokens a second, but not seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Tokens a second.
    More,
    /// Seconds of one job.
    Less,
}

/// The points that no other one beats: smaller and at least as fast, or faster and at most as large. Smallest first; those
/// that do not fit are left out.
#[must_use]
pub fn frontier(points: &[&PlanPoint], better: Better) -> Vec<usize> {
    let pace = |(value, _, _): (f64, f64, f64)| match better {
        Better::More => value,
        Better::Less => -value,
    };
    let mut order: Vec<(usize, f64, f64)> = Vec::new();
    for (idx, point) in points.iter().enumerate() {
        if let (Some(speed), Status::Fits | Status::Tight | Status::Unknown) = (point.speed, point.status) {
            order.push((idx, point.bundle.0, pace(speed)));
        }
    }
    crate::order::by(&mut order, |a, b| a.1 < b.1 || (a.1 == b.1 && a.2 > b.2));
    let mut best = f64::NEG_INFINITY;
    order.retain(|(_, _, pace)| {
        let is_better = *pace > best;
        best = best.max(*pace);
        is_better
    });
    order.into_iter().map(|(idx, _, _)| idx).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant;

    fn point(size: f64, speed: Option<f64>, status: Status) -> PlanPoint {
        let variant = variant::EVERY.first().copied();
        PlanPoint {
            pick: Pick { variant: variant.unwrap_or_else(|| unreachable!("there are variants")), units: Units::All },
            label: String::new(),
            units: String::new(),
            unit: None,
            status,
            bundle: (size, size, size),
            bundle_text: String::new(),
            speed: speed.map(|speed| (speed, speed, speed)),
            speed_text: String::new(),
            keeps_quality: true,
            is_picked: false,
        }
    }

    fn check(points: &[PlanPoint], better: Better, expected: &[usize]) {
        assert_eq!(frontier(&points.iter().collect::<Vec<_>>(), better), expected);
    }

    #[test]
    fn the_frontier_has_what_nothing_beats_in_both() {
        let points = [
            point(4.0, Some(9.0), Status::Fits),
            point(1.0, Some(2.0), Status::Tight),
            point(2.0, Some(2.0), Status::Fits),
            point(2.0, Some(5.0), Status::Unknown),
        ];
        check(&points, Better::More, &[1, 3, 0]);
        check(&points, Better::Less, &[1]);
    }

    #[test]
    fn what_does_not_fit_or_has_no_speed_is_not_on_it() {
        check(&[point(1.0, Some(9.0), Status::Fails), point(2.0, None, Status::Fits)], Better::More, &[]);
    }
}
