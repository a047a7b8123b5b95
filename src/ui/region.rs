//! The regions of the page: each is drawn again when what it reads changes.

use std::{cell::RefCell, sync::Arc, time::Duration};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};
use web_sys::{Element, HtmlDialogElement};

use wasm_bindgen::JsCast;

use super::{patch::patch, state::State};
use crate::{
    markup::{self, REGIONS},
    report::{
        controls::{self, takes_context},
        drawings, page,
        view::{SeriesRow, View},
    },
    scenario::Scenario,
};

/// What draws a region.
type Draw = Box<dyn Fn() -> String>;

/// The element of a region.
pub(super) fn host(name: &str) -> Option<Element> {
    document().get_element_by_id(&["r-", name].concat())
}

/// Runs now, and again whenever a signal changes that it has read.
pub(super) fn always(run: Box<dyn Fn()>) {
    // It runs as long as the page is open.
    std::mem::forget(RenderEffect::<()>::new(move |_| run()));
}

fn region(name: &str, draw: Draw) {
    let Some(host) = host(name) else { return };
    let last = RefCell::new(String::new());
    always(Box::new(move || {
        let markup = draw();
        if *last.borrow() != markup {
            patch(&host, &markup);
            *last.borrow_mut() = markup;
        }
    }));
}

/// A panel, drawn only while it is shown.
fn panel(state: State, name: &'static str, draw: Draw) {
    region(name, Box::new(move || if state.shows(name) { draw() } else { String::new() }));
}

/// A panel of the answer, drawn at once.
fn of_answer(state: State, name: &'static str, draw: fn(State, &View) -> String) {
    let draw =
        move || state.answer.with(|answer| answer.as_ref().map_or_else(|_| String::new(), |view| draw(state, view)));
    panel(state, name, Box::new(draw));
}

/// A panel of the answer, drawn a moment after the last change.
fn of_settled(state: State, name: &'static str, draw: fn(State, &View) -> String) {
    let draw = move || state.settled.with(|view| view.as_ref().map_or_else(String::new, |view| draw(state, view)));
    panel(state, name, Box::new(draw));
}

/// Draws everything, and keeps it true.
pub(super) fn follow(state: State) {
    for one in REGIONS {
        let Some(host) = host(one.panel) else { continue };
        always(Box::new(move || {
            let _ = host.toggle_attribute_with_force("hidden", !state.shows(one.panel));
        }));
    }
    controls_of(state);
    region("notes", Box::new(move || state.notes.with(|notes| markup::notes(notes))));
    let empty =
        move || state.answer.with(|answer| answer.as_ref().err().map_or_else(String::new, |why| markup::empty(why)));
    region("empty", Box::new(empty));
    of_answer(state, "verdict", |_, view| markup::verdict(view));
    of_answer(state, "figures", |_, view| markup::figures(view));
    of_answer(state, "matrix", |state, view| markup::matrix(view, state.everything.get()));
    panel(state, "tabs", Box::new(move || markup::tabs(state.tab.get(), state.package.with(Option::is_some))));
    of_settled(state, "memory", |state, view| {
        let chart = drawings::memory(view, state.width.get());
        markup::pictured("memory", "Memory at run time", &view.picked_name, &chart)
    });
    of_settled(state, "limits", |_, view| markup::limits(view));
    of_settled(state, "variants", |state, view| {
        let everything = state.everything.get();
        let shown = |row: &SeriesRow| everything || row.keeps_quality || row.is_picked;
        let chart = drawings::variants(view, shown, state.width.get());
        let note = if view.writes_tokens {
            "At the compute units of the picked cell. Larger bundles read more bytes for each token."
        } else {
            "At the compute units of the picked cell."
        };
        markup::pictured("variants", "Size and speed of the variants", note, &chart)
    });
    context(state);
    of_settled(state, "placement", |_, view| markup::placement(view));
    of_settled(state, "known", |_, view| markup::known(view));
    dialog(state);
    spoken(state);
    width(state);
}

