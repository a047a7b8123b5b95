//! What a start is made of: loading, the first time and later, the prompt, and the first tokens.
//!
//! Invariant: a time to load is only said where measured rows of the same runtime and unit, from two sources at least,
//! were there to fit it; elsewhere it is unknown. The first load is never shorter than a later one. Absent on purpose: a
//! time to load that is derived from a rate of storage, because it is the device's own compilation that takes it.

use crate::{
    estimate::{
        Absent, Estimate,
        law::{self, Metric},
    },
    machine::Machine,
    model::Role,
    placement::Prepared,
    texts::starting as text,
    units::{
        Quantity, Seconds,
        format::{joules, number, watts},
    },
    variant::Variant,
};

use super::words;

/// Tokens after the first that the line of time goes on for.
pub const TOKENS_AFTER: u32 = 100;

/// A time: value, low, high.
pub type Time = (f64, f64, f64);

/// The parts of a start.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Loading for the first time, with what the device compiles then.
    pub first_load: Option<Loading>,
    /// Loading later.
    pub load: Option<Loading>,
    /// What follows, in order: a name, and its time or why there is none.
    pub then: Vec<(String, Result<Time, &'static str>)>,
    /// What is left of the speed after ten minutes; nothing for a model that writes no tokens.
    pub later: Option<String>,
    /// What it takes of the battery.
    pub energy: String,
}

/// A time to load, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Measured rows.
    pub n: u32,
    /// Their sources.
    pub n_sources: u32,
}

/// A time to load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loading {
    /// Seconds.
    pub time: Time,
    /// What it was fitted on.
    pub rows: Rows,
}

pub(super) fn start(machine: &Machine, variant: &Variant, estimate: &Estimate, functions: &[Prepared<'_>]) -> Start {
    let unit = estimate.plans.last().map(law::main_unit);
    let loading = |metric| {
        let (answer, law) = law::loading(metric, machine, variant.runtime, unit?, estimate.bundle.value)?;
        let rows = Rows { n: law.n, n_sources: law.n_sources };
        Some(Loading { time: (answer.value, answer.low, answer.high), rows })
    };
    let prompt = functions.iter().find_map(|own| match own.function.role {
        Role::Prefill { tokens } => Some(tokens),
        Role::Decode { .. } | Role::Single | Role::Step { .. } => None,
    });
    let mut then = Vec::new();
    if estimate.decode == Err(Absent::NotALanguageModel) {
        then.push((text::FIRST_RUN.to_owned(), time(&estimate.latency)));
    } else {
        let tokens = prompt.unwrap_or(1);
        let name = if tokens == 1 { text::ONE_TOKEN.to_owned() } else { text::tokens(&tokens.to_string()) };
        then.push((name, time(&estimate.ttft)));
        let name = text::next(&TOKENS_AFTER.to_string());
        let n = f64::from(TOKENS_AFTER);
        let decode = estimate.decode.as_ref().map_err(|absent| words::absent(*absent));
        let over = |speed: f64| if speed > 0.0 { n / speed } else { f64::INFINITY };
        then.push((name, decode.map(|own| (over(own.value.get()), over(own.high.get()), over(own.low.get())))));
    }
    let load = loading(Metric::Load);
    // The two are fitted apart; the first one has everything in it that a later one has.
    let first_load = loading(Metric::FirstLoad).map(|first| {
        let least = load.map_or((0.0, 0.0, 0.0), |later| later.time);
        let time = (first.time.0.max(least.0), first.time.1.max(least.1), first.time.2.max(least.2));
        Loading { time, ..first }
    });
    let later = estimate.decode.ok().map(|first| match estimate.sustained(machine, variant.runtime) {
        Some(kept) => text::sustained(&words::token_range(&kept), &words::token_range(&first)),
        None => text::SUSTAINED_UNKNOWN.to_owned(),
    });
    let energy = match estimate.energy(machine, variant.runtime) {
        Some(own) => {
            let (token, power) = (own.token, own.power);
            text::energy(
                &joules(token.value),
                &spread(joules, token.low, token.high),
                &watts(power.value),
                &spread(watts, power.low, power.high),
            )
        }
        None if estimate.decode.is_ok() => text::ENERGY_UNKNOWN.to_owned(),
        None => text::ENERGY_OF_A_RUN.to_owned(),
    };
    Start { first_load, load, then, later, energy }
}

fn spread<Q: Quantity>(say: fn(Q) -> String, low: Q, high: Q) -> String {
    [&*number(low.get()), "–", &say(high)].concat()
}

fn time(figure: &Result<crate::units::Figure<Seconds>, Absent>) -> Result<Time, &'static str> {
    match figure {
        Ok(own) => Ok((own.value.get(), own.low.get(), own.high.get())),
        Err(absent) => Err(words::absent(*absent)),
    }
}
