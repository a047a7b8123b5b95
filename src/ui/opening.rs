//! Opening a package: a file, a folder, or either dropped. It is read here and sent nowhere.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use leptos::{ev, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    format::{Package, ReadError},
    scenario::ModelRef,
};

use super::{
    files::{self, Picked},
    icon::{Icon, icon},
    state::State,
    worker,
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
    /// The reader at work; dropping it stops its worker.
    work: StoredValue<Option<Work>, LocalStorage>,
}

type Work = Pin<Box<dyn Future<Output = Result<Package, ReadError>>>>;

impl Opening {
    fn start(self, files: Vec<Picked>) {
        let Some((path, _)) = files.first() else { return };
        self.reading.set(Reading::Yes(path.split('/').next().unwrap_or(path).to_owned()));
        let work: Work = match worker::Opening::start(&files) {
            Ok(opening) => Box::pin(opening.finish()),
            Err(error) => return self.reading.set(Reading::Failed(error)),
        };
        self.work.set_value(Some(work));
        spawn_local(async move {
            // Taken out while it is asked, so that nothing is held while it answers; gone when it was cancelled.
            let read = poll_fn(|context| {
                let Some(mut work) = self.work.try_update_value(Option::take).flatten() else {
                    return Poll::Ready(None);
                };
                match work.as_mut().poll(context) {
                    Poll::Ready(read) => Poll::Ready(Some(read)),
                    Poll::Pending => {
                        self.work.set_value(Some(work));
                        Poll::Pending
                    }
                }
            });
            match read.await {
                Some(Ok(package)) => {
                    self.reading.set(Reading::No);
                    plan(self.state, package);
                }
                Some(Err(error)) => self.reading.set(Reading::Failed(error)),
                None => {}
            }
        });
    }

    fn fail(self, what: String) {
        let file = "the dropped files".to_owned();
        self.reading.set(Reading::Failed(ReadError {
            fault: crate::format::Fault::Io,
            file,
            offset: None,
            what,
            hint: String::new(),
        }));
    }

    fn cancel(self) {
        self.work.set_value(None);
        self.reading.set(Reading::No);
    }
}

/// The package that was read becomes the model of the scenario.
fn plan(state: State, package: Package) {
    let name = package.name.clone();
    state.package.set(Some(Arc::new(package)));
    state.notes.set(Vec::new());
    state.scenario.update(|scenario| {
        scenario.model = ModelRef::Package(name);
        scenario.pick = None;
    });
}

pub(super) fn opening(state: State) -> AnyView {
    let opening = Opening { state, reading: RwSignal::new(Reading::No), work: StoredValue::new_local(None) };
    let over = RwSignal::new(false);
    let drop = move |event: ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        let entries = event.data_transfer().map(|transfer| files::of_drop(&transfer)).unwrap_or_default();
        spawn_local(async move {
            match files::walk(entries).await {
                Ok(files) => opening.start(files),
                Err(what) => opening.fail(what),
            }
        });
    };
    let hover = move |event: ev::DragEvent| {
        event.prevent_default();
        over.set(true);
    };
    let chosen = move |event: ev::Event| {
        let input = event_target::<web_sys::HtmlInputElement>(&event);
        let list = input.files();
        opening.start(list.map(|list| files::of_list(&list)).unwrap_or_default());
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
                "Or drop your own " <code>".mlpackage"</code> ", " <code>".mlmodelc"</code> " or "
                <code>".mlmodel"</code> ", or a zip of one. It is read here and sent nowhere."
            </p>
            <div class="drop-buttons">
                <label class="button">
                    {icon(Icon::Open)} "Open file"
                    <input
                        class="unseen-input"
                        type="file"
                        accept=".mlmodel,.zip,.mlpackage,.mlmodelc,.mil"
                        on:change=chosen
                    />
                </label>
                <label class="button">
                    "Open folder" <input class="unseen-input" type="file" prop:webkitdirectory=true on:change=chosen />
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
