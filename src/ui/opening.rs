//! Opening a package: a file, a folder, or either dropped. It is read here and sent nowhere.

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{leptos_dom::helpers::IntervalHandle, prelude::*};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DataTransfer, HtmlInputElement};

use crate::{
    format::{Fault, ReadError},
    markup::Reading,
    report::words,
    scenario::ModelRef,
    texts::page,
};

use super::{
    files::{self, Picked},
    state::State,
    worker::Reader,
};

/// A reading that goes on.
#[derive(Default)]
struct AtWork {
    name: String,
    /// Bytes that were read, of how many, and for how many seconds.
    progress: (f64, f64, u32),
    /// The reader at work; dropping it stops its worker. The one of the open package goes on until it has a successor.
    reader: Option<Rc<Reader>>,
    clock: Option<IntervalHandle>,
}

thread_local! {
    /// One file is read at a time: another one stops it.
    static AT_WORK: RefCell<AtWork> = RefCell::default();
}

fn at_work<T>(what: impl FnOnce(&mut AtWork) -> T) -> T {
    AT_WORK.with_borrow_mut(what)
}

/// What was picked with a button.
pub(super) fn picked(state: State, input: &HtmlInputElement) {
    start(state, input.files().map(|list| files::of_list(&list)).unwrap_or_default());
    // The same file can be chosen again after it changed.
    input.set_value("");
}

/// What was dropped.
pub(super) fn dropped(state: State, transfer: &DataTransfer) {
    let entries = files::of_drop(transfer);
    spawn_local(async move {
        match files::walk(entries).await {
            Ok(files) => start(state, files),
            Err(what) => {
                let file = page::DROPPED.to_owned();
                let error = ReadError { fault: Fault::Io, file, offset: None, what, hint: String::new() };
                finish(state, Reading::Failed(error));
            }
        }
    });
}

/// Stops what is being read, or puts away what went wrong.
pub(super) fn cancel(state: State) {
    finish(state, Reading::No);
}

fn start(state: State, files: Vec<Picked>) {
    let Some((path, _)) = files.first() else { return };
    let name = path.split('/').next().unwrap_or(path).to_owned();
    let size = files.iter().map(|(_, file)| file.size()).sum();
    let reader = match Reader::start() {
        Ok(reader) => Rc::new(reader),
        Err(error) => return finish(state, Reading::Failed(error)),
    };
    finish(state, Reading::No);
    let tick = move || {
        at_work(|work| work.progress.2 += 1);
        show(state);
    };
    let clock = set_interval_with_handle(tick, Duration::from_secs(1)).ok();
    at_work(|work| *work = AtWork { name, progress: (0.0, size, 0), reader: Some(reader.clone()), clock });
    show(state);
    let progress = move |read| at_work(|work| work.progress.0 = read);
    reader.open(&files, Box::new(progress), move |read| match read {
        Ok(name) => {
            // The reader keeps the package: it is planned there, and what the page shows of it is asked for there.
            state.reader.set_value(at_work(|work| work.reader.take()));
            finish(state, Reading::No);
            plan(state, name);
        }
        Err(error) => finish(state, Reading::Failed(error)),
    });
}

/// Says how far it is.
fn show(state: State) {
    let reading = at_work(|work| {
        let (read, size, seconds) = work.progress;
        Reading::Yes(work.name.clone(), words::reading(read, size, seconds))
    });
    state.reading.set(reading);
}

/// Ends what is being read, if anything is, and says so.
fn finish(state: State, reading: Reading) {
    // Dropped after the borrow: dropping a reader stops its worker.
    let ended = at_work(std::mem::take);
    if let Some(clock) = ended.clock {
        clock.clear();
    }
    drop(ended.reader);
    state.reading.set(reading);
}

/// The package that was read becomes the model of the scenario.
fn plan(state: State, name: String) {
    state.package.set(Some(name.clone()));
    state.notes.set(Vec::new());
    state.tab.set("package");
    state.scenario.update(|scenario| {
        scenario.model = ModelRef::Package(name);
        scenario.pick = None;
    });
}
