//! What a person drops or picks, as a list of files with their paths: single files, and folders walked to the end.

use crate::texts::page;
use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

/// A file with its path inside whatever was dropped.
pub type Picked = (String, File);

/// Most files that a drop may have: a package has a handful, a home folder has more than anyone wants to wait for.
const MOST_FILES: usize = 20_000;

/// The files of an `<input type="file">`, with and without `webkitdirectory`.
#[must_use]
pub fn of_list(list: &FileList) -> Vec<Picked> {
    let mut picked = Vec::new();
    for idx in 0..list.length() {
        let Some(file) = list.get(idx) else { continue };
        let relative = js_sys::Reflect::get(&file, &JsValue::from_str("webkitRelativePath")).ok();
        let relative = relative.and_then(|path| path.as_string()).filter(|path| !path.is_empty());
        picked.push((relative.unwrap_or_else(|| file.name()), file));
    }
    picked
}

/// What was dropped: folders and files to walk, and files that came without an entry.
#[derive(Default)]
pub struct Dropped {
    entries: Vec<FileSystemEntry>,
    files: Vec<Picked>,
}

/// What a drop event carries. The browser empties the event when its handler returns, so this must be called in it.
#[must_use]
pub fn of_drop(transfer: &DataTransfer) -> Dropped {
    let items = transfer.items();
    let mut dropped = Dropped { entries: Vec::new(), files: Vec::new() };
    for idx in 0..items.length() {
        let Some(item) = items.get(idx) else { continue };
        match item.webkit_get_as_entry() {
            Ok(Some(entry)) => dropped.entries.push(entry),
            // What another page or a program hands over has no entry, but is a file all the same.
            Ok(None) | Err(_) => {
                if let Ok(Some(file)) = item.get_as_file() {
                    dropped.files.push((file.name(), file));
                }
            }
        }
    }
    dropped
}

/// Walks what was dropped to its files.
pub async fn walk(dropped: Dropped) -> Result<Vec<Picked>, String> {
    let Dropped { entries: mut waiting, files: mut picked } = dropped;
    while let Some(entry) = waiting.pop() {
        if entry.is_file() {
            let file = file_of(entry.unchecked_ref()).await?;
            picked.push((entry.full_path().trim_start_matches('/').to_owned(), file));
            if picked.len() > MOST_FILES {
                return Err(page::too_many_files(&MOST_FILES.to_string()));
            }
        } else if entry.is_directory() {
            waiting.extend(children_of(entry.unchecked_ref()).await?);
        }
    }
    Ok(picked)
}

fn unreadable(error: &JsValue) -> String {
    let name = js_sys::Reflect::get(error, &JsValue::from_str("message")).ok().and_then(|text| text.as_string());
    page::not_dropped(&name.unwrap_or_default())
}

async fn file_of(entry: &FileSystemFileEntry) -> Result<File, String> {
    let promise = Promise::new(&mut |resolve, reject| {
        entry.file_with_callback_and_callback(&resolve, &reject);
    });
    let file = JsFuture::from(promise).await.map_err(|error| unreadable(&error))?;
    file.dyn_into().map_err(|error| unreadable(&error))
}

async fn children_of(entry: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, String> {
    let reader = entry.create_reader();
    let mut children = Vec::new();
    // A call gives at most a hundred; an empty answer is the end.
    loop {
        let promise = Promise::new(&mut |resolve, reject| {
            let failed = Closure::once_into_js(move |error: JsValue| {
                let _ = reject.call1(&JsValue::NULL, &error);
            });
            let _ = reader.read_entries_with_callback_and_callback(&resolve, failed.unchecked_ref());
        });
        let batch = JsFuture::from(promise).await.map_err(|error| unreadable(&error))?;
        let batch: Array = batch.dyn_into().map_err(|error| unreadable(&error))?;
        if batch.length() == 0 {
            return Ok(children);
        }
        children.extend(batch.iter().filter_map(|child| child.dyn_into().ok()));
    }
}
