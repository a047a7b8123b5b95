//! The panels under the matrix: memory, size and speed, limits, placement, and what is known of chip and model.

use leptos::prelude::*;

use crate::{
    machine::Unit,
    report::{
        controls::takes_context,
        drawings, page,
        view::{FunctionView, Line, SeriesRow, View},
    },
    scenario::Scenario,
};

use super::{
    icon::{badge, chip, unit_of, verdict_of},
    picture::picture,
    state::State,
};

/// A titled panel.
pub(super) fn panel(id: &'static str, title: &'static str, note: AnyView, content: AnyView) -> AnyView {
    view! {
        <section class="panel" aria-labelledby=id>
            <header class="panel-head">
                <div>
                    <h2 id=id>{title}</h2>
                    <p class="panel-note">{note}</p>
                </div>
            </header>
            {content}
        </section>
    }
    .into_any()
}

pub(super) fn memory(state: State) -> AnyView {
    let note = state.shown(|_, view| view! { {view.picked_name.clone()} }.into_any());
    let draw = move || state.answer.get().ok().map(|view| drawings::memory(&view, state.width.get()));
    panel("memory-panel", "Memory at run time", note, picture(draw))
}

pub(super) fn variants(state: State) -> AnyView {
    let note = state.shown(|_, view| {
        let note = if view.writes_tokens {
            "At the compute units of the picked cell. Larger bundles read more bytes for each token."
        } else {
            "At the compute units of the picked cell."
        };
        view! { {note} }.into_any()
    });
    let draw = move || {
        let everything = state.everything.get();
        let shown = |row: &SeriesRow| everything || row.keeps_quality || row.is_picked;
        state.answer.get().ok().map(|view| drawings::variants(&view, shown, state.width.get()))
    };
    panel("variants-panel", "Size and speed of the variants", note, picture(draw))
}

/// Decode speed over the context, for the picked variant; nothing for models without one.
pub(super) fn context(state: State) -> AnyView {
    let asked = Memo::new(move |_| {
        let variant = state.answer.get().ok()?.picked_variant;
        // The lines do not depend on the chosen context or prompt: moving those sliders computes nothing here.
        let scenario = Scenario { context: 0, prompt: 0, pick: None, ..state.scenario.get() };
        takes_context(&scenario.model).then_some((scenario, variant))
    });
    let lines = Memo::new(move |_| asked.get().and_then(|(scenario, variant)| page::over_context(&scenario, variant)));
    let chosen = state.part(|scenario| scenario.context);
    let draw = move || lines.get().map(|lines| drawings::context(&lines, chosen.get(), state.width.get()));
    let has_lines = Memo::new(move |_| lines.with(Option::is_some));
    let shown = move || {
        has_lines.get().then(|| {
            let note = state.shown(|_, view| view! { {view.picked_name.clone()} }.into_any());
            panel("context-panel", "Decode speed over context", note, picture(draw))
        })
    };
    shown.into_any()
}

/// What each limit says.
pub(super) fn limits(state: State) -> AnyView {
    let lines = state.shown(|_, view| {
        let line = |line: &Line| {
            let status = line.status?;
            Some(
                view! {
                    <li data-verdict=verdict_of(status)>
                        <div class="finding-head">{badge(status)}<h3 class="word">{line.label.clone()}</h3></div>
                        <p>{line.text.clone()}</p>
                    </li>
                }
                .into_any(),
            )
        };
        let lines: Vec<AnyView> = view.verdicts.iter().filter_map(line).collect();
        view! { <ol class="findings">{lines}</ol> }.into_any()
    });
    let note = "What the picked cell is held against.".into_any();
    panel("limits-panel", "Limits", note, lines)
}

/// Where the work of each function goes.
pub(super) fn placement(state: State) -> AnyView {
    let functions = state.shown(|_, view| {
        if view.placement.is_empty() {
            let text = "Nothing could be placed: the model has no graph of operations that can be timed here.";
            return view! { <p>{text}</p> }.into_any();
        }
        view.placement.iter().map(function).collect::<Vec<AnyView>>().into_any()
    });
    let note = "The predicted cheapest path through the compute units that the picked cell allows.".into_any();
    panel("placement-panel", "Where the work goes", note, functions)
}

fn function(function: &FunctionView) -> AnyView {
    let mut from = 0;
    let mut bars = Vec::new();
    let mut legend = Vec::new();
    for (unit, (share, text)) in Unit::EVERY.into_iter().zip(function.shares.iter().zip(&function.shares_text)) {
        if *share > 0 {
            let class = format!("bar unit-{}", unit_of(unit));
            bars.push(
                view! { <rect class=class x=from.to_string() y="0" width=share.to_string() height="4" /> }.into_any(),
            );
        }
        from += *share;
        let text = text.clone();
        legend.push(view! { <li>{chip(unit)}<span class="legend-value">{text}</span></li> }.into_any());
    }
    let refusals = function.refusals.iter().zip(&function.refusals_text);
    let refusals: Vec<AnyView> =
        refusals.map(|((reason, _), count)| view! { <li>{count.clone()}": "{*reason}</li> }.into_any()).collect();
    let off = (!refusals.is_empty()).then(|| {
        view! {
            <details class="fold" open>
                <summary>"Why operations stay off the Neural Engine"</summary>
                <ul class="reasons">{refusals}</ul>
            </details>
        }
        .into_any()
    });
    view! {
        <div class="function">
            <h3>
                <code>{function.name.clone()}</code>
                " "
                <span class="unit">{function.time.clone()}" a call, "{function.hops_text.clone()}</span>
            </h3>
            <svg class="strip" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                {bars}
            </svg>
            <ul class="legend">{legend}</ul>
            {off}
        </div>
    }
    .into_any()
}

fn facts(lines: &[Line]) -> AnyView {
    let line = |line: &Line| {
        view! {
            <tr>
                <th scope="row">{line.label.clone()}</th>
                <td>{line.text.clone()}</td>
            </tr>
        }
        .into_any()
    };
    let rows: Vec<AnyView> = lines.iter().map(line).collect();
    view! { <table class="listing facts"><tbody>{rows}</tbody></table> }.into_any()
}

/// What is known of chip and model.
pub(super) fn known(state: State) -> AnyView {
    let chip = state.shown(|_, view: &View| facts(&view.chip));
    let model = state.shown(|_, view: &View| facts(&view.model));
    let about_chip = "A TOPS figure is a peak of one number format, not what a model sustains.".into_any();
    view! {
        <div class="pair">
            {panel("chip-panel", "The chip, and what its TOPS mean", about_chip, chip)}
            {panel("model-panel", "The model", "What the plan is computed from.".into_any(), model)}
        </div>
    }
    .into_any()
}
