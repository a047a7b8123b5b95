//! Fits the laws: four multiples for each class, near 1 where there are few rows, and the range that holds.
//!
//! Method. The loss of a prediction is `max(p/m, m/p) − 1`, at most [`MOST`], so a row that is wrong by a factor counts no
//! more than one that is off by some; it is weighed by the row's trust and by one over the root of its source's
//! rows in the class. For metric × runtime × unit, four multiples minimize the loss plus a pull towards those of
//! the metric; a chip family then scales all four by the median of its ratios, pulled towards 1 by [`PSEUDO`] rows. The range is the
//! fifth and the ninety-fifth percentile of measured over predicted for rows of sources left out one at a time.
//! Only + − × ÷ and comparisons: the same rows give the same laws everywhere.

use super::{case::Case, parse::Trust};
use crate::{
    catalog::Law,
    estimate::law::{Class, Metric, Parts},
};

const MOST: f64 = 1.5;
const PULL: f64 = 0.12;
const PSEUDO: f64 = 2.0;
/// Steps by which a multiple is tried, coarse to fine.
const STEPS: [f64; 5] = [2.0, 1.4, 1.15, 1.05, 1.015];

/// A row to fit on.
#[derive(Clone, Copy, Debug)]
pub struct Fitted<'a> {
    /// What it measures.
    pub case: &'a Case,
    /// Where it comes from: rows of one source share their errors.
    pub source: &'a str,
    /// The chip.
    pub chip: &'a str,
    /// How far it is believed.
    pub trust: Trust,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Multiples {
    stream: f64,
    traffic: f64,
    compute: f64,
    fixed: f64,
}

const PLAIN: Multiples = Multiples { stream: 1.0, traffic: 1.0, compute: 1.0, fixed: 1.0 };

impl Multiples {
    fn value(&self, case: &Case) -> f64 {
        let by = Parts { stream: self.stream, traffic: self.traffic, compute: self.compute, fixed: self.fixed };
        case.parts.weigh(&by)
    }

    fn times(&self, by: f64) -> Self {
        Self {
            stream: self.stream * by,
            traffic: self.traffic * by,
            compute: self.compute * by,
            fixed: self.fixed * by,
        }
    }

    /// What a chip family changes: its rates, not its fixed costs.
    fn rates(&self, by: f64) -> Self {
        Self { fixed: self.fixed, ..self.times(by) }
    }

