//! What the open package holds; nothing while none is open.

use leptos::prelude::*;

use crate::{
    estimate::Status,
    report::package::{self, PackageView},
};

use super::{
    icon::{Icon, icon},
    picture::table,
    state::State,
};

pub(super) fn inspector(state: State) -> AnyView {
    // Made once for each package, not for each answer.
    let view = Memo::new(move |_| state.package.get().map(|package| package::view(&package)));
    (move || view.get().map(|view| panel(&view))).into_any()
}

fn panel(view: &PackageView) -> AnyView {
    let warnings: Vec<AnyView> =
        view.warnings.iter().map(|warning| view! { <li>{warning.clone()}</li> }.into_any()).collect();
    let warnings = (!warnings.is_empty()).then(|| {
        view! {
            <div class="notice" data-kind="warn">
                {icon(Icon::Status(Status::Tight))}
                <ul>{warnings}</ul>
            </div>
        }
        .into_any()
    });
    let tables: Vec<AnyView> = view
        .tables
        .iter()
        .map(|(title, rows)| {
            view! {
                <details class="fold">
                    <summary>{title.clone()}</summary>
                    {table(rows, title)}
                </details>
            }
            .into_any()
        })
        .collect();
    view! {
        <section class="panel" aria-labelledby="package">
            <header class="panel-head">
                <div>
                    <h2 id="package">{view.name.clone()}</h2>
                    <p class="panel-note">{view.summary.clone()}</p>
                </div>
            </header>
            {warnings}
            <div class="folds">{tables}</div>
        </section>
    }
    .into_any()
}
