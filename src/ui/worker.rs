//! The page's side of the worker: it opens a package there and asks about it.
//!
//! The worker is a wasm of its own (`src/bin/reader.rs`), loaded when the first file is opened: whoever only plans
//! presets never downloads the reader. Questions and answers are those of `report::inspection`, as bytes.

use std::{cell::RefCell, rc::Rc};

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{File, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::{
    desk::{Asked, Drawn},
    format::ReadError,
    report::inspection::Query,
    texts::page,
};

/// What came back: bytes or a text, as a value of the browser; or why nothing did.
type Answer = Result<JsValue, String>;

/// Who waits for an answer.
struct Waiting {
    id: f64,
    progress: Option<Box<dyn Fn(f64)>>,
    done: Box<dyn FnOnce(Answer)>,
}

#[derive(Default)]
struct Desk {
    last: f64,
    waiting: Vec<Waiting>,
}

/// A worker with at most one package open in it. Dropping it stops the worker, whatever it is doing.
pub struct Reader {
    worker: Worker,
    desk: Rc<RefCell<Desk>>,
    // The callbacks must live as long as the worker may call them.
    _callbacks: [Closure<dyn FnMut(JsValue)>; 2],
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

fn text_of(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap_or_default()
}

fn vec_of(bytes: &JsValue) -> Vec<u8> {
    Uint8Array::new(bytes).to_vec()
}

/// The reader itself failed, which says nothing about the file.
fn failure(what: &str) -> ReadError {
    ReadError {
        fault: crate::format::Fault::Io,
        file: page::READER.to_owned(),
        offset: None,
        what: page::reader_stopped(what),
        hint: page::READER_HINT.to_owned(),
    }
}

impl Reader {
    /// Starts a worker.
    pub fn start() -> Result<Self, ReadError> {
        Self::begin().map_err(|error| failure(&text_of(&error)))
    }

    fn begin() -> Result<Self, JsValue> {
        let script = get(&js_sys::global(), "plannerWorker").as_string().unwrap_or_default();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&script, &options)?;
        let desk: Rc<RefCell<Desk>> = Rc::default();
        let on_message = {
            let desk = desk.clone();
            Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
                take(&desk, &event.unchecked_into::<MessageEvent>().data());
            })
        };
        let on_error = {
            let desk = desk.clone();
            Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
                let waiting = std::mem::take(&mut desk.borrow_mut().waiting);
                let what = page::reader_lost(&text_of(&event));
                for one in waiting {
                    (one.done)(Err(what.clone()));
                }
            })
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, desk, _callbacks: [on_message, on_error] })
    }

    /// Opens files, each with its path inside the dropped folder. `progress` is told how many bytes were read.
    pub fn open(
        &self,
        files: &[(String, File)],
        progress: Box<dyn Fn(f64)>,
        done: impl FnOnce(Result<String, ReadError>) + 'static,
    ) {
        let paths: Array = files.iter().map(|(path, _)| JsValue::from_str(path)).collect();
        let blobs: Array = files.iter().map(|(_, file)| JsValue::from(file.clone())).collect();
        let decoded = move |answer: Answer| {
            done(match answer {
                Ok(bytes) => postcard::from_bytes::<Result<String, ReadError>>(&vec_of(&bytes))
                    .unwrap_or_else(|_| Err(failure(page::READER_HALF))),
                Err(what) => Err(failure(&what)),
            });
        };
        self.send(&[("paths", &paths), ("files", &blobs)], Some(progress), Box::new(decoded));
    }

    /// Asks about the package that is open.
    pub fn ask(&self, query: &Query, done: impl FnOnce(Result<Drawn, String>) + 'static) {
        let query = postcard::to_allocvec(query).unwrap_or_default();
        let decoded = move |answer: Answer| {
            done(answer.and_then(|bytes| {
                postcard::from_bytes(&vec_of(&bytes)).map_err(|_| page::READER_HALF_ANSWER.to_owned())
            }));
        };
        self.send(&[("query", &Uint8Array::from(query.as_slice()))], None, Box::new(decoded));
    }

    /// Asks for the markup of a panel.
    pub fn panel(&self, name: &str, asked: &Asked, done: Box<dyn FnOnce(Result<String, String>)>) {
        let parts: [(&str, &JsValue); 5] = [
            ("panel", &name.into()),
            ("link", &asked.link.as_str().into()),
            ("width", &asked.width.into()),
            ("everything", &asked.everything.into()),
            ("more", &asked.more.as_str().into()),
        ];
        let decoded = move |answer: Answer| done(answer.map(|text| text.as_string().unwrap_or_default()));
        self.send(&parts, None, Box::new(decoded));
    }

    fn send(&self, parts: &[(&str, &JsValue)], progress: Option<Box<dyn Fn(f64)>>, done: Box<dyn FnOnce(Answer)>) {
        let id = {
            let mut desk = self.desk.borrow_mut();
            desk.last += 1.0;
            let id = desk.last;
            desk.waiting.push(Waiting { id, progress, done });
            id
        };
        let message = Object::new();
        let _ = Reflect::set(&message, &JsValue::from_str("id"), &id.into());
        for (name, part) in parts {
            let _ = Reflect::set(&message, &JsValue::from_str(name), part);
        }
        if let Err(error) = self.worker.post_message(&message) {
            let own = self.desk.borrow_mut().waiting.pop();
            if let Some(own) = own {
                (own.done)(Err(text_of(&error)));
            }
        }
    }
}

/// Takes a message from the worker. Nothing is borrowed while those who wait are called: they may ask again.
fn take(desk: &Rc<RefCell<Desk>>, message: &JsValue) {
    let id = get(message, "id").as_f64().unwrap_or_default();
    let Some(at) = desk.borrow().waiting.iter().position(|one| one.id == id) else { return };
    if let Some(read) = get(message, "read").as_f64() {
        if let Some(progress) = desk.borrow().waiting.get(at).and_then(|one| one.progress.as_ref()) {
            progress(read);
        }
        return;
    }
    let own = desk.borrow_mut().waiting.remove(at);
    (own.done)(match get(message, "failure").as_string() {
        Some(what) => Err(what),
        None => Ok(["bytes", "text"]
            .iter()
            .map(|name| get(message, name))
            .find(|value| !value.is_undefined())
            .unwrap_or_default()),
    });
}
