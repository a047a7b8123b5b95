//! The answer first: the verdict, the figures, and what each of them rests on.

use leptos::prelude::*;

use crate::report::view::{FigureKey, Headline, View};

use super::{
    icon::{Icon, icon, verdict_of},
    state::State,
};

/// The verdict in one sentence, and what can be done about it.
pub(super) fn verdict(state: State) -> AnyView {
    state.shown(|state, view| {
        let sentence = &view.sentence;
        let key = view.binding;
        let back = (!view.is_recommended && view.recommended.is_some()).then(|| {
            view! {
                <button
                    class="button"
                    type="button"
                    on:click=move |_| state.scenario.update(|scenario| scenario.pick = None)
                >
                    "Back to the recommended variant"
                </button>
            }
            .into_any()
        });
        let choice = if view.is_recommended { "Recommended for " } else { "Your choice for " };
        view! {
            <section class="verdict" data-verdict=verdict_of(view.status) aria-labelledby="verdict">
                <p class="verdict-kicker">{choice}{view.kicker.clone()}</p>
                <h1 class="verdict-line" id="verdict">
                    {icon(Icon::Status(view.status))}
                    {sentence.before.clone()}
                    <span class="verdict-word">{sentence.word}</span>
                    {sentence.after.clone()}
                    <span class="unseen">": "</span>
                    <span class="verdict-because">{sentence.because.clone()}</span>
                </h1>
                <div class="verdict-fixes">
                    {why_button(state, key, "Why this verdict?", "Why this verdict?".to_owned())} {back}
                </div>
            </section>
        }
        .into_any()
    })
}

fn why_button(state: State, key: FigureKey, text: &'static str, label: String) -> AnyView {
    view! {
        <button
            class="why"
            type="button"
            aria-haspopup="dialog"
            aria-label=label
            on:click=move |_| state.explain(key)
        >
            {text}
        </button>
    }
    .into_any()
}

/// The four or five figures of the picked cell.
pub(super) fn figures(state: State) -> AnyView {
    state.shown(|state, view| {
        let all: Vec<AnyView> = view.figures.iter().map(|headline| figure(state, headline)).collect();
        view! { <dl class="figures">{all}</dl> }.into_any()
    })
}

fn figure(state: State, headline: &Headline) -> AnyView {
    let (value, unit) = headline.value.rsplit_once(' ').unwrap_or((&headline.value, ""));
    let (value, unit) = if headline.basis.is_empty() { (headline.value.as_str(), "") } else { (value, unit) };
    let foot = (!headline.basis.is_empty()).then(|| {
        let label = format!("Why is {} {}?", headline.label.to_lowercase(), headline.value);
        view! {
            <dd class="figure-foot">
                <span class="basis" data-basis=headline.basis>{headline.basis}</span>
                {why_button(state, headline.key, "Why?", label)}
            </dd>
        }
        .into_any()
    });
    view! {
        <div class="figure">
            <dt>{headline.label}</dt>
            <dd class="figure-value">{value.to_owned()}" "<span class="unit">{unit.to_owned()}</span></dd>
            <dd class="figure-range">{headline.range.clone()}</dd>
            {foot}
        </div>
    }
    .into_any()
}

/// Says the verdict to those who cannot see it change, a moment after the last change.
pub(super) fn spoken(state: State) -> AnyView {
    let said = RwSignal::new(String::new());
    let waiting = StoredValue::new(None::<leptos::leptos_dom::helpers::TimeoutHandle>);
    Effect::new(move |before: Option<()>| {
        let sentence = state
            .answer
            .with(|answer| answer.as_ref().ok().map(|view: &std::sync::Arc<View>| view.sentence.to_string()));
        if let Some(handle) = waiting.get_value() {
            handle.clear();
        }
        // Nothing is said at the start: the heading is read anyway.
        if let (Some(sentence), Some(())) = (sentence, before) {
            let say = move || said.set(sentence);
            waiting.set_value(set_timeout_with_handle(say, std::time::Duration::from_millis(700)).ok());
        }
    });
    view! { <p class="unseen" role="status" aria-live="polite">{said}</p> }.into_any()
}
