//! The file reader of the page: a wasm of its own that runs in a worker (`assets/worker.js`).
//!
//! In a worker a file can be read by ranges without waiting (`FileReaderSync`), so the reader of the core works there as
//! it is, whatever the size of the file, and the page never waits for it. The package that was opened last stays here,
//! and is planned here: the page asks for what it shows (`desk`).

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use coreml_planner::{
    desk::{Asked, Desk},
    format::{self, Entry, Limits, RangeSource},
    report::inspection::Query,
};
use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Blob, FileReaderSync};

fn main() {}

/// Milliseconds between two words about the progress.
const PAUSE: f64 = 100.0;

/// How much was read, and whom to tell.
struct Meter {
    read: Cell<f64>,
    told_at: Cell<f64>,
    tell: Function,
}

impl Meter {
    fn add(&self, bytes: usize) {
        self.read.set(self.read.get() + bytes as f64);
        let now = js_sys::Date::now();
        if now - self.told_at.get() >= PAUSE {
            self.told_at.set(now);
            // Whoever listens may have gone; the reading goes on.
            let _ = self.tell.call1(&JsValue::NULL, &self.read.get().into());
        }
    }
}

/// A file of the browser as a source of ranges. Works in a worker only.
struct BlobSource {
    blob: Blob,
    reader: FileReaderSync,
    meter: Rc<Meter>,
}

impl RangeSource for BlobSource {
    fn len(&self) -> u64 {
        self.blob.size() as u64
    }

    /// Every read of a file asks another process of the browser.
    fn is_dear(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let end = offset.saturating_add(into.len() as u64);
        let say = |error: JsValue| format!("the browser could not read the file: {}", text_of(&error));
        let slice = self.blob.slice_with_f64_and_f64(offset as f64, end as f64).map_err(say)?;
        let buffer = self.reader.read_as_array_buffer(&slice).map_err(say)?;
        let bytes = Uint8Array::new(&buffer);
        self.meter.add(into.len());
        if bytes.length() as usize == into.len() {
            bytes.copy_to(into);
            Ok(())
        } else {
            Err(format!("{} bytes came instead of {}; the file has changed", bytes.length(), into.len()))
        }
    }
}

thread_local! {
    /// The package that was opened last, and the plan that is looked at.
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Opens the files and returns the name of the package, or why not, as bytes. `progress` is called with the bytes read
/// so far.
#[wasm_bindgen]
pub fn open_files(paths: &Array, files: &Array, progress: Function) -> Result<Uint8Array, JsValue> {
    let meter = Rc::new(Meter { read: Cell::new(0.0), told_at: Cell::new(js_sys::Date::now()), tell: progress });
    let mut entries = Vec::new();
    for (path, file) in paths.iter().zip(files.iter()) {
        let source = BlobSource { blob: file.dyn_into()?, reader: FileReaderSync::new()?, meter: meter.clone() };
        entries.push(Entry { path: path.as_string().unwrap_or_default(), source: Box::new(source) });
    }
    let opened = format::open(entries, &Limits::default()).map(|package| {
        let name = package.name.clone();
        DESK.with(|desk| desk.borrow_mut().open(package));
        name
    });
    encode(&opened)
}

/// The markup of a panel of the page.
#[wasm_bindgen]
pub fn panel(name: &str, link: String, width: u32, everything: bool, more: String) -> Result<String, JsValue> {
    let asked = Asked { link, width, everything, more };
    DESK.with(|desk| desk.borrow_mut().panel(name, &asked)).map_err(|what| JsValue::from_str(&what))
}

/// Answers a question about the package that is open; question and answer are bytes.
#[wasm_bindgen]
pub fn answer(query: &Uint8Array) -> Result<Uint8Array, JsValue> {
    let query: Query = postcard::from_bytes(&query.to_vec()).map_err(|error| JsValue::from_str(&error.to_string()))?;
    let reply = DESK.with(|desk| desk.borrow_mut().drawn(&query));
    encode(&reply.map_err(|what| JsValue::from_str(&what))?)
}

fn encode(value: &impl serde::Serialize) -> Result<Uint8Array, JsValue> {
    let bytes = postcard::to_allocvec(value).map_err(|error| JsValue::from_str(&error.to_string()))?;
    Ok(Uint8Array::from(bytes.as_slice()))
}

fn text_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
