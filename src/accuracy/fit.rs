//! Fits the laws: a few multiples for each class, near 1 where there are few rows, and the range that holds.
//!
//! Method. The loss of a prediction is `max(p/m, m/p) − 1`, at most `MOST`, so a row that is wrong by a factor counts no
//! more than one that is off by some; it is weighed by the row's trust and by one over the root of its source's rows in the
//! class. For metric × runtime × unit, five multiples minimize the loss plus a pull towards those of the metric, or of what
//! the metric rests on (`base`); a chip family then scales its rates by the median of its ratios, pulled towards 1 by
//! `PSEUDO` rows. The range is the fifth and the ninety-fifth percentile of measured over predicted for rows of sources left
//! out one at a time.
//! Only + − × ÷ and comparisons: the same rows give the same laws everywhere.

use super::{
    case::Case,
    parse::{Row, Trust},
    pool::{Multiples, PLAIN, Pool, range},
};
use crate::{
    catalog::Law,
    estimate::law::{Class, Metric},
};

/// A row to fit on.
#[derive(Clone, Copy, Debug)]
pub struct Fitted<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it measures.
    pub case: &'a Case,
    /// Where it comes from: rows of one source share their errors.
    pub source: &'a str,
    /// The chip.
    pub chip: &'a str,
    /// How far it is believed.
    pub trust: Trust,
}

impl<'a> Fitted<'a> {
    /// A row that was found to be a case.
    #[must_use]
    pub fn of(row: &'a Row, case: &'a Case) -> Self {
        Self { id: &row.id, case, source: row.origin(), chip: &row.soc, trust: row.trust() }
    }
}

/// A law with the rows it was fitted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FittedLaw {
    /// The law.
    pub law: Law,
    /// Ids of its rows.
    pub rows: Vec<String>,
}

impl FittedLaw {
    /// How far its rows bear it: `high` from twenty rows of four sources on, `medium` from six of two, else `low`.
    #[must_use]
    pub fn confidence(&self) -> &'static str {
        match (self.law.n, self.law.n_sources) {
            (20.., 4..) => "high",
            (6.., 2..) => "medium",
            _ => "low",
        }
    }
}

/// The kinds of cost that a metric may weigh differently from what it rests on, as [`Multiples::with`] counts them: before
/// the first token the prompt is read at the rate of any prompt, and what is fitted is what comes around it.
fn free(metric: Metric) -> &'static [usize] {
    if metric == Metric::FirstToken { &[2] } else { &[0, 1, 2, 3, 4, 5] }
}

/// The multiples found so far.
struct Found(Vec<(Class, Multiples)>);

impl Found {
    /// What a class is held near: the same class of the metric it rests on, else its metric, else the cost model.
    fn parent(&self, class: Class) -> Multiples {
        let of = |wanted: Class| self.0.iter().find(|(own, _)| *own == wanted).map(|(_, multiples)| *multiples);
        let whole = |metric| Class { metric, runtime: "any", unit: "any", family: "any" };
        class
            .metric
            .base()
            .and_then(|metric| of(Class { metric, ..class }).or_else(|| of(whole(metric))))
            .or_else(|| of(whole(class.metric)))
            .unwrap_or(PLAIN)
    }
}

