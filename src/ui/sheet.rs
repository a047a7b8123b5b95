//! "Why this number?": a dialog with the rule, its inputs and their sources.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use crate::report::why::{Input, Why};

use super::{
    icon::{Icon, icon},
    state::State,
};

pub(super) fn sheet(state: State) -> AnyView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let is_open = state.explained.with(Option::is_some);
        if let (Some(dialog), true) = (dialog.get(), is_open)
            && !dialog.open()
        {
            // The browser gives the focus back to the button that opened it.
            let _ = dialog.show_modal();
        }
    });
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    // A press on the dialog itself, and not on something in it, is a press on the backdrop.
    let press = move |event: ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlDialogElement>().ok());
        if target.is_some() {
            close();
        }
    };
    let title = move || state.explained.get().map(|why| why.title);
    view! {
        <dialog
            class="sheet"
            aria-labelledby="why"
            node_ref=dialog
            on:click=press
            on:close=move |_| state.explained.set(None)
        >
            <header class="sheet-head">
                <h2 id="why">{title}</h2>
                <button class="button quiet icon-only" type="button" aria-label="Close" on:click=move |_| close()>
                    {icon(Icon::Close)}
                </button>
            </header>
            <div class="sheet-body">{move || state.explained.get().map(|why| body(&why))}</div>
        </dialog>
    }
    .into_any()
}

fn body(why: &Why) -> AnyView {
    let inputs: Vec<AnyView> = why.inputs.iter().map(input).collect();
    view! {
        <p class="sheet-value">{why.answer.clone()}</p>
        <section>
            <h3>"Rule"</h3>
            <pre class="formula">{why.formula}</pre>
        </section>
        <section>
            <h3>"What goes in"</h3>
            <table class="listing">
                <thead>
                    <tr>
                        <th scope="col">"What"</th>
                        <th scope="col" class="num">"Value"</th>
                    </tr>
                </thead>
                <tbody>{inputs}</tbody>
            </table>
        </section>
        <p class="sheet-caveat">{why.caveat}</p>
    }
    .into_any()
}

fn input(input: &Input) -> AnyView {
    let source = input.source.map(|source| {
        if source.url.is_empty() {
            view! { <span class="source-note">{source.title.clone()}</span> }.into_any()
        } else {
            view! {
                <a class="source" href=source.url.clone() target="_blank" rel="noopener noreferrer">
                    {source.title.clone()}
                </a>
            }
            .into_any()
        }
    });
    let note =
        (!input.note.is_empty()).then(|| view! { <span class="source-note">{input.note.clone()}</span> }.into_any());
    let range =
        (!input.range.is_empty()).then(|| view! { <span class="source-note">{input.range.clone()}</span> }.into_any());
    view! {
        <tr>
            <th scope="row">{input.name.clone()} {note} {source}</th>
            <td class="num">{input.value.clone()} {range}</td>
        </tr>
    }
    .into_any()
}
