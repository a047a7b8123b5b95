//! Opening a package: a file, a folder, or either dropped. It is read here and sent nowhere.

use std::{rc::Rc, sync::Arc, time::Duration};

use leptos::{ev, leptos_dom::helpers::IntervalHandle, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    format::{Package, ReadError},
    report::words,
    scenario::ModelRef,
};

use super::{
    files::{self, Picked},
    icon::{Icon, icon},
    state::State,
    worker::Reader,
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
    /// Bytes that were read, of how many, and for how many seconds.
    progress: RwSignal<(f64, f64, u32)>,
    /// The reader at work; dropping it stops its worker. The one of the open package goes on until it has a successor.
    at_work: StoredValue<Option<Rc<Reader>>, LocalStorage>,
    clock: StoredValue<Option<IntervalHandle>>,
}

impl Opening {
    fn start(self, files: Vec<Picked>) {
        let Some((path, _)) = files.first() else { return };
        let name = path.split('/').next().unwrap_or(path).to_owned();
        let size = files.iter().map(|(_, file)| file.size()).sum();
        let reader = match Reader::start() {
            Ok(reader) => Rc::new(reader),
            Err(error) => return self.finish(Reading::Failed(error)),
        };
        self.finish(Reading::Yes(name));
        self.progress.set((0.0, size, 0));
        let tick = move || self.progress.update(|progress| progress.2 += 1);
        self.clock.set_value(set_interval_with_handle(tick, Duration::from_secs(1)).ok());
        self.at_work.set_value(Some(reader.clone()));
        let progress = move |read| self.progress.update(|progress| progress.0 = read);
        reader.open(&files, Box::new(progress), move |read| match read {
            Ok(package) => {
                // The reader keeps the package: what the page shows of it is asked for there.
                self.state.reader.set_value(self.at_work.try_update_value(Option::take).flatten());
                self.finish(Reading::No);
                plan(self.state, package);
            }
            Err(error) => self.finish(Reading::Failed(error)),
        });
    }

    /// Ends what is being read, if anything is, and says so.
    fn finish(self, reading: Reading) {
        if let Some(clock) = self.clock.try_update_value(Option::take).flatten() {
            clock.clear();
        }
        self.at_work.set_value(None);
        self.reading.set(reading);
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
        self.finish(Reading::No);
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
    let opening = Opening {
        state,
        reading: RwSignal::new(Reading::No),
        progress: RwSignal::new((0.0, 0.0, 0)),
        at_work: StoredValue::new_local(None),
        clock: StoredValue::new(None),
    };
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
                <div class="progress">
                    <p role="status">"Reading " {name} "…"</p>
                    <progress aria-label="Reading"></progress>
                    <p class="hint">
                        {move || {
                            let (read, size, seconds) = opening.progress.get();
                            words::reading(read, size, seconds)
                        }}
                    </p>
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