/// The controls.
fn controls_of(state: State) {
    let summary = move || markup::summary(&state.scenario.with(controls::summary), state.rail_is_open.get());
    region("summary", Box::new(summary));
    let model = move || {
        let open = state.package.with(|package| package.as_ref().map(|package| package.name.clone()));
        let reading = state.reading.get();
        let over = state.is_over.get();
        state.scenario.with(|scenario| markup::model(scenario, open.as_deref(), &reading, over))
    };
    region("model", Box::new(model));
    let device = move || {
        let wrong = state.wrong.get();
        state.scenario.with(|scenario| markup::device(scenario, wrong.as_deref()))
    };
    region("device", Box::new(device));
    region("workload", Box::new(move || state.scenario.with(markup::workload)));
    region(
        "shared",
        Box::new(move || {
            state.shared.with(|shared| {
                shared.as_ref().map_or_else(String::new, |(copied, address)| markup::shared(*copied, address))
            })
        }),
    );
}

/// Decode speed over the context, for the picked variant; nothing for models without one.
fn context(state: State) {
    let asked = Memo::new(move |_| {
        let variant = state.settled.with(|view| view.as_ref().map(|view| view.picked_variant))?;
        // The lines do not depend on the chosen context or prompt: moving those sliders computes nothing here.
        let scenario = Scenario { context: 0, prompt: 0, pick: None, ..state.scenario.get_untracked() };
        (state.shows("context") && takes_context(&scenario.model)).then_some((scenario, variant))
    });
    let lines = Memo::new(move |_| {
        asked.with(|asked| {
            asked.as_ref().and_then(|(scenario, variant)| page::over_context(scenario, *variant)).map(Arc::new)
        })
    });
    let draw = move || {
        let Some(lines) = lines.get() else { return String::new() };
        let name = state.settled.with(|view| view.as_ref().map(|view| view.picked_name.clone())).unwrap_or_default();
        let chosen = state.scenario.with(|scenario| scenario.context);
        let chart = drawings::context(&lines, chosen, state.width.get());
        markup::pictured("context", "Decode speed over context", &name, &chart)
    };
    panel(state, "context", Box::new(draw));
}

/// The explanation of a figure, in a dialog that gives the focus back.
fn dialog(state: State) {
    let Some(dialog) =
        document().get_element_by_id("sheet").and_then(|found| found.dyn_into::<HtmlDialogElement>().ok())
    else {
        return;
    };
    always(Box::new(move || {
        let inside = state.explained.with(|why| why.as_ref().map(markup::sheet));
        match inside {
            Some(inside) => {
                patch(&dialog, &inside);
                if !dialog.open() {
                    // The browser gives the focus back to the button that opened it.
                    let _ = dialog.show_modal();
                }
            }
            None => dialog.close(),
        }
    }));
}

/// Says the verdict to those who cannot see it change, a moment after the last change.
fn spoken(state: State) {
    let Some(said) = document().get_element_by_id("spoken") else { return };
    let waiting = RefCell::new(None::<TimeoutHandle>);
    let is_first = std::cell::Cell::new(true);
    always(Box::new(move || {
        let sentence =
            state.answer.with(|answer| answer.as_ref().ok().map(|view: &Arc<View>| view.sentence.to_string()));
        if let Some(handle) = waiting.take() {
            handle.clear();
        }
        // Nothing is said at the start: the heading is read anyway.
        if is_first.replace(false) {
            return;
        }
        if let Some(sentence) = sentence {
            let said = said.clone();
            let say = move || said.set_text_content(Some(&sentence));
            waiting.replace(set_timeout_with_handle(say, Duration::from_millis(700)).ok());
        }
    }));
}

/// Measures what charts are drawn for.
fn width(state: State) {
    let Some(measure) = document().get_element_by_id("measure") else { return };
    let take = move || state.width.set(u32::try_from(measure.client_width()).unwrap_or(0));
    take();
    std::mem::forget(super::element::listen(&window(), "resize", Box::new(move |_| take())));
}
