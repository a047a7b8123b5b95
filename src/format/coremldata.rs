//! `coremldata.bin`: the binary part of a compiled model.
//!
//! Apple does not document it. What is read here is what a few dozen real files have in common: type and version at the
//! start, a tag with its length, and after it the description as the same protobuf message as in a specification. What
//! comes after the description depends on the type and is not read.

use super::{
    Fault, ReadError,
    files::{File, Notes, about, lfs_pointer, read_small},
    wire::Span,
    zip::{u32_at, u64_at},
};

/// Longest list of names of a pipeline's models that is read.
const NAMES_MAX: u64 = 1 << 20;
/// Longest name of a pipeline's model that its functions carry.
pub(super) const PREFIX_MAX: usize = 100;

/// What the head of a `coremldata.bin` says.
pub(super) struct Data {
    /// The number of the model type, as in a specification.
    pub(super) kind: u32,
    pub(super) spec_version: u32,
    /// The description, the same message as in a specification.
    pub(super) description: Span,
}

/// What the models of a pipeline are called: by their own names when these are told apart by them.
pub(super) fn child_names(file: Option<&File>, n_children: usize) -> Vec<String> {
    let names = file.and_then(|file| names(&read_small(file, NAMES_MAX).ok()?)).unwrap_or_default();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    let is_unique = |name: &String| {
        let from = sorted.partition_point(|other| other < name);
        sorted.get(from + 1) != Some(name)
    };
    let pick = |at: usize| {
        let own = names.get(at).filter(|name| !name.is_empty() && name.len() <= PREFIX_MAX && is_unique(name));
        own.cloned().unwrap_or_else(|| format!("model{at}"))
    };
    (0..n_children).map(pick).collect()
}

/// A count, then each text with its length before it.
fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let count = bytes.get(..8).map(|bytes| u64_at(bytes, 0))?;
    let (mut rest, mut found) = (bytes.get(8..)?, Vec::new());
    for _ in 0..count {
        let len = usize::try_from(rest.get(..8).map(|bytes| u64_at(bytes, 0))?).ok()?;
        let end = len.checked_add(8)?;
        found.push(String::from_utf8_lossy(rest.get(8..end)?).into_owned());
        rest = rest.get(end..)?;
    }
    Some(found)
}

/// Reads the head of a `coremldata.bin`: type, tag, version, and where the description is.
pub(super) fn data(file: &File, notes: &mut Notes) -> Result<Option<Data>, ReadError> {
    let len = file.source.len();
    let mut odd = |why: &str| {
        notes.add(&file.path, format!("{why}; the description is not read"));
        Ok(None)
    };
    if let Some(size) = lfs_pointer(file.source.as_ref()) {
        return odd(&format!("this is a Git LFS pointer to {size} bytes: run `git lfs pull`"));
    }
    if len < 0x24 {
        return odd("the file is too short");
    }
    let mut head = [0; 0x24];
    file.source.read_at(0, &mut head).map_err(|why| about(Fault::Io, &file.path, why, ""))?;
    let tag = u64_at(&head, 0x1C);
    let Some(at) = tag.checked_add(0x24).filter(|at| at.checked_add(40).is_some_and(|end| end <= len)) else {
        return odd("the file is cut, or of a form that is not known");
    };
    let mut middle = [0; 40];
    file.source.read_at(at, &mut middle).map_err(|why| about(Fault::Io, &file.path, why, ""))?;
    let (spec_version, size) = (u32_at(&middle, 0), u64_at(&middle, 32));
    let start = at + 40;
    let Some(end) = start.checked_add(size).filter(|end| *end <= len) else {
        return odd("the description reaches past the end of the file");
    };
    Ok(Some(Data { kind: u32_at(&head, 0), spec_version, description: Span { at: start, end } }))
}
