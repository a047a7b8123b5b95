//! Axes: the one coordinate type of all charts, and where its ticks stand.
//!
//! One type for linear, logarithmic and named axes keeps plotters' generics to a single instantiation.
//! The logarithm is our own, from + − × ÷ only, so that native and wasm draw the same picture to the bit.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero, in equal steps.
    Linear,
    /// In equal factors. Values that are not positive stand at its low end.
    Log,
}

/// What an axis measures and how its ticks are written.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Name with the unit (`"bundle size, GB"`).
    pub name: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Round numbers are 1, 2 and 5 times powers of ten of this: `1073741824.0` for GiB, `1.0` for plain numbers.
    pub unit: f64,
    /// Writes the value at a tick.
    pub tick: fn(f64) -> String,
}

/// An axis that values are drawn on.
#[derive(Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
    ticks: Vec<f64>,
    text: TickText,
}

#[derive(Clone)]
enum TickText {
    Written(fn(f64) -> String),
    /// One name for each of 0, 1, 2 …; the first stands on top.
    Names(Vec<String>),
}

impl Axis {
    /// An axis that holds all `values`, with about `n_ticks` ticks.
    pub(super) fn over(measure: &Measure, values: impl Iterator<Item = f64> + Clone, n_ticks: u32) -> Self {
        let unit = if measure.unit > 0.0 && measure.unit.is_finite() { measure.unit } else { 1.0 };
        let (low, high, ticks) = match measure.scale {
            Scale::Linear => linear(values, unit, n_ticks),
            Scale::Log => log(values, unit, n_ticks),
        };
        Self { low, high, scale: measure.scale, ticks, text: TickText::Written(measure.tick) }
    }

    /// One place for each name, top down.
    pub(super) fn names(names: Vec<String>) -> Self {
        let ticks: Vec<f64> = (0u32..).zip(&names).map(|(idx, _)| f64::from(idx)).collect();
        let high = ticks.len() as f64 - 0.5;
        Self { low: -0.5, high, scale: Scale::Linear, ticks, text: TickText::Names(names) }
    }

    /// The low end, where bars begin.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// The high end.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// The widest tick text, to reserve room for.
    pub(super) fn widest(&self, size: f64) -> f64 {
        let widths = self.ticks.iter().map(|tick| super::text_width(&self.format_ext(tick), size));
        widths.fold(0.0, f64::max)
    }

    /// 0 at the low end, 1 at the high end; values outside stand at the ends.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => log2(value / self.low) / log2(self.high / self.low),
        };
        // Not a number, too: it has no place, so it takes the first.
        if share > 0.0 { share.min(1.0) } else { 0.0 }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = match self.text {
            TickText::Written(_) => self.share(*value),
            TickText::Names(_) => 1.0 - self.share(*value),
        };
        from + (f64::from(to - from) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Minor grid lines would repeat the major ones.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        match &self.text {
            TickText::Written(write) => write(*value),
            TickText::Names(names) => names.get(value.max(0.0) as usize).cloned().unwrap_or_default(),
        }
    }
}

/// Steps of 1, 2 and 5 times powers of ten: the smallest that needs no more than `n_ticks` to span `span`.
fn step_over(span: f64, unit: f64, n_ticks: u32) -> f64 {
    let most = f64::from(n_ticks.max(2));
    let mut decade = unit;
    // 60 decades each way are more than a float of bytes or seconds can need.
    for _ in 0..60 {
        if decade * most < span {
            decade *= 10.0;
        } else if decade * most * 0.1 >= span {
            decade /= 10.0;
        } else {
            break;
        }
    }
    [0.1, 0.2, 0.5].map(|part| decade * part).into_iter().find(|step| step * most >= span).unwrap_or(decade)
}

fn linear(values: impl Iterator<Item = f64>, unit: f64, n_ticks: u32) -> (f64, f64, Vec<f64>) {
    let top = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let top = if top > 0.0 { top } else { unit };
    let step = step_over(top, unit, n_ticks);
    let mut ticks = vec![0.0];
    let mut n_steps = 0.0;
    while n_steps * step < top && n_steps < 40.0 {
        n_steps += 1.0;
        ticks.push(n_steps * step);
    }
    (0.0, n_steps * step, ticks)
}

