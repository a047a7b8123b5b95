//! The panels, by name.

use super::{
    accuracy, compare, evidence, find, frontier, lesson, measured, pair, quality, roofline, start, take, words,
};
use crate::{
    format::Package,
    markup,
    report::{
        answer,
        controls::{repair, takes_context},
        details::{Details, SeriesRow},
        drawings, page,
        view::{FigureKey, View},
    },
    scenario::{Scenario, url},
    texts::desk as text,
    variant::Variant,
};

/// What a panel is asked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The scenario, as in a link.
    pub link: String,
    /// Width to draw for, in CSS pixels.
    pub width: u32,
    /// Whether variants that lose quality are shown as well.
    pub everything: bool,
    /// What else the panel wants to know, in its own words.
    pub more: String,
}

/// The last plan, so that its panels do not each compute it again.
pub(super) struct Kept {
    link: String,
    scenario: Scenario,
    whole: Result<(View, Details), String>,
}

impl Kept {
    fn new(link: &str, package: Option<&Package>) -> Self {
        let (mut scenario, _) = url::decode(link);
        repair(&mut scenario);
        let whole = page::whole(&scenario, package).map_err(|why| why.to_string());
        Self { link: link.to_owned(), scenario, whole }
    }
}

/// Panels whose terms are not looked for: those that the page draws too, the glossary, explanations, and plain text.
pub(super) fn names_its_terms(name: &str) -> bool {
    name.starts_with("why:") || ["sentence", "verdict", "figures", "matrix", "limits", "words"].contains(&name)
}

pub(super) fn draw(
    kept: &mut Option<Kept>,
    package: Option<&Package>,
    name: &str,
    asked: &Asked,
) -> Result<String, String> {
    // These do not ask about the plan: they are there when it is not.
    match name {
        "compare" => return Ok(compare::draw(package, &asked.more)),
        "accuracy" => return Ok(accuracy::draw(&asked.more, asked.width)),
        "words" => return Ok(words::draw()),
        _ => {}
    }
    if let Some(id) = name.strip_prefix("why:word:") {
        return words::one(id).ok_or_else(|| text::no_term(id));
    }
    if kept.as_ref().is_none_or(|kept| kept.link != asked.link) {
        *kept = None;
    }
    let Kept { scenario, whole, .. } = kept.get_or_insert_with(|| Kept::new(&asked.link, package));
    let (view, details) = whole.as_ref().map_err(Clone::clone)?;
    let (name, of) = name.split_once(':').unwrap_or((name, ""));
    Ok(match name {
        "sentence" => view.sentence.to_string(),
        "verdict" => markup::verdict(view),
        "figures" => markup::figures(view),
        "matrix" => markup::matrix(view, asked.everything, usize::MAX),
        "memory" => markup::memory(view, asked.width),
        "limits" => markup::limits(view),
        "variants" => variants(details, asked),
        "frontier" => frontier::draw(scenario, package, details, asked.everything, asked.width)?,
        "start" => start::draw(details, asked.width),
        "context" => context(scenario, view, asked.width),
        "placement" => markup::placement(details),
        "pair" => pair::draw(scenario, package, view, &asked.more),
        "known" => markup::known(details),
        "roofline" => roofline::draw(scenario, package, view, asked.width)?,
        "measured" => measured::draw(scenario, view, &asked.more),
        "find" => find::draw(scenario, package, view, &asked.more, asked.width),
        "take" => take::draw(scenario, package, view, &asked.more)?,
        "evidence" => evidence::draw(scenario, package, view, &asked.more),
        "lesson" => lesson::draw(scenario, n_params(scenario, package), view, details, &asked.more),
        "why" if of.starts_with("quality:") => {
            let variant = of.strip_prefix("quality:").and_then(Variant::from_id).ok_or(text::NO_VARIANT)?;
            quality::sheet(&variant, answer::choose(scenario, package).ok().and_then(|chosen| chosen.preset))
        }
        "why" => {
            let key = FigureKey::EVERY.into_iter().find(|key| key.id() == of);
            let why = key.zip(view.picked).and_then(|(key, picked)| page::why(scenario, package, picked, key));
            why.as_ref().map(markup::sheet).unwrap_or_default()
        }
        other => return Err(text::no_panel(other)),
    })
}

fn variants(details: &Details, asked: &Asked) -> String {
    let shown = |row: &SeriesRow| asked.everything || row.keeps_quality || row.is_picked;
    let chart = drawings::variants(details, shown, asked.width);
    let note = if details.writes_tokens { text::VARIANTS_NOTE_TOKENS } else { text::VARIANTS_NOTE };
    markup::pictured("variants", text::VARIANTS, note, &chart)
}

/// Decode speed over the context, for the picked variant; nothing for models without one.
fn context(scenario: &Scenario, view: &View, width: u32) -> String {
    if !takes_context(&scenario.model) {
        return String::new();
    }
    let Some(lines) = page::over_context(scenario, view.picked_variant) else { return String::new() };
    let chart = drawings::context(&lines, scenario.context, width);
    markup::pictured("context", text::CONTEXT, &view.picked_name, &chart)
}

fn n_params(scenario: &Scenario, package: Option<&Package>) -> f64 {
    answer::choose(scenario, package).map_or(0.0, |chosen| chosen.model.n_params() as f64)
}
