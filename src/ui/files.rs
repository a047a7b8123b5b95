//! Files that a person gives the page: chosen in a dialog or dropped, folders walked.

use crate::format::{Package, ReadError};
use web_sys::{DataTransfer, File, FileList};

pub(super) async fn open_package(files: Vec<(String, File)>) -> Result<Package, ReadError> {
    let file = files.into_iter().next().map(|(path, _)| path).unwrap_or_default();
    Err(ReadError { file, offset: None, what: "not readable yet".to_owned(), hint: String::new() })
}

pub(super) fn listed(list: &FileList) -> Vec<(String, File)> {
    let name = |file: File| {
        let path = js_sys::Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        (path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name()), file)
    };
    (0..list.length()).filter_map(|idx| list.get(idx)).map(name).collect()
}

pub(super) async fn dropped(transfer: &DataTransfer) -> Vec<(String, File)> {
    transfer.files().map(|list| listed(&list)).unwrap_or_default()
}
