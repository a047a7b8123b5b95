//! The placement rules of this build, looked up by operation.
//!
//! Rules are data (`assets/data/rules.toml`); what they test is code (`predicate` for one operation, `gates` for a whole
//! function). Invariants: rules apply in the order of the table; one that is bound to a release or a generation of
//! Neural Engines applies inside its bounds only, and to an unknown generation always. Absent on purpose: words.

use std::sync::LazyLock;

use crate::{
    catalog::{Effect, Rule, Rulebook, Test, WeightTrait},
    machine::Machine,
    model::{Model, Op, OpKind},
};

/// A row of the table of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIdx(pub u16);

/// Rules by what they look at.
struct Index {
    /// The rules of each kind that some rule names, those that name it first; kinds in order.
    by_kind: Vec<(OpKind, Vec<RuleIdx>)>,
    /// Rules about any operation.
    any: Vec<RuleIdx>,
    /// Rules about whole functions.
    gates: Vec<RuleIdx>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { by_kind: Vec::new(), any: Vec::new(), gates: Vec::new() };
    let all = &Rulebook::get().rules;
    let of = |index: &mut Index, name: &String| -> Option<usize> {
        let kind = OpKind::from_name(name)?;
        Some(index.by_kind.binary_search_by(|(known, _)| known.cmp(&kind)).unwrap_or_else(|place| {
            index.by_kind.insert(place, (kind, Vec::new()));
            place
        }))
    };
    for (at, rule) in (0..).map(RuleIdx).zip(all) {
        if rule.test.is_gate() {
            index.gates.push(at);
        } else if rule.ops.is_empty() {
            index.any.push(at);
        }
        for name in &rule.ops {
            let place = of(&mut index, name);
            place.and_then(|place| index.by_kind.get_mut(place)).into_iter().for_each(|(_, rules)| rules.push(at));
        }
        for name in &rule.except {
            of(&mut index, name);
        }
    }
    let Index { by_kind, any, .. } = &mut index;
    for (kind, rules) in by_kind {
        let name = kind.known_name().unwrap_or_default();
        rules.extend(any.iter().filter(|at| at.rule().is_some_and(|rule| !rule.except.iter().any(|own| own == name))));
    }
    index
});

impl RuleIdx {
    /// The rule.
    #[must_use]
    pub fn rule(self) -> Option<&'static Rule> {
        Rulebook::get().rules.get(usize::from(self.0))
    }

    /// What it says, in a few words.
    #[must_use]
    pub fn short(self) -> &'static str {
        self.rule().map_or("", |rule| rule.short.as_str())
    }
}

/// Whether a rule holds for a machine's release and generation.
pub(super) fn is_in_force(rule: &Rule, machine: &Machine) -> bool {
    let ios = machine.ios_level();
    let generation = machine.ane_generation;
    let released = rule.since_ios.is_none_or(|first| ios >= first) && rule.until_ios.is_none_or(|last| ios <= last);
    // What is said of a range of generations may hold for an unknown one.
    let built = generation == 0
        || rule.ane_from.is_none_or(|first| generation >= first) && rule.ane_to.is_none_or(|last| generation <= last);
    released && built
}

/// The rules that may apply to an operation, those that name it first.
pub(super) fn about<'r>(model: &'r Model, op: &Op) -> impl Iterator<Item = (RuleIdx, &'static Rule)> + 'r {
    let kind = op.kind;
    let own = INDEX.by_kind.binary_search_by(|(known, _)| known.cmp(&kind)).ok();
    let known = own.and_then(|at| INDEX.by_kind.get(at)).map_or(&INDEX.any, |(_, rules)| rules);
    // An operation that the model's list does not have may still be named by a rule.
    let (other, name) = match kind {
        OpKind::Other(_) => (Rulebook::get().rules.as_slice(), model.op_name(kind)),
        _ => (&[][..], ""),
    };
    let unlisted = (0..).map(RuleIdx).zip(other).filter(move |(_, rule)| rule.ops.iter().any(|own| own == name));
    let unlisted = unlisted.map(|(at, _)| at);
    let known = known.iter().copied().filter_map(|at| Some((at, at.rule()?)));
    let rules = unlisted.filter_map(|at| Some((at, at.rule()?))).chain(known);
    rules.filter(move |(_, rule)| name.is_empty() || !rule.except.iter().any(|own| own == name))
}

/// The rules about whole functions.
pub(super) fn gates() -> impl Iterator<Item = (RuleIdx, &'static Rule)> {
    INDEX.gates.iter().filter_map(|at| Some((*at, at.rule()?)))
}

/// Whether a rule has an effect.
pub(super) fn has(rule: &Rule, effect: Effect) -> bool {
    rule.effects.contains(&effect)
}

/// Traits of a stored weight, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u8);

impl Traits {
    /// The set with one more.
    #[must_use]
    pub fn with(self, one: WeightTrait) -> Self {
        Self(self.0 | 1 << one as u8)
    }

    /// Whether it has one.
    #[must_use]
    pub fn has(self, one: WeightTrait) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// Whether the two have one in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The trait that a rule asks of a weight, if it asks for one.
pub(super) fn weight_trait(rule: &Rule) -> Option<WeightTrait> {
    match &rule.test {
        Test::Weight(test) => Some(test.is),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_a_rule_names_exists() {
        let beyond = ["asinh", "acosh", "tensor_buffer_to_tensor"];
        for rule in &Rulebook::get().rules {
            for name in rule.ops.iter().chain(&rule.except) {
                assert!(OpKind::from_name(name).is_some() || beyond.contains(&name.as_str()), "{}: {name}", rule.id);
            }
        }
        assert!(Rulebook::get().rules.len() > 90);
    }
}
