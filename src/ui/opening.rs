//! Opening a package: a file, a folder, or either dropped. It is read here and sent nowhere.

use std::sync::Arc;

use leptos::{ev, prelude::*};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use crate::{format::ReadError, scenario::ModelRef};

use super::{
    files,
    icon::{Icon, icon},
    state::State,
};

/// How far the reading is.
#[derive(Clone, PartialEq)]
enum Reading {
    No,
    /// The name of what is read.
    Yes(String),
    Failed(ReadError),
}

#[derive(Clone, Copy)]
struct Opening {
    state: State,
    reading: RwSignal<Reading>,
    /// Counts attempts, so that a cancelled one that ends late changes nothing.
    attempt: StoredValue<u32>,
}

impl Opening {
    fn start(self, files: Vec<(String, File)>) {
        let Some((path, _)) = files.first() else { return };
        let name = path.split('/').next().unwrap_or(path).to_owned();
        let attempt = self.next();
        self.reading.set(Reading::Yes(name));
        spawn_local(async move {
            let read = files::open_package(files).await;
            if self.attempt.get_value() != attempt {
                return;
            }
            match read {
                Ok(package) => {
                    let name = package.name.clone();
                    self.reading.set(Reading::No);
                    batch_open(self.state, package, name);
                }
                Err(error) => self.reading.set(Reading::Failed(error)),
            }
        });
    }

    fn cancel(self) {
        self.next();
        self.reading.set(Reading::No);
    }

    fn next(self) -> u32 {
        self.attempt.update_value(|attempt| *attempt = attempt.wrapping_add(1));
        self.attempt.get_value()
    }
}

fn batch_open(state: State, package: crate::format::Package, name: String) {
    state.package.set(Some(Arc::new(package)));
    state.notes.set(Vec::new());
    state.scenario.update(|scenario| {
        scenario.model = ModelRef::Package(name);
        scenario.pick = None;
    });
}

pub(super) fn opening(state: State) -> AnyView {
    let opening = Opening { state, reading: RwSignal::new(Reading::No), attempt: StoredValue::new(0) };
    let over = RwSignal::new(false);
    let drop = move |event: ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        if let Some(transfer) = event.data_transfer() {
            spawn_local(async move { opening.start(files::dropped(&transfer).await) });
        }
    };
    let hover = move |event: ev::DragEvent| {
        event.prevent_default();
        over.set(true);
    };
    let chosen = move |event: ev::Event| {
        let input = event_target::<web_sys::HtmlInputElement>(&event);
        let list = input.files();
        opening.start(list.map(|list| files::listed(&list)).unwrap_or_default());
        // The same file can be chosen again after it changed.
        input.set_value("");
    };
    view! {
        <div
            class="drop"
            data-over=move || over.get().then_some("")
            on:dragover=hover
            on:dragleave=move |_| over.set(false)
            on:drop=drop
        >
            <p>
                "Or drop your own " <code>".mlpackage"</code> ", " <code>".mlmodel"</code> ", " <code>".mlmodelc"</code>
                " or a zip of one. It is read here and sent nowhere."
            </p>
            <div class="drop-buttons">
                <label class="button">
                    {icon(Icon::Open)} "Open a file"
                    <input
                        class="unseen-input"
                        type="file"
                        accept=".mlmodel,.zip,.mlpackage,.mlmodelc"
                        on:change=chosen
                    />
                </label>
                <label class="button">
                    "Open a folder" <input class="unseen-input" type="file" prop:webkitdirectory=true on:change=chosen />
                </label>
            </div>
            {move || progress(opening)}
        </div>
    }
    .into_any()
}

fn progress(opening: Opening) -> Option<AnyView> {
    match opening.reading.get() {
        Reading::No => None,
        Reading::Yes(name) => Some(
            view! {
                <div class="progress" role="status">
                    <p>"Reading " {name} "…"</p>
                    <progress></progress>
                    <button class="button" type="button" on:click=move |_| opening.cancel()>
                        "Cancel"
                    </button>
                </div>
            }
            .into_any(),
        ),
        Reading::Failed(error) => {
            let place = match error.offset {
                Some(offset) => format!("{} at offset {offset:#x}", error.file),
                None => error.file.clone(),
            };
            Some(
                view! {
                    <div class="notice" data-kind="error" role="alert">
                        {icon(Icon::Status(crate::estimate::Status::Fails))}
                        <div>
                            <p>
                                <b>"Could not be read: "</b>
                                {error.what}
                            </p>
                            <p>{place}</p>
                            <p>{error.hint}</p>
                            <button class="why" type="button" on:click=move |_| opening.cancel()>
                                "Dismiss"
                            </button>
                        </div>
                    </div>
                }
                .into_any(),
            )
        }
    }
}