    fn with(&self, which: usize, by: f64) -> Self {
        let mut next = *self;
        match which {
            0 => next.stream *= by,
            1 => next.compute *= by,
            2 => next.fixed *= by,
            3 => next.traffic *= by,
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
struct Pool<'a> {
    rows: Vec<(&'a Fitted<'a>, f64)>,
}

impl<'a> Pool<'a> {
    fn new(rows: impl Iterator<Item = &'a Fitted<'a>>) -> Self {
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

    fn sources(&self) -> Vec<&'a str> {
        let mut found: Vec<&str> = self.rows.iter().map(|(row, _)| row.source).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn without(&self, source: &str) -> Self {
        Self::new(self.rows.iter().map(|(row, _)| *row).filter(|row| row.source != source))
    }

    fn only(&self, family: &str) -> Self {
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
            + apart(multiples.fixed, parent.fixed);
        rows + PULL * pull.min(12.0)
    }

    /// The four multiples, from the parent's.
    fn multiples(&self, parent: &Multiples) -> Multiples {
        let mut best = parent.times(self.shift(parent));
        let mut least = self.loss(&best, parent);
        for _ in 0..3 {
            for step in STEPS {
                for _ in 0..6 {
                    let before = least;
                    for which in 0..5 {
                        for by in [step, 1.0 / step] {
                            let next = best.with(which, by);
                            let in_bounds = [next.stream, next.traffic, next.compute, next.fixed]
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
    fn shift(&self, multiples: &Multiples) -> f64 {
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
    fn unseen(&self, parent: &Multiples, leaf: Option<&str>) -> Vec<(f64, f64)> {
        let mut all = Vec::new();
        for source in self.sources() {
            let rest = self.without(source);
            let mut multiples = if rest.rows.is_empty() { *parent } else { rest.multiples(parent) };
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

/// A weighted quantile.
fn quantile(values: &[(f64, f64)], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for (value, weight) in &sorted {
        below += weight;
        if below >= share * total {
            return Some(*value);
        }
    }
    sorted.last().map(|(value, _)| *value)
}

/// Where nine in ten unseen ratios lie, wider the fewer they are; and their median absolute error.
fn range(unseen: &[(f64, f64)], n_sources: usize) -> (f64, f64, f64) {
    // Rows of one source are not many rows: what counts is between the two.
    let n = (unseen.len() as f64 * n_sources as f64).sqrt();
    let wider = 1.0 + 0.9 / (n + 1.0);
    let low = quantile(unseen, 0.05).unwrap_or(0.5) / wider;
    let high = quantile(unseen, 0.95).unwrap_or(2.0) * wider;
    let errors: Vec<(f64, f64)> = unseen.iter().map(|(ratio, weight)| ((1.0 / ratio - 1.0).abs(), *weight)).collect();
    (low.clamp(0.05, 0.97), high.clamp(1.03, 20.0), quantile(&errors, 0.5).unwrap_or(1.0))
}

/// Fits every class that has rows.
#[must_use]
pub fn fit(rows: &[Fitted<'_>]) -> Vec<Law> {
    let mut laws = Vec::new();
    let mut classes: Vec<Class> = rows.iter().map(|row| row.case.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut metrics: Vec<(Metric, Multiples)> = Vec::new();
    for metric in classes.iter().map(|class| class.metric) {
        if metrics.iter().any(|(known, _)| *known == metric) {
            continue;
        }
        let pool = Pool::new(rows.iter().filter(|row| row.case.class.metric == metric));
        let multiples = pool.multiples(&PLAIN);
        let all = Class { metric, runtime: "any", unit: "any", family: "any" };
        if !pool.rows.is_empty() {
            // Bytes are counted in the same way for every runtime.
            let wider = if metric == Metric::Size { 1.08 } else { 1.4 };
            laws.push(law(all, &multiples, &pool, &pool.unseen(&PLAIN, None), wider));
        }
        metrics.push((metric, multiples));
    }
    let parent = |metric: Metric| metrics.iter().find(|(own, _)| *own == metric).map_or(PLAIN, |(_, own)| *own);
    let mut roots: Vec<Class> = Vec::new();
    for class in &classes {
        let root = Class { unit: "any", family: "any", ..*class };
        if roots.contains(&root) {
            continue;
        }
        roots.push(root);
        let of = |row: &&Fitted<'_>| row.case.class.metric == root.metric && row.case.class.runtime == root.runtime;
        let pool = Pool::new(rows.iter().filter(of));
        if pool.rows.len() < 2 {
            continue;
        }
        let parent = parent(root.metric);
        // What all units of a runtime have in common is one shift: their parts are not alike.
        let multiples = if class.unit == "any" { pool.multiples(&PLAIN) } else { parent.times(pool.shift(&parent)) };
        // Nothing is finer than this where the unit does not matter; elsewhere it stands in for units that have no rows.
        let wider = if class.unit == "any" { 1.08 } else { 1.25 };
        laws.push(law(root, &multiples, &pool, &pool.unseen(&parent, None), wider));
    }
    let mut branches: Vec<Class> = Vec::new();
    for class in classes.iter().filter(|class| class.unit != "any") {
        let branch = Class { family: "any", ..*class };
        if branches.contains(&branch) {
            continue;
        }
        branches.push(branch);
        let of = |row: &&Fitted<'_>| Class { family: "any", ..row.case.class } == branch;
        let pool = Pool::new(rows.iter().filter(of));
        if pool.rows.len() < 2 {
            continue;
        }
        let parent = parent(branch.metric);
        let multiples = pool.multiples(&parent);
        let unseen = pool.unseen(&parent, None);
        laws.push(law(branch, &multiples, &pool, &unseen, 1.1));
        for leaf in classes.iter().filter(|leaf| Class { family: "any", ..**leaf } == branch) {
            let own = pool.only(leaf.family);
            if own.rows.len() < 2 {
                continue;
            }
            let multiples = multiples.rates(own.shift(&multiples));
            let mut seen = pool.unseen(&parent, Some(leaf.family));
            if own.rows.len() < 10 || own.sources().len() < 3 {
                // Too few to say how far they scatter: the class says it with them.
                seen.extend(unseen.iter().copied());
            }
            laws.push(law(*leaf, &multiples, &own, &seen, 1.0));
        }
    }
    laws.sort_by(|a, b| a.class.cmp(&b.class));
    laws
}

fn law(class: Class, multiples: &Multiples, pool: &Pool<'_>, unseen: &[(f64, f64)], wider: f64) -> Law {
    let (low, high, error) = range(unseen, pool.sources().len());
    let thousandths = |number: f64| (number * 1000.0 + 0.5).clamp(1.0, 1e9) as u32;
    Law {
        class: format!("{} {} {} {}", class.metric.id(), class.runtime, class.unit, class.family),
        stream: thousandths(multiples.stream),
        traffic: thousandths(multiples.traffic),
        compute: thousandths(multiples.compute),
        fixed: thousandths(multiples.fixed),
        low: thousandths(low / wider),
        high: thousandths(high * wider),
        error: thousandths(error),
        n: pool.rows.len() as u32,
        n_sources: pool.sources().len() as u32,
    }
}

/// The data file of fitted laws.
#[must_use]
pub fn laws_text(laws: &[Law]) -> String {
    let mut text =
        "# Written by `planner fit` from measurements.csv: do not edit, run it again. Numbers are thousandths.\n\
                    # src/accuracy/fit.rs describes the method; README.md the columns.\n"
            .to_owned();
    for law in laws {
        text.push_str(&format!(
            "\n[[law]]\nclass = \"{}\"\nstream = {}\ntraffic = {}\ncompute = {}\nfixed = {}\nlow = {}\nhigh = {}\nerror = {}\nn = {}\nn_sources = {}\n",
            law.class, law.stream, law.traffic, law.compute, law.fixed, law.low, law.high, law.error, law.n, law.n_sources
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Speed;

    #[test]
    fn a_law_is_found_again_from_rows_that_follow_it() {
        let class = Class { metric: Metric::Decode, runtime: "mlx", unit: "gpu", family: "max" };
        let case = |stream: f64| Case {
            class,
            parts: Parts { stream, fixed: 1.0, ..Parts::default() },
            speed: Speed::Times(1.0),
            measured: stream * 1.3 + 2.0,
            is_placed_as_stated: true,
        };
        let cases: Vec<Case> = (1..40).map(|n| case(f64::from(n))).collect();
        let sources = ["a", "b", "c"];
        let rows: Vec<Fitted<'_>> = cases
            .iter()
            .enumerate()
            .map(|(at, case)| Fitted { case, source: sources[at % 3], chip: "m4", trust: Trust::A })
            .collect();
        let laws = fit(&rows);
        let law = class.law(&laws).unwrap();
        for case in &cases {
            let answer = law.answer(&case.parts);
            assert!((answer.value / case.measured - 1.0).abs() < 0.08, "{answer:?} {}", case.measured);
            assert!(answer.low <= case.measured && case.measured <= answer.high);
        }
    }
}