fn log(values: impl Iterator<Item = f64> + Clone, unit: f64, n_ticks: u32) -> (f64, f64, Vec<f64>) {
    let positive = values.filter(|value| value.is_finite() && *value > 0.0);
    let least = positive.clone().fold(f64::INFINITY, f64::min);
    let most = positive.fold(0.0, f64::max);
    let (least, most) = if most > 0.0 { (least, most) } else { (unit, unit * 10.0) };

    let mut decade = unit;
    for _ in 0..60 {
        if decade > least {
            decade /= 10.0;
        } else if decade * 10.0 <= least {
            decade *= 10.0;
        } else {
            break;
        }
    }
    // All of 1, 2, 5, 10, 20 … from just below the least to just above the most.
    let mut all: Vec<f64> = Vec::new();
    'decades: for _ in 0..60 {
        for factor in [1.0, 2.0, 5.0] {
            let tick = decade * factor;
            if tick <= least {
                all.clear();
            }
            all.push(tick);
            if tick >= most && all.len() > 1 {
                break 'decades;
            }
        }
        decade *= 10.0;
    }
    let low = all.first().copied().unwrap_or(unit);
    let high = all.last().copied().unwrap_or(unit * 10.0);
    // Powers of ten alone, if the rest would crowd and enough of them are left.
    let decades: Vec<f64> = all.iter().copied().filter(|tick| is_decade(*tick, unit)).collect();
    let crowded = all.len() > n_ticks.max(2) as usize + 2;
    let ticks = if crowded && decades.len() > 1 { decades } else { all };
    (low, high, ticks)
}

fn is_decade(tick: f64, unit: f64) -> bool {
    let mut ratio = tick / unit;
    for _ in 0..60 {
        if ratio >= 9.999 {
            ratio /= 10.0;
        } else if ratio < 0.999 {
            ratio *= 10.0;
        } else {
            break;
        }
    }
    ratio < 1.001
}

/// Base-2 logarithm of a positive number: the exponent from its bits, the rest from the series of artanh.
fn log2(value: f64) -> f64 {
    // Zero, negative, not a number and subnormal: the low end of every axis.
    if value.is_nan() || value < f64::MIN_POSITIVE {
        return -1074.0;
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as f64 - 1023.0;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let mut power = z;
    let mut sum = 0.0;
    let mut n = 1.0;
    while n < 30.0 {
        sum += power / n;
        power *= z * z;
        n += 2.0;
    }
    exponent + 2.0 * sum * std::f64::consts::LOG2_E
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64) -> String {
        format!("{value}")
    }

    fn check(scale: Scale, values: &[f64], n_ticks: u32, expected: &[f64]) {
        let measure = Measure { name: String::new(), scale, unit: 1.0, tick: plain };
        let axis = Axis::over(&measure, values.iter().copied(), n_ticks);
        assert_eq!(axis.ticks.len(), expected.len(), "{:?}", axis.ticks);
        for (tick, expected) in axis.ticks.iter().zip(expected) {
            assert!((tick - expected).abs() < 1e-9 * expected.abs().max(1.0), "{:?}", axis.ticks);
        }
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        check(Scale::Linear, &[3.7], 5, &[0.0, 1.0, 2.0, 3.0, 4.0]);
        check(Scale::Linear, &[0.0, 88.0], 5, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        check(Scale::Linear, &[0.031], 4, &[0.0, 0.01, 0.02, 0.03, 0.04]);
        check(Scale::Log, &[3.0, 40.0], 6, &[2.0, 5.0, 10.0, 20.0, 50.0]);
        check(Scale::Log, &[0.2, 900.0], 5, &[1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn an_axis_stands_on_any_values() {
        check(Scale::Linear, &[], 4, &[0.0, 0.5, 1.0]);
        check(Scale::Linear, &[f64::NAN, f64::INFINITY, -4.0], 4, &[0.0, 0.5, 1.0]);
        check(Scale::Log, &[0.0, f64::NAN], 5, &[1.0, 2.0, 5.0, 10.0]);
        check(Scale::Log, &[10.0], 5, &[10.0, 20.0]);
    }

    #[test]
    fn the_logarithm_is_the_logarithm() {
        for value in [1e-12, 0.3, 1.0, 1.999_999, 2.0, 10.0, 4e9, 1e300] {
            assert!((log2(value) - value.log2()).abs() < 1e-9, "{value}");
        }
        assert_eq!(log2(0.0), -1074.0);
    }

    #[test]
    fn values_outside_stand_at_the_ends() {
        let measure = Measure { name: String::new(), scale: Scale::Log, unit: 1.0, tick: plain };
        let axis = Axis::over(&measure, [1.0, 100.0].into_iter(), 5);
        let close = |value: f64, share: f64| assert!((axis.share(value) - share).abs() < 1e-9, "{value}");
        close(10.0, 0.5);
        close(-3.0, 0.0);
        close(f64::NAN, 0.0);
        close(1e9, 1.0);
    }
}
