//! Rows of one class with their weights, and what is fitted on them.
//!
//! Invariant: only + − × ÷, comparisons and a square root, so the same rows give the same multiples everywhere. Absent on
//! purpose: which classes there are and what each is held near (`fit`).

use super::{case::Case, fit::Fitted, parse::Trust};
use crate::estimate::law::Parts;

const MOST: f64 = 1.5;
const PULL: f64 = 0.12;
const PSEUDO: f64 = 2.0;
/// Steps by which a multiple is tried, coarse to fine.
const STEPS: [f64; 5] = [2.0, 1.4, 1.15, 1.05, 1.015];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Multiples {
    pub(super) stream: f64,
    pub(super) traffic: f64,
    pub(super) compute: f64,
    pub(super) chain: f64,
    pub(super) fixed: f64,
}

pub(super) const PLAIN: Multiples = Multiples { stream: 1.0, traffic: 1.0, compute: 1.0, chain: 1.0, fixed: 1.0 };

impl Multiples {
    pub(super) fn value(&self, case: &Case) -> f64 {
        let Self { stream, traffic, compute, chain, fixed } = *self;
        case.parts.weigh(&Parts { stream, traffic, compute, chain, fixed, given: 0.0 })
    }

    pub(super) fn times(&self, by: f64) -> Self {
        Self {
            stream: self.stream * by,
            traffic: self.traffic * by,
            compute: self.compute * by,
            chain: self.chain,
            fixed: self.fixed * by,
        }
    }

    /// What a chip family changes: its rates, not its fixed costs.
    pub(super) fn rates(&self, by: f64) -> Self {
        Self { fixed: self.fixed, ..self.times(by) }
    }

    pub(super) fn with(&self, which: usize, by: f64) -> Self {
        let mut next = *self;
        match which {
            0 => next.stream *= by,
            1 => next.compute *= by,
            2 => next.fixed *= by,
            3 => next.traffic *= by,
            4 => next.chain *= by,
            _ => next = next.times(by),
        }
        next
    }
}

/// How far two positive numbers are apart, as a factor above 1, less 1.
fn apart(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 { (a / b).max(b / a) - 1.0 } else { MOST }
}