/// Fits every class that has rows.
#[must_use]
pub fn fit(rows: &[Fitted<'_>]) -> Vec<Law> {
    fit_with_rows(rows).into_iter().map(|fitted| fitted.law).collect()
}

/// Fits every class that has rows, and says which.
#[must_use]
pub fn fit_with_rows(rows: &[Fitted<'_>]) -> Vec<FittedLaw> {
    let mut laws = Vec::new();
    let mut classes: Vec<Class> = rows.iter().map(|row| row.case.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let mut found = Found(Vec::new());
    let mut metrics: Vec<Metric> = classes.iter().map(|class| class.metric).collect();
    metrics.dedup();
    for metric in metrics {
        let pool = Pool::new(rows.iter().filter(|row| row.case.class.metric == metric));
        let all = Class { metric, runtime: "any", unit: "any", family: "any" };
        let multiples = pool.multiples(&found.parent(all), free(metric));
        if !pool.rows.is_empty() {
            // Bytes are counted in the same way for every runtime.
            let wider = if metric == Metric::Size { 1.08 } else { 1.4 };
            laws.push(law(all, &multiples, &pool, &pool.unseen(&found.parent(all), free(metric), None), wider));
        }
        found.0.push((all, multiples));
    }
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
        let parent = found.parent(root);
        // What all units of a runtime have in common is one shift: their parts are not alike.
        let multiples = if class.unit == "any" {
            pool.multiples(&PLAIN, free(class.metric))
        } else {
            parent.times(pool.shift(&parent))
        };
        // Nothing is finer than this where the unit does not matter; elsewhere it stands in for units that have no rows.
        let wider = if class.unit == "any" { 1.08 } else { 1.25 };
        laws.push(law(root, &multiples, &pool, &pool.unseen(&parent, free(class.metric), None), wider));
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
        let parent = found.parent(branch);
        let multiples = pool.multiples(&parent, free(class.metric));
        found.0.push((branch, multiples));
        let unseen = pool.unseen(&parent, free(class.metric), None);
        laws.push(law(branch, &multiples, &pool, &unseen, 1.1));
        for leaf in classes.iter().filter(|leaf| Class { family: "any", ..**leaf } == branch) {
            let own = pool.only(leaf.family);
            if own.rows.len() < 2 {
                continue;
            }
            let multiples = multiples.rates(own.shift(&multiples));
            let mut seen = pool.unseen(&parent, free(class.metric), Some(leaf.family));
            if own.rows.len() < 10 || own.sources().len() < 3 {
                // Too few to say how far they scatter: the class says it with them.
                seen.extend(unseen.iter().copied());
            }
            laws.push(law(*leaf, &multiples, &own, &seen, 1.0));
        }
    }
    laws.sort_by(|a, b| a.law.class.cmp(&b.law.class));
    laws
}

fn law(class: Class, multiples: &Multiples, pool: &Pool<'_>, unseen: &[(f64, f64)], wider: f64) -> FittedLaw {
    let (low, high, error) = range(unseen, pool.sources().len());
    let thousandths = |number: f64| (number * 1000.0 + 0.5).clamp(1.0, 1e9) as u32;
    let law = Law {
        class: format!("{} {} {} {}", class.metric.id(), class.runtime, class.unit, class.family),
        stream: thousandths(multiples.stream),
        traffic: thousandths(multiples.traffic),
        compute: thousandths(multiples.compute),
        chain: thousandths(multiples.chain),
        fixed: thousandths(multiples.fixed),
        low: thousandths(low / wider),
        high: thousandths(high * wider),
        error: thousandths(error),
        n: pool.rows.len() as u32,
        n_sources: pool.sources().len() as u32,
    };
    FittedLaw { law, rows: pool.rows.iter().map(|(row, _)| row.id.to_owned()).collect() }
}

/// The data file of fitted laws; who reads it by eye finds the rows of each and how far they bear it.
#[must_use]
pub fn laws_text(laws: &[FittedLaw]) -> String {
    let mut text =
        "# Written by `planner fit` from measurements.csv: do not edit, run it again. Numbers are thousandths.\n\
                    # src/accuracy/fit.rs describes the method; README.md the columns.\n"
            .to_owned();
    for fitted in laws {
        let law = &fitted.law;
        text.push_str(&format!("\n[[law]] # confidence: {}\n", fitted.confidence()));
        for ids in fitted.rows.chunks(18) {
            text.push_str(&format!("# {}\n", ids.join(" ")));
        }
        text.push_str(&format!(
            "class = \"{}\"\nstream = {}\ntraffic = {}\ncompute = {}\nchain = {}\nfixed = {}\nlow = {}\nhigh = {}\nerror = {}\nn = {}\nn_sources = {}\n",
            law.class, law.stream, law.traffic, law.compute, law.chain, law.fixed, law.low, law.high, law.error, law.n, law.n_sources
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accuracy::Speed, estimate::law::Parts};

    /// Laws of cases, each from the source that its number gives.
    fn fitted<'a>(cases: &'a [Case], source: impl Fn(usize) -> &'a str) -> Vec<Law> {
        let of = |(at, case)| Fitted { id: "row", case, source: source(at), chip: "chip", trust: Trust::A };
        let rows: Vec<Fitted<'_>> = cases.iter().enumerate().map(of).collect();
        fit(&rows)
    }

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
        let laws = fitted(&cases, |at| sources[at % 3]);
        let law = class.law(&laws).unwrap();
        for case in &cases {
            let answer = law.answer(&case.parts);
            assert!((answer.value / case.measured - 1.0).abs() < 0.08, "{answer:?} {}", case.measured);
            assert!(answer.low <= case.measured && case.measured <= answer.high);
        }
    }

    #[test]
    fn what_stands_in_for_a_network_does_not_bend_the_law_of_real_ones() {
        let class = Class { metric: Metric::Latency, runtime: "coreml", unit: "ane", family: "phone-h16" };
        let case = |parts: Parts, measured: f64| Case {
            class,
            parts,
            speed: Speed::Times(1.0),
            measured,
            is_placed_as_stated: true,
        };
        let real = |n: u32| case(Parts { compute: f64::from(n), ..Parts::default() }, f64::from(n) * 1.1);
        let stand_in = |n: u32| case(Parts { chain: f64::from(n), ..Parts::default() }, f64::from(n) * 2.2);
        let cases: Vec<Case> = (1..30).flat_map(|n| [real(n), stand_in(n)]).collect();
        let sources = ["a", "b", "c", "d"];
        let laws = fitted(&cases, |at| sources[at / 2 % 4]);
        let law = class.law(&laws).unwrap();
        for case in &cases {
            let answer = law.answer(&case.parts);
            assert!((answer.value / case.measured - 1.0).abs() < 0.08, "{answer:?} {}", case.measured);
        }
    }
}
