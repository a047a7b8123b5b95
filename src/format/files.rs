//! The files of one artefact: what was dropped, with archives opened, junk left out and unsafe paths refused.
//!
//! Paths are relative, with `/` between parts and without `.`, `..`, drives or backslashes; nothing that breaks this
//! gets into the list, so no later room can be led out of the artefact.

use std::rc::Rc;

use super::{Entry, Fault, Limits, RangeSource, ReadError, Warning, zip};

/// Warnings that are kept; the rest are counted.
const WARNINGS_MAX: usize = 200;

/// Characters of a warning that are kept.
const WARNING_MAX: usize = 400;

/// One file.
#[derive(Clone)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) source: Rc<dyn RangeSource>,
}

/// What is odd but not fatal, in the order it was met.
#[derive(Default)]
pub(super) struct Notes {
    kept: Vec<Warning>,
    dropped: usize,
}

impl Notes {
    pub(super) fn add(&mut self, file: &str, text: impl Into<String>) {
        if self.kept.len() < WARNINGS_MAX {
            // Names in it come from files, and one long name can be in every warning.
            let warning = Warning { file: short(file, WARNING_MAX), text: short(&text.into(), WARNING_MAX) };
            if !self.kept.contains(&warning) {
                self.kept.push(warning);
            }
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn finish(mut self) -> Vec<Warning> {
        if self.dropped > 0 {
            let text = format!("{} more warnings are not listed", self.dropped);
            self.kept.push(Warning { file: String::new(), text });
        }
        self.kept
    }
}

/// The start of a text that may be as long as a file allows.
pub(super) fn short(text: &str, n_chars: usize) -> String {
    match text.char_indices().nth(n_chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// An error about a whole file.
pub(super) fn about(fault: Fault, file: &str, what: impl Into<String>, hint: &str) -> ReadError {
    ReadError { fault, file: file.to_owned(), offset: None, what: what.into(), hint: hint.to_owned() }
}

/// A path in its one allowed form, or `None` when it could lead out of the artefact.
pub(super) fn clean_path(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The folder of a path; empty at the top.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path inside a folder, seen from it; `None` when it is elsewhere.
pub(super) fn inside<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// A path from its folder and the rest.
pub(super) fn join(folder: &str, rest: &str) -> String {
    if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") }
}

/// What the Finder adds to archives and folders.
fn is_junk(path: &str) -> bool {
    let name = base_name(path);
    name.starts_with("._") || name == ".DS_Store" || path.split('/').any(|part| part == "__MACOSX")
}

/// The files of what was dropped, sorted by path.
pub(super) fn gather(entries: Vec<Entry>, limits: &Limits, notes: &mut Notes) -> Result<Vec<File>, ReadError> {
    let mut files = Vec::new();
    if entries.len() > limits.files {
        let what = format!("more than {} files were given", limits.files);
        return Err(about(Fault::TooLarge, "", what, "give the model's own folder"));
    }
    let single = entries.len() == 1;
    for entry in entries {
        let source: Rc<dyn RangeSource> = Rc::from(entry.source);
        if single && zip::is_zip(source.as_ref(), &entry.path) {
            for file in zip::list(source, &entry.path, limits)? {
                let Some(path) = clean_path(&file.path) else {
                    notes.add(
                        &entry.path,
                        format!("the archive's file `{}` is left out: its path is not safe", file.path),
                    );
                    continue;
                };
                files.push(File { path, source: file.source });
            }
            break;
        }
        match clean_path(&entry.path) {
            Some(path) => files.push(File { path, source }),
            None => notes.add(&entry.path, "the file is left out: its path is not safe"),
        }
    }
    files.retain(|file| !is_junk(&file.path));
    // A stable sort keeps the order of equal paths, so the last one of an archive's directory wins.
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|later, earlier| {
        let same = later.path == earlier.path;
        if same {
            notes.add(&later.path, "the archive holds two files with this path; the last one is read");
            std::mem::swap(later, earlier);
        }
        same
    });
    Ok(files)
}

/// The whole of a small file.
pub(super) fn read_small(file: &File, max: u64) -> Result<Vec<u8>, ReadError> {
    let len = file.source.len();
    if len > max {
        let what = format!("the file is too large ({len} bytes, more than {max})");
        return Err(about(Fault::TooLarge, &file.path, what, "it is no part of a Core ML package"));
    }
    let mut bytes = vec![0; len as usize];
    file.source.read_at(0, &mut bytes).map_err(|why| about(Fault::Io, &file.path, why, ""))?;
    Ok(bytes)
}

/// The true size that a Git LFS pointer stands for, if the file is one.
pub(super) fn lfs_pointer(source: &dyn RangeSource) -> Option<u64> {
    let mut bytes = vec![0; source.len().min(512) as usize];
    source.read_at(0, &mut bytes).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let body = text.strip_prefix("version https://git-lfs.github.com/spec/")?;
    body.lines().find_map(|line| line.strip_prefix("size ")).and_then(|size| size.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(clean_path(path).as_deref(), expected, "{path}");
    }

    #[test]
    fn only_paths_that_stay_inside_are_let_in() {
        check("a/b.bin", Some("a/b.bin"));
        check("./a//b", Some("a/b"));
        check("../a", None);
        check("a/../../b", None);
        check("/etc/passwd", None);
        check("..\\win.txt", None);
        check("C:/x", None);
        check("", None);
    }
}
