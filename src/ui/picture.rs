//! A chart on the page: the picture, its marks for pointer and keyboard, its legend, and the same as a table.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::{
    chart::{Chart, Table},
    units::decimal,
};

/// The figure of a chart, drawn again whenever what `draw` reads changes.
pub(super) fn picture(draw: impl Fn() -> Option<Chart> + Send + Sync + 'static) -> AnyView {
    let said = RwSignal::new(None::<String>);
    let chart = Memo::new(move |_| draw().unwrap_or_default());
    let point = move |target: Option<web_sys::EventTarget>| {
        let mark = target.and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        said.set(mark.and_then(|mark| mark.get_attribute("aria-label")));
    };
    let stage = move || {
        let chart = chart.get();
        let view_box = format!("0 0 {} {}", chart.width, chart.height);
        let marks: Vec<AnyView> = chart
            .marks
            .iter()
            .enumerate()
            .map(|(idx, mark)| {
                let label = format!("{}: {}", mark.label, mark.text);
                view! {
                    <rect
                        class="mark"
                        role="img"
                        x=decimal::plain(mark.x)
                        y=decimal::plain(mark.y)
                        width=decimal::plain(mark.w)
                        height=decimal::plain(mark.h)
                        tabindex=if idx == 0 { "0" } else { "-1" }
                        aria-label=label
                    />
                }
                .into_any()
            })
            .collect();
        view! {
            <div class="chart-drawing" inner_html=chart.svg></div>
            <svg
                class="chart-marks"
                viewBox=view_box
                role="group"
                aria-label="Values of the picture; arrow keys move between them"
                on:pointerover=move |event| point(event.target())
                on:pointerleave=move |_| said.set(None)
                on:focusin=move |event| point(event.target())
                on:keydown=step
            >
                {marks}
            </svg>
        }
        .into_any()
    };
    let legend = move || {
        let Chart { keys, marks, .. } = chart.get();
        (!keys.is_empty()).then(|| {
            let key = |key: crate::chart::Key| {
                let class = format!("swatch {}", key.class);
                // Where an entry stands for one mark, it can say the value as well.
                let mut own = marks.iter().filter(|mark| mark.label == key.name);
                let value = own.next().filter(|_| own.next().is_none()).map(|mark| mark.text.clone());
                let value = view! { <span class="legend-value">{value}</span> };
                view! { <li><span class=class></span>{key.name}" "{value}</li> }.into_any()
            };
            view! { <ul class="legend">{keys.into_iter().map(key).collect::<Vec<AnyView>>()}</ul> }.into_any()
        })
    };
    view! {
        <figure class="chart-figure">
            <div class="chart-stage">{stage}</div>
            <p class="chart-readout">
                {move || said.get().unwrap_or_else(|| "Point at a part, or tab to it, to read its value".to_owned())}
            </p>
            {legend}
            <details class="data">
                <summary>"Show as a table"</summary>
                {move || chart.with(|chart| table(&chart.table, &chart.title))}
            </details>
        </figure>
    }
    .into_any()
}

/// Arrow keys move the focus from mark to mark.
fn step(event: web_sys::KeyboardEvent) {
    let Some(mark) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else { return };
    let next = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => mark.next_element_sibling(),
        "ArrowLeft" | "ArrowUp" => mark.previous_element_sibling(),
        _ => return,
    };
    event.prevent_default();
    if let Some(next) = next {
        // An SVG element has the same `focus` as an HTML element.
        let _ = next.unchecked_ref::<web_sys::HtmlElement>().focus();
    }
}

/// A table whose first column names its rows.
pub(super) fn table(table: &Table, name: &str) -> AnyView {
    let class = |column: usize| if column == 0 { "" } else { "num" };
    let head: Vec<AnyView> = table
        .head
        .iter()
        .enumerate()
        .map(|(column, name)| view! { <th scope="col" class=class(column)>{name.clone()}</th> }.into_any())
        .collect();
    let row = |cells: &Vec<String>| {
        let cells: Vec<AnyView> = cells
            .iter()
            .enumerate()
            .map(|(column, text)| match column {
                0 => view! { <th scope="row">{text.clone()}</th> }.into_any(),
                _ => view! { <td class="num">{text.clone()}</td> }.into_any(),
            })
            .collect();
        view! { <tr>{cells}</tr> }.into_any()
    };
    let rows: Vec<AnyView> = table.rows.iter().map(row).collect();
    view! {
        <div class="scroller" tabindex="0" role="region" aria-label=name.to_owned()>
            <table class="listing">
                <thead>
                    <tr>{head}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
