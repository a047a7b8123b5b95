//! Opens a package in a worker: the page sends the files, the worker sends back the package as bytes.
//!
//! The worker is a wasm of its own (`src/bin/reader.rs`), loaded when the first file is opened: whoever only plans
//! presets never downloads the reader.

use std::{cell::RefCell, rc::Rc};

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::format::{Package, ReadError};

fn text_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

/// A package being opened. Dropping it stops the worker.
pub struct Opening {
    worker: Worker,
    done: Promise,
    // The callbacks must live as long as the worker may call them.
    _callbacks: Vec<Closure<dyn FnMut(JsValue)>>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

impl Opening {
    /// Starts a worker on the files, each with its path inside the dropped folder.
    pub fn start(files: &[(String, File)]) -> Result<Self, ReadError> {
        begin(files).map_err(|error| failure(&text_of(&error)))
    }

    /// Waits for the package.
    pub async fn finish(self) -> Result<Package, ReadError> {
        let answer = JsFuture::from(self.done.clone()).await.map_err(|error| failure(&text_of(&error)))?;
        let bytes = Reflect::get(&answer, &JsValue::from_str("bytes")).unwrap_or(JsValue::UNDEFINED);
        match bytes.dyn_into::<Uint8Array>() {
            Ok(bytes) => postcard::from_bytes::<Result<Package, ReadError>>(&bytes.to_vec())
                .unwrap_or_else(|error| Err(failure(&error.to_string()))),
            Err(_) => {
                let text = Reflect::get(&answer, &JsValue::from_str("failure")).ok().and_then(|text| text.as_string());
                Err(failure(&text.unwrap_or_default()))
            }
        }
    }
}

/// The reader itself failed, which says nothing about the file.
fn failure(what: &str) -> ReadError {
    ReadError {
        fault: crate::format::Fault::Io,
        file: "the file reader of this page".to_owned(),
        offset: None,
        what: format!("stopped: {what}"),
        hint: "reload the page and open the file again".to_owned(),
    }
}

fn begin(files: &[(String, File)]) -> Result<Opening, JsValue> {
    let script = Reflect::get(&js_sys::global(), &JsValue::from_str("plannerWorker"))?.as_string().unwrap_or_default();
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options(&script, &options)?;
    let settle: Rc<RefCell<Option<(js_sys::Function, js_sys::Function)>>> = Rc::default();
    let done = Promise::new(&mut |resolve, reject| {
        *settle.borrow_mut() = Some((resolve, reject));
    });
    let on_message = {
        let settle = settle.clone();
        Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            if let (Some((resolve, _)), Ok(event)) = (settle.borrow().as_ref(), event.dyn_into::<MessageEvent>()) {
                let _ = resolve.call1(&JsValue::NULL, &event.data());
            }
        })
    };
    let on_error = Closure::<dyn FnMut(JsValue)>::new(move |_: JsValue| {
        if let Some((_, reject)) = settle.borrow().as_ref() {
            let _ = reject.call1(&JsValue::NULL, &JsValue::from_str("the worker could not start"));
        }
    });
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    let message = Object::new();
    let paths: Array = files.iter().map(|(path, _)| JsValue::from_str(path)).collect();
    let blobs: Array = files.iter().map(|(_, file)| JsValue::from(file.clone())).collect();
    Reflect::set(&message, &JsValue::from_str("paths"), &paths)?;
    Reflect::set(&message, &JsValue::from_str("files"), &blobs)?;
    worker.post_message(&message)?;
    Ok(Opening { worker, done, _callbacks: vec![on_message, on_error] })
}
