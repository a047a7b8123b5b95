//! Checks of the placement rules: known sources, effects, one row for each id and part. (That the operations they name
//! exist is a test of `placement`: the list is the model's.)

use toml::Spanned;

use super::{
    check::{Packer, Text},
    rows::{File, RuleRow},
    rule::{CostRow, Effect, Rule, RuleText, Test},
};

impl Packer {
    /// Sources of rules come first, because any rule may refer to any of them.
    pub fn rule_sources(&mut self, file: &File, text: &Text) {
        for raw in &file.rule_source {
            let id = self.claim("rule_source", &raw.id, text);
            self.rule_texts.sources.push((id, raw.title.clone(), raw.url.clone()));
        }
    }

    /// Rules and the planner's costs.
    pub fn rules(&mut self, file: &File, text: &Text) {
        for raw in &file.rule {
            self.rule(raw, text);
        }
        for raw in &file.planner_cost {
            self.claim_key("planner_cost", &format!("{:?}", raw.class), text, 0);
            self.rulebook.costs.push(CostRow {
                class: raw.class,
                ane: raw.ane,
                gpu: raw.gpu,
                cpu: raw.cpu,
                cpu_classic: raw.cpu_classic,
            });
        }
    }

    fn rule(&mut self, raw: &RuleRow, text: &Text) {
        let (id, at) = (raw.id.get_ref(), raw.id.span().start);
        self.claim_key("rule", &format!("{id} {}", raw.part), text, at);
        let is_evaluated = raw.not_evaluated.is_empty();
        if is_evaluated == raw.effects.is_empty() {
            self.complain(text, at, format!("rule `{id}` must have either effects or not_evaluated"));
        }
        if raw.test.is_some() && raw.gate.is_some() {
            self.complain(text, at, format!("rule `{id}` has a test and a gate; keep one"));
        }
        if raw.gate.as_ref().is_some_and(|gate| !gate.is_gate()) || raw.test.as_ref().is_some_and(Test::is_gate) {
            self.complain(text, at, format!("rule `{id}`: what looks at a whole function is a gate, the rest a test"));
        }
        if is_evaluated && raw.test.is_none() && raw.gate.is_none() && raw.ops.is_empty() {
            self.complain(text, at, format!("rule `{id}` applies to everything; give it ops, a test or a gate"));
        }
        let warns = raw.effects.iter().any(|effect| *effect != Effect::Native);
        if warns && (raw.short.is_empty() || raw.fix.is_empty() || raw.fix_id.is_empty()) {
            self.complain(text, at, format!("rule `{id}` keeps something off or warns; give it short, fix and fix_id"));
        }
        let sources = raw.sources.iter().map(|source| self.rule_source(source, text)).collect();
        let names = |list: &[Spanned<String>]| list.iter().map(|name| name.get_ref().clone()).collect();
        if is_evaluated {
            self.rulebook.rules.push(Rule {
                id: id.clone(),
                ops: names(&raw.ops),
                except: names(&raw.except),
                test: raw.test.as_ref().or(raw.gate.as_ref()).cloned().unwrap_or(Test::Always),
                effects: raw.effects.clone(),
                trust: raw.trust,
                since_ios: raw.since_ios,
                until_ios: raw.until_ios,
                ane_from: raw.ane_from,
                ane_to: raw.ane_to,
                short: raw.short.clone(),
            });
        }
        let words = RuleText {
            id: id.clone(),
            text: raw.text.clone(),
            core_ml: raw.core_ml.clone(),
            fix: raw.fix.clone(),
            fix_id: raw.fix_id.clone(),
            sources,
            trust: raw.trust,
            not_evaluated: raw.not_evaluated.clone(),
        };
        // Words of evaluated rules stand in the order of the rules; the others follow.
        if is_evaluated {
            let at = self.rulebook.rules.len() - 1;
            self.rule_texts.texts.insert(at, words);
        } else {
            self.rule_texts.texts.push(words);
        }
    }

    fn rule_source(&mut self, id: &Spanned<String>, text: &Text) -> u16 {
        let at = self.rule_texts.sources.iter().position(|(known, _, _)| known == id.get_ref());
        if at.is_none() {
            let what = format!("unknown source `{}`; add a [[rule_source]] with that id", id.get_ref());
            self.complain(text, id.span().start, what);
        }
        at.unwrap_or(0) as u16
    }
}
