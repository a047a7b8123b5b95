//! The file reader of the page: a wasm of its own that runs in a worker (`assets/worker.js`).
//!
//! In a worker a file can be read by ranges without waiting (`FileReaderSync`), so the reader of the core works there as
//! it is, whatever the size of the file, and the page never waits for it.

use coreml_planner::format::{self, Entry, Limits, RangeSource};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Blob, FileReaderSync};

fn main() {}

/// A file of the browser as a source of ranges. Works in a worker only.
struct BlobSource {
    blob: Blob,
    reader: FileReaderSync,
}

impl RangeSource for BlobSource {
    fn len(&self) -> u64 {
        self.blob.size() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let end = offset.saturating_add(into.len() as u64);
        let say = |error: JsValue| format!("the browser could not read the file: {}", text_of(&error));
        let slice = self.blob.slice_with_f64_and_f64(offset as f64, end as f64).map_err(say)?;
        let buffer = self.reader.read_as_array_buffer(&slice).map_err(say)?;
        let bytes = Uint8Array::new(&buffer);
        if bytes.length() as usize == into.len() {
            bytes.copy_to(into);
            Ok(())
        } else {
            Err(format!("{} bytes came instead of {}; the file has changed", bytes.length(), into.len()))
        }
    }
}

/// Opens the files and returns the package, or why not, as bytes.
#[wasm_bindgen]
pub fn open_files(paths: &Array, files: &Array) -> Result<Uint8Array, JsValue> {
    let mut entries = Vec::new();
    for (path, file) in paths.iter().zip(files.iter()) {
        let source = BlobSource { blob: file.dyn_into()?, reader: FileReaderSync::new()? };
        entries.push(Entry { path: path.as_string().unwrap_or_default(), source: Box::new(source) });
    }
    let opened = format::open(entries, &Limits::default());
    let bytes = postcard::to_allocvec(&opened).map_err(|error| JsValue::from_str(&error.to_string()))?;
    Ok(Uint8Array::from(bytes.as_slice()))
}

fn text_of(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