/// Rows of one class with their weights.
pub(super) struct Pool<'a> {
    pub(super) rows: Vec<(&'a Fitted<'a>, f64)>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(rows: impl Iterator<Item = &'a Fitted<'a>>) -> Self {
        let rows: Vec<&Fitted<'_>> = rows.filter(|row| row.trust < Trust::D && row.case.is_placed_as_stated).collect();
        let weigh = |row: &&'a Fitted<'a>| {
            let same = rows.iter().filter(|other| other.source == row.source).count().max(1) as f64;
            let trust = match row.trust {
                Trust::A => 1.0,
                Trust::B => 0.7,
                Trust::C => 0.25,
                Trust::D => 0.0,
            };
            (*row, trust / same.sqrt())
        };
        Self { rows: rows.iter().map(weigh).collect() }
    }

    pub(super) fn sources(&self) -> Vec<&'a str> {
        let mut found: Vec<&str> = self.rows.iter().map(|(row, _)| row.source).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(super) fn without(&self, source: &str) -> Self {
        Self::new(self.rows.iter().map(|(row, _)| *row).filter(|row| row.source != source))
    }

    pub(super) fn only(&self, family: &str) -> Self {
        Self::new(self.rows.iter().map(|(row, _)| *row).filter(|row| row.case.class.family == family))
    }

    fn loss(&self, multiples: &Multiples, parent: &Multiples) -> f64 {
        let rows: f64 = self
            .rows
            .iter()
            .map(|(row, weight)| weight * apart(multiples.value(row.case), row.case.measured).min(MOST))
            .sum();
        let pull = apart(multiples.stream, parent.stream)
            + apart(multiples.traffic, parent.traffic)
            + apart(multiples.compute, parent.compute)
            + apart(multiples.chain, parent.chain)
            + apart(multiples.fixed, parent.fixed);
        rows + PULL * pull.min(12.0)
    }

    /// The multiples, from the parent's: those of the kinds of cost that may differ from it.
    pub(super) fn multiples(&self, parent: &Multiples, free: &[usize]) -> Multiples {
        let mut best = if free.len() > 1 { parent.times(self.shift(parent)) } else { *parent };
        let mut least = self.loss(&best, parent);
        for _ in 0..3 {
            for step in STEPS {
                for _ in 0..6 {
                    let before = least;
                    for which in free.iter().copied() {
                        for by in [step, 1.0 / step] {
                            let next = best.with(which, by);
                            let in_bounds = [next.stream, next.traffic, next.compute, next.chain, next.fixed]
                                .iter()
                                .all(|m| (0.01..200.0).contains(m));
                            let loss = self.loss(&next, parent);
                            if in_bounds && loss < least {
                                (best, least) = (next, loss);
                            }
                        }
                    }
                    if least >= before {
                        break;
                    }
                }
            }
        }
        best
    }

    /// The median ratio of measured over predicted, pulled towards 1.
    pub(super) fn shift(&self, multiples: &Multiples) -> f64 {
        let ratios = self.ratios(multiples);
        let Some(median) = quantile(&ratios, 0.5) else { return 1.0 };
        let weight = self.rows.len() as f64;
        let trust = weight / (weight + PSEUDO);
        if median >= 1.0 { 1.0 + (median - 1.0) * trust } else { 1.0 / (1.0 + (1.0 / median - 1.0) * trust) }
    }

    fn ratios(&self, multiples: &Multiples) -> Vec<(f64, f64)> {
        let ratio = |(row, weight): &(&Fitted<'_>, f64)| {
            let value = multiples.value(row.case);
            (value > 0.0).then_some((row.case.measured / value, *weight))
        };
        self.rows.iter().filter_map(ratio).collect()
    }

    /// Ratios of measured over predicted, each source predicted from the others.
    pub(super) fn unseen(&self, parent: &Multiples, free: &[usize], leaf: Option<&str>) -> Vec<(f64, f64)> {
        let mut all = Vec::new();
        for source in self.sources() {
            let rest = self.without(source);
            let mut multiples = if rest.rows.is_empty() { *parent } else { rest.multiples(parent, free) };
            if let Some(family) = leaf {
                let own = rest.only(family);
                multiples = multiples.rates(own.shift(&multiples));
            }
            let left = self.rows.iter().filter(|(row, _)| row.source == source);
            let left = left.filter(|(row, _)| leaf.is_none_or(|family| row.case.class.family == family));
            for (row, weight) in left {
                let value = multiples.value(row.case);
                if value > 0.0 {
                    all.push((row.case.measured / value, *weight));
                }
            }
        }
        all
    }
}

/// A weighted quantile of ratios; where it falls between two, what lies halfway by factors.
fn quantile(values: &[(f64, f64)], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = share * sorted.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut below = 0.0;
    for (at, (value, weight)) in sorted.iter().enumerate() {
        below += weight;
        if below > wanted * 1.000_001 {
            return Some(*value);
        }
        if below >= wanted * 0.999_999 {
            let next = sorted.get(at + 1).map_or(*value, |(next, _)| *next);
            return Some((value * next).sqrt());
        }
    }
    sorted.last().map(|(value, _)| *value)
}

/// Where nine in ten unseen ratios lie, wider the fewer they are; and their median absolute error.
pub(super) fn range(unseen: &[(f64, f64)], n_sources: usize) -> (f64, f64, f64) {
    // Rows of one source are not many rows: what counts is between the two.
    let n = (unseen.len() as f64 * n_sources as f64).sqrt();
    // Two sources that agree may agree by chance: with few of either, what a further one would say is not seen.
    let few = 1.0 + 1.2 / (n_sources.max(1) as f64 * n_sources.max(1) as f64) * 8.0 / (8.0 + unseen.len() as f64);
    let wider = (1.0 + 0.9 / (n + 1.0)) * few;
    let low = quantile(unseen, 0.05).unwrap_or(0.5) / wider;
    let high = quantile(unseen, 0.95).unwrap_or(2.0) * wider;
    let errors: Vec<(f64, f64)> = unseen.iter().map(|(ratio, weight)| ((1.0 / ratio - 1.0).abs(), *weight)).collect();
    (low.clamp(0.05, 0.97), high.clamp(1.03, 20.0), quantile(&errors, 0.5).unwrap_or(1.0))
}
