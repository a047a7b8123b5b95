//! How sure a predicted unit is, from the grades of the rules that speak of an operation.

use crate::{
    catalog::{Effect, Rule, Trust},
    machine::Unit,
};

use super::rules::has;

/// How sure a prediction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Sources contradict each other.
    Unknown,
    /// One observation, or no rule speaks of it.
    Plausible,
    /// Apple says so or plans agree.
    Likely,
}

/// How sure a prediction is, as rules are heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sureness {
    /// Best grade of what keeps the operation off the Neural Engine.
    against: Option<Trust>,
    /// Best grade of what allows it.
    native: Option<Trust>,
    /// Worst grade of what casts doubt.
    doubt: Option<Trust>,
    /// It only follows its neighbours.
    follows: bool,
    /// Something keeps it off the Neural Engine, or Core ML prefers another unit.
    pub(super) has_cause: bool,
}

impl Sureness {
    /// Takes a rule that speaks of the operation into account.
    pub(super) fn hear(&mut self, rule: &Rule, unit: Unit) {
        let causes =
            [Effect::RefusesAne, Effect::PrefersCpu, Effect::GraphOffAne, Effect::GraphOnCpu, Effect::GraphOnGpu];
        if unit != Unit::Ane && causes.iter().any(|effect| has(rule, *effect)) {
            self.has_cause = true;
            self.against = Some(self.against.map_or(rule.trust, |known| known.min(rule.trust)));
        } else if has(rule, Effect::Native) {
            self.native = Some(self.native.map_or(rule.trust, |known| known.min(rule.trust)));
        } else if has(rule, Effect::Contested) || has(rule, Effect::CompileRisk) {
            self.doubt = Some(self.doubt.map_or(rule.trust, |known| known.max(rule.trust)));
        }
    }

    /// Nothing keeps it off: it stays with its neighbours.
    pub(super) fn follows(&mut self) {
        self.follows = true;
    }

    /// What it comes to, for the unit that was predicted.
    pub(super) fn of(self, unit: Unit) -> Certainty {
        let graded = |trust: Trust| match trust {
            Trust::A | Trust::B => Certainty::Likely,
            Trust::C | Trust::D => Certainty::Plausible,
            Trust::E => Certainty::Unknown,
        };
        if unit != Unit::Ane {
            return match (self.against, self.follows) {
                (Some(trust), _) => graded(trust),
                (None, true) => Certainty::Plausible,
                (None, false) => Certainty::Likely,
            };
        }
        let allowed = self.native.map_or(Certainty::Plausible, graded);
        match self.doubt {
            Some(Trust::E) => Certainty::Unknown,
            Some(_) => allowed.min(Certainty::Plausible),
            None => allowed,
        }
    }
}
