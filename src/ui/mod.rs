//! The page: one screen that answers first, and explains every number on request.
//!
//! One [`State`] of signals; each panel reads the one view that follows from it. Invariants: no arithmetic on
//! quantities and no formatting of them (the view has the words), no inline style, no request to anywhere.
//! Absent on purpose: a router, a store, and any knowledge about models or devices.

mod answers;
mod custom;
mod element;
pub mod files;
mod icon;
mod inspector;
mod landing;
mod link;
mod listing;
mod masthead;
mod matrix;
mod opening;
mod panels;
mod picture;
mod rail;
mod sheet;
mod state;
pub mod worker;

use leptos::{ev, html, prelude::*};

use crate::catalog::{Catalog, Source};

use self::{
    icon::{Icon, icon},
    state::State,
};

/// Starts whatever this context is for: the page, or a worker that waits to be called.
pub fn start() {
    if web_sys::window().is_some() {
        console_error_panic_hook::set_once();
        leptos::mount::mount_to_body(app);
    }
}

fn app() -> AnyView {
    let (scenario, notes) = link::read();
    let state = State::new(scenario, notes);
    link::follow(state);
    view! {
        <a class="skip" href="#answers" on:click=skip>
            "Skip to the answer"
        </a>
        {masthead::masthead(state)}
        <div class="workbench">{rail::rail(state)} {answers(state)}</div>
        {foot()}
        {sheet::sheet(state)}
    }
    .into_any()
}

/// Moves the focus without touching the address, which holds the scenario.
fn skip(event: ev::MouseEvent) {
    event.prevent_default();
    if let Some(answers) = document().get_element_by_id("answers") {
        use wasm_bindgen::JsCast;
        let _ = answers.unchecked_ref::<web_sys::HtmlElement>().focus();
    }
}

fn answers(state: State) -> AnyView {
    let stage = NodeRef::<html::Div>::new();
    let measure = move || {
        if let Some(stage) = stage.get_untracked() {
            state.width.set(u32::try_from(stage.client_width()).unwrap_or(0));
        }
    };
    let handle = window_event_listener(ev::resize, move |_| measure());
    on_cleanup(move || handle.remove());
    Effect::new(move || {
        stage.track();
        measure();
    });
    // The panels stay in the page while there is no answer: what a person opened stays open.
    let has_answer = Memo::new(move |_| state.answer.with(Result::is_ok));
    let empty = move || {
        let reason = state.answer.get().err()?;
        Some(
            view! {
                <div class="empty" role="status">
                    <h1>"No plan yet"</h1>
                    <p>{reason}</p>
                </div>
            }
            .into_any(),
        )
    };
    view! {
        <main class="answers" id="answers" tabindex="-1">
            {notes(state)}
            {answers::spoken(state)}
            {empty}
            <div class="answers" hidden=move || !has_answer.get()>
                {answers::verdict(state)}
                {answers::figures(state)}
                {matrix::matrix(state)}
                <div class="measure" node_ref=stage></div>
                {panels::memory(state)}
                {panels::variants(state)}
                {panels::context(state)}
                {panels::limits(state)}
                {panels::placement(state)}
                {landing::landing(state)}
                {inspector::inspector(state)}
                {panels::known(state)}
            </div>
        </main>
    }
    .into_any()
}

/// What was wrong with the link.
fn notes(state: State) -> AnyView {
    let draw = move || {
        let notes = state.notes.get();
        (!notes.is_empty()).then(|| {
            let notes: Vec<AnyView> = notes.into_iter().map(|note| view! { <li>{note}</li> }.into_any()).collect();
            view! {
                <div class="notice" data-kind="warn" role="status">
                    {icon(Icon::Status(crate::estimate::Status::Tight))}
                    <div>
                        <p>"Not everything in this link could be used:"</p>
                        <ul>{notes}</ul>
                        <button class="why" type="button" on:click=move |_| state.notes.set(Vec::new())>
                            "Dismiss"
                        </button>
                    </div>
                </div>
            }
            .into_any()
        })
    };
    draw.into_any()
}

fn foot() -> AnyView {
    let source = |source: &'static Source| {
        let title = source.title.as_str();
        let name = match source.url.as_str() {
            "" => title.into_any(),
            url => view! { <a href=url target="_blank" rel="noopener noreferrer">{title}</a> }.into_any(),
        };
        view! { <li>{name}</li> }.into_any()
    };
    let sources: Vec<AnyView> = Catalog::get().sources.iter().map(source).collect();
    view! {
        <footer class="pagefoot">
            <p>
                "Every number is a prediction: counted, derived or measured as marked, with its sources behind “Why?”. \
                Measure on the device before you decide."
            </p>
            <details class="fold">
                <summary>"All sources"</summary>
                <ol class="sources">{sources}</ol>
            </details>
            <p>"Core ML Planner " {env!("CARGO_PKG_VERSION")} ". Nothing you open leaves this page."</p>
        </footer>
    }
    .into_any()
}
