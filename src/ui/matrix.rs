//! The matrix: every variant on every choice of units. A press on a cell plans it.

use leptos::prelude::*;

use crate::{
    report::{
        view::{Group, MatrixCell, MatrixRow, View, columns},
        words,
    },
    scenario::Units,
};

use super::{
    icon::{Icon, icon, unit_of, verdict_of},
    state::State,
};

pub(super) fn matrix(state: State) -> AnyView {
    let head: Vec<AnyView> =
        columns().into_iter().map(|name| view! { <th scope="col">{name}</th> }.into_any()).collect();
    let body = state.shown(|state, view| {
        view.matrix.iter().map(|group| rows(state, view, group)).collect::<Vec<AnyView>>().into_any()
    });
    view! {
        <section class="panel" aria-labelledby="matrix">
            <header class="panel-head">
                <div>
                    <h2 id="matrix">"Every variant on this device"</h2>
                    <p class="panel-note">
                        "Press a cell to plan it. The bar compares speeds; its mark is the unit that does most of the work:"
                    </p>
                    <p class="panel-note chips">{legend()}</p>
                </div>
            </header>
            <div class="scroller" data-all=move || state.everything.get().then_some("") tabindex="0" role="region" aria-label="Variants by compute units">
                <table class="matrix">
                    <thead>
                        <tr>
                            <th scope="col">"Variant"</th>
                            {head}
                        </tr>
                    </thead>
                    {body}
                </table>
            </div>
            <label class="check matrix-all">
                <input
                    type="checkbox"
                    prop:checked=state.everything
                    on:change=move |event| state.everything.set(event_target_checked(&event))
                />
                <span>"Show every variant, with those that lose quality unless you retrain or calibrate"</span>
            </label>
        </section>
    }
    .into_any()
}

fn legend() -> AnyView {
    crate::machine::Unit::EVERY.map(super::icon::chip).into_iter().collect::<Vec<AnyView>>().into_any()
}

fn rows(state: State, view: &View, group: &Group) -> AnyView {
    let everything = state.everything.get();
    let picked = |row: &&MatrixRow| row.cells.iter().any(|cell| view.picked == Some(cell.idx));
    let shown = group.rows.iter().filter(|row| everything || row.keeps_quality || picked(row));
    let rows: Vec<AnyView> = shown.map(|row| line(state, view, row)).collect();
    if rows.is_empty() {
        return ().into_any();
    }
    view! {
        <tbody>
            <tr class="matrix-group">
                <th scope="rowgroup" colspan="5">
                    <span>{group.title}</span>
                </th>
            </tr>
            {rows}
        </tbody>
    }
    .into_any()
}

fn line(state: State, view: &View, row: &MatrixRow) -> AnyView {
    let span = row.spans.then(|| Units::EVERY.len().to_string());
    let cells: Vec<AnyView> = row.cells.iter().map(|cell| one(state, view, cell, span.clone())).collect();
    view! {
        <tr>
            <th scope="row">
                <span class="matrix-name">{row.label.clone()}</span>
                " "
                <span class="matrix-size">{row.bundle.clone()}</span>
            </th>
            {cells}
        </tr>
    }
    .into_any()
}

fn one(state: State, view: &View, cell: &MatrixCell, span: Option<String>) -> AnyView {
    let pick = cell.pick;
    let pressed = if view.picked == Some(cell.idx) { "true" } else { "false" };
    let recommended = view.recommended == Some(cell.idx);
    let label = if recommended { format!("{}. Recommended", cell.description) } else { cell.description.clone() };
    let choose = move |_| state.scenario.update(|scenario| scenario.pick = Some(pick));
    view! {
        <td data-verdict=verdict_of(cell.status) colspan=span>
            <button
                class="cell"
                type="button"
                aria-pressed=pressed
                aria-label=label
                title=cell.speed_range.clone()
                data-unit=cell.unit.map(unit_of)
                data-heat=(cell.heat / 10).to_string()
                on:click=choose
            >
                <span class="cell-verdict">
                    {icon(Icon::Status(cell.status))}
                    <span class="word">{words::status(cell.status)}</span>
                    {recommended.then(|| view! { <span class="cell-star">"recommended"</span> }.into_any())}
                </span>
                <span class="cell-line">
                    <b>{cell.unit.map(|unit| icon(Icon::Unit(unit)))}{cell.speed.clone()}</b>
                    <span>{cell.memory.clone()}</span>
                </span>
            </button>
        </td>
    }
    .into_any()
}
