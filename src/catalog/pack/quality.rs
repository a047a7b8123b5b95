//! The worst published change of each compression, from the table of published pairs.

use super::{records::records, schema::QualityEffect};

struct Pair {
    cells: Vec<String>,
    change: f64,
}

const ROW: usize = 0;
const KIND: usize = 1;
const MODEL: usize = 2;
const METHOD: usize = 4;
const BITS: usize = 5;
const GROUP: usize = 6;
const TRAINING: usize = 7;
const MEASURE: usize = 8;

impl Pair {
    fn read(cells: &[String]) -> Option<Self> {
        let number = |idx: usize| cells.get(idx).and_then(|cell| cell.parse::<f64>().ok());
        let (plain, compressed) = (number(9)?, number(10)?);
        let change = compressed / plain - 1.0;
        let own = Self { cells: cells.to_vec(), change };
        (plain > 0.0 && !own.cell(MEASURE).ends_with("dB")).then_some(own)
    }

    fn cell(&self, idx: usize) -> &str {
        self.cells.get(idx).map_or("", String::as_str)
    }
}

/// The worst of every kind, method, bits and group, and of all groups together.
pub fn effects(text: &str) -> Vec<QualityEffect> {
    let pairs: Vec<Pair> = records(text).iter().skip(1).filter_map(|cells| Pair::read(cells)).collect();
    let mut keys: Vec<[&str; 4]> = Vec::new();
    for pair in &pairs {
        let [kind, method, bits] = [KIND, METHOD, BITS].map(|idx| pair.cell(idx));
        keys.extend([[kind, method, bits, ""], [kind, method, bits, pair.cell(GROUP)]]);
    }
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter_map(|key| worst(&pairs, key)).collect()
}

fn worst(pairs: &[Pair], key: [&str; 4]) -> Option<QualityEffect> {
    let [kind, method, bits, group] = key;
    let is_own = |pair: &&Pair| {
        [KIND, METHOD, BITS].map(|idx| pair.cell(idx)) == [kind, method, bits]
            && (group.is_empty() || pair.cell(GROUP) == group)
    };
    let every: Vec<&Pair> = pairs.iter().filter(is_own).collect();
    let mut own = every.clone();
    let is_untrained = |pair: &&Pair| pair.cell(TRAINING) == "none";
    if own.iter().any(is_untrained) {
        own.retain(is_untrained);
    }
    let worst = own.iter().max_by(|a, b| a.change.abs().total_cmp(&b.change.abs()))?;
    let measure = |pair: &Pair| pair.cell(MEASURE).split([' ', ',']).next().map(str::to_owned);
    let same = every.iter().filter(|pair| measure(pair) == measure(worst));
    let mildest = same.min_by(|a, b| a.change.abs().total_cmp(&b.change.abs())).unwrap_or(worst);
    let thousandths = |pair: &Pair| (pair.change * 1000.0).round() as i32;
    let word = |idx: usize| worst.cell(idx).to_owned();
    Some(QualityEffect {
        kind: kind.to_owned(),
        method: method.to_owned(),
        bits: bits.to_owned(),
        group: group.to_owned(),
        change: thousandths(worst),
        mildest: thousandths(mildest),
        n: own.len() as u32,
        measure: word(MEASURE),
        model: word(MODEL),
        row: word(ROW),
    })
}
