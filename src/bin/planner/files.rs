//! Paths as entries for the reader: a file, or a folder with everything in it.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use coreml_planner::format::{Entry, RangeSource};

/// Most files that a folder may have: a package has a handful.
const MOST_FILES: usize = 20_000;

struct FileSource {
    file: RefCell<File>,
    len: u64,
}

impl RangeSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset)).map_err(|error| error.to_string())?;
        file.read_exact(into).map_err(|error| error.to_string())
    }
}

/// The entries of a path. Links are not followed: what they point at is not part of the package.
pub(crate) fn open_path(path: &Path) -> Result<Vec<Entry>, String> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut entries = Vec::new();
    if metadata.is_dir() {
        let mut waiting = vec![(path.to_owned(), name)];
        while let Some((folder, inside)) = waiting.pop() {
            let listed = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for child in listed {
                let child = child.map_err(|error| format!("{}: {error}", folder.display()))?;
                let kind = child.file_type().map_err(|error| format!("{}: {error}", child.path().display()))?;
                let inside = format!("{inside}/{}", child.file_name().to_string_lossy());
                if kind.is_dir() {
                    waiting.push((child.path(), inside));
                } else if kind.is_file() {
                    entries.push(entry(&child.path(), inside)?);
                }
                if entries.len() > MOST_FILES {
                    return Err(format!(
                        "{}: more than {MOST_FILES} files; name the .mlpackage itself",
                        path.display()
                    ));
                }
            }
        }
    } else {
        entries.push(entry(path, name)?);
    }
    Ok(entries)
}

fn entry(path: &Path, inside: String) -> Result<Entry, String> {
    let say = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(say)?;
    let len = file.metadata().map_err(say)?.len();
    Ok(Entry { path: inside, source: Box::new(FileSource { file: RefCell::new(file), len }) })
}
