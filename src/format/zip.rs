//! Zip archives: the central directory, and entries as sources of ranges.
//!
//! Stored entries are read in place. Deflated ones are inflated when they are small enough to be a specification or a
//! manifest; a deflated weight file is not inflated at all, because the specification says what is in it. Sizes come
//! from the central directory, never from a local header, and an entry never inflates beyond the size it states.

use std::rc::Rc;

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};

use super::{Entry, RangeSource, ReadError};

const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const ZIP64_END: u32 = 0x0606_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;
const LOCAL_HEADER: u32 = 0x0403_4b50;
/// A comment is at most 65,535 bytes, behind a record of 22.
const FARTHEST_END: u64 = 65_557;
const MOST_ENTRIES: u64 = 200_000;
const MOST_DIRECTORY: u64 = 256 << 20;
/// Largest deflated file that is inflated: Apple's loader takes specifications up to 2 GiB, real ones are far below.
const MOST_INFLATED: u64 = 512 << 20;

/// A part of a shared source.
struct Slice {
    whole: Rc<dyn RangeSource>,
    start: u64,
    len: u64,
}

impl RangeSource for Slice {
    fn len(&self) -> u64 {
        self.len
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        within(offset, into.len(), self.len)?;
        self.whole.read_at(self.start + offset, into)
    }
}

/// A deflated file that is inflated when it is first read.
struct Deflated {
    whole: Rc<dyn RangeSource>,
    start: u64,
    packed: u64,
    size: u64,
    inflated: std::cell::RefCell<Option<Vec<u8>>>,
}

impl RangeSource for Deflated {
    fn len(&self) -> u64 {
        self.size
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        within(offset, into.len(), self.size)?;
        let mut inflated = self.inflated.borrow_mut();
        if inflated.is_none() {
            *inflated = Some(inflate(self.whole.as_ref(), self.start, self.packed, self.size)?);
        }
        let from = offset as usize;
        match inflated.as_ref().and_then(|bytes| bytes.get(from..from + into.len())) {
            Some(bytes) => {
                into.copy_from_slice(bytes);
                Ok(())
            }
            None => Err("the entry inflates to less than it states".to_owned()),
        }
    }
    fn is_sequential(&self) -> bool {
        self.size > (16 << 20)
    }
}

fn within(offset: u64, n: usize, len: u64) -> Result<(), String> {
    let end = offset.checked_add(n as u64);
    if end.is_some_and(|end| end <= len) {
        Ok(())
    } else {
        Err(format!("bytes {offset}+{n} are beyond the end of {len} bytes"))
    }
}

fn inflate(source: &dyn RangeSource, start: u64, packed: u64, size: u64) -> Result<Vec<u8>, String> {
    if size > MOST_INFLATED {
        return Err(format!("the entry would inflate to {size} bytes; unzip the archive and open the folder"));
    }
    let mut state = Box::<DecompressorOxide>::default();
    let mut out: Vec<u8> = Vec::new();
    let mut chunk = vec![0_u8; 1 << 16];
    let (mut read, mut filled) = (0_u64, 0_usize);
    // The output grows as bytes really come, not as the archive says they will.
    while read < packed {
        let n = usize::try_from((packed - read).min(chunk.len() as u64)).unwrap_or(0);
        let Some(input) = chunk.get_mut(..n) else { break };
        source.read_at(start + read, input)?;
        read += n as u64;
        let mut used = 0;
        loop {
            if out.len() == filled {
                let more = (out.len().max(1 << 16)).min(usize::try_from(size).unwrap_or(usize::MAX) - out.len());
                if more == 0 {
                    // One byte of room lets the decoder say whether it is done.
                    out.push(0);
                } else {
                    out.resize(out.len() + more, 0);
                }
            }
            let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
                | if read < packed { inflate_flags::TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
            let rest = input.get(used..).unwrap_or_default();
            let (status, took, gave) = decompress(&mut state, rest, &mut out, filled, flags);
            used += took;
            filled += gave;
            if filled as u64 > size {
                return Err(format!("the entry inflates to more than the {size} bytes it states"));
            }
            match status {
                TINFLStatus::Done => {
                    out.truncate(filled);
                    return if filled as u64 == size {
                        Ok(out)
                    } else {
                        Err(format!("the entry inflates to {filled} bytes instead of {size}"))
                    };
                }
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => break,
                _ => return Err(format!("the compressed data is damaged after {filled} bytes")),
            }
        }
    }
    Err("the compressed data ends early".to_owned())
}

/// Little-endian numbers out of bytes; what is missing reads as zero, and callers check lengths first.
fn number(bytes: &[u8], at: usize, n: usize) -> u64 {
    let slice = bytes.get(at..at + n).unwrap_or_default();
    slice.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// Whether the bytes begin like a zip archive.
pub(super) fn looks_like(start: &[u8]) -> bool {
    let magic = number(start, 0, 4) as u32;
    start.len() >= 4 && (magic == LOCAL_HEADER || magic == END_OF_DIRECTORY)
}

/// Lists the files of an archive. The second value has what is odd.
pub(super) fn open(name: &str, source: Box<dyn RangeSource>) -> Result<(Vec<Entry>, Vec<String>), ReadError> {
    let whole: Rc<dyn RangeSource> = Rc::from(source);
    let error = |offset: u64, what: String, hint: &str| ReadError {
        file: name.to_owned(),
        offset: Some(offset),
        what,
        hint: hint.to_owned(),
    };
    let read = |offset: u64, n: u64| -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; usize::try_from(n).unwrap_or(0)];
        whole.read_at(offset, &mut bytes).map_err(|why| error(offset, why, "the archive is cut short or damaged"))?;
        Ok(bytes)
    };
    let directory = find_directory(whole.len(), &read, &error)?;
    if directory.n_entries > MOST_ENTRIES || directory.size > MOST_DIRECTORY {
        let what = format!("the archive lists {} files", directory.n_entries);
        return Err(error(directory.start, what, "zip the .mlpackage alone"));
    }
    let bytes = read(directory.start, directory.size)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut odd = Vec::new();
    let mut at = 0;
    let mut names = std::collections::HashMap::new();
    while let Some(head) = bytes.get(at..at + 46) {
        if number(head, 0, 4) as u32 != DIRECTORY_ENTRY {
            break;
        }
        let (flags, method) = (number(head, 8, 2), number(head, 10, 2));
        let n = |field| number(head, field, 2) as usize;
        let (n_name, n_extra, n_comment) = (n(28), n(30), n(32));
        let raw_name = bytes.get(at + 46..at + 46 + n_name).unwrap_or_default();
        let extra = bytes.get(at + 46 + n_name..at + 46 + n_name + n_extra).unwrap_or_default();
        let sizes = Sizes::of(head, extra);
        let entry_at = directory.start + at as u64;
        at += 46 + n_name + n_extra + n_comment;
        let path = String::from_utf8_lossy(raw_name).into_owned();
        if path.ends_with('/') || is_finder_litter(&path) {
            continue;
        }
        if is_unsafe(&path) {
            odd.push(format!("the entry `{path}` points outside the archive and is left out"));
            continue;
        }
        let unix_mode = (number(head, 38, 4) >> 16) as u32;
        if unix_mode & 0o170_000 == 0o120_000 {
            odd.push(format!("the entry `{path}` is a symbolic link and is left out"));
            continue;
        }
        if flags & 1 != 0 {
            return Err(error(entry_at, format!("`{path}` is encrypted"), "open an archive without a password"));
        }
        let local = sizes.local + directory.shift;
        let head = read(local, 30)?;
        if number(&head, 0, 4) as u32 != LOCAL_HEADER {
            let hint = "the archive is damaged; archives above 4 GB made by macOS's Archive Utility are: zip it again with `zip -r`";
            return Err(error(local, format!("`{path}` is not where the archive says"), hint));
        }
        let data = local + 30 + number(&head, 26, 2) + number(&head, 28, 2);
        if data.checked_add(sizes.packed).is_none_or(|end| end > whole.len()) {
            return Err(error(
                local,
                format!("`{path}` ends beyond the archive"),
                "the archive is cut short: download it again",
            ));
        }
        let source: Box<dyn RangeSource> = match method {
            0 => Box::new(Slice { whole: whole.clone(), start: data, len: sizes.packed }),
            8 => Box::new(Deflated {
                whole: whole.clone(),
                start: data,
                packed: sizes.packed,
                size: sizes.size,
                inflated: std::cell::RefCell::new(None),
            }),
            other => {
                let what = format!("`{path}` is compressed by method {other}");
                return Err(error(entry_at, what, "use an archive made by `zip -r` or the Finder"));
            }
        };
        match names.insert(path.clone(), entries.len()) {
            Some(earlier) => {
                odd.push(format!("the archive lists `{path}` twice; the last one is read"));
                if let Some(slot) = entries.get_mut(earlier) {
                    slot.source = source;
                }
                names.insert(path, earlier);
            }
            None => entries.push(Entry { path, source }),
        }
    }
    Ok((entries, odd))
}

/// What macOS adds to archives and folders.
pub(super) fn is_finder_litter(path: &str) -> bool {
    path.split('/').any(|part| part == "__MACOSX" || part == ".DS_Store" || part.starts_with("._"))
}

/// Whether a path leaves the folder it belongs to.
pub(super) fn is_unsafe(path: &str) -> bool {
    let is_drive = path.as_bytes().get(1) == Some(&b':');
    path.starts_with('/') || path.contains('\\') || is_drive || path.split('/').any(|part| part == "..")
}

struct Sizes {
    packed: u64,
    size: u64,
    local: u64,
}

impl Sizes {
    /// Sizes of a directory entry; the 64-bit ones stand in an extra field, only those whose 32-bit field is full.
    fn of(head: &[u8], extra: &[u8]) -> Self {
        let mut sizes = Self { packed: number(head, 20, 4), size: number(head, 24, 4), local: number(head, 42, 4) };
        let mut at = 0;
        while at + 4 <= extra.len() {
            let (id, n) = (number(extra, at, 2), number(extra, at + 2, 2) as usize);
            if id == 1 {
                let mut field = at + 4;
                for value in [&mut sizes.size, &mut sizes.packed, &mut sizes.local] {
                    if *value == 0xffff_ffff && field + 8 <= (at + 4 + n).min(extra.len()) {
                        *value = number(extra, field, 8);
                        field += 8;
                    }
                }
            }
            at += 4 + n;
        }
        sizes
    }
}

struct Directory {
    start: u64,
    size: u64,
    n_entries: u64,
    /// What precedes the archive in its file; local offsets count from behind it.
    shift: u64,
}

fn find_directory(
    len: u64,
    read: &impl Fn(u64, u64) -> Result<Vec<u8>, ReadError>,
    error: &impl Fn(u64, String, &str) -> ReadError,
) -> Result<Directory, ReadError> {
    let tail_start = len.saturating_sub(FARTHEST_END);
    let tail = read(tail_start, len - tail_start)?;
    let last = tail.len().saturating_sub(22);
    for at in (0..=last).rev() {
        if tail.len() < 22 || number(&tail, at, 4) as u32 != END_OF_DIRECTORY {
            continue;
        }
        // A comment may hold a false end: only one whose comment reaches the end of the file is real.
        if at + 22 + number(&tail, at + 20, 2) as usize != tail.len() {
            continue;
        }
        let end = tail_start + at as u64;
        let mut found = Directory {
            start: number(&tail, at + 16, 4),
            size: number(&tail, at + 12, 4),
            n_entries: number(&tail, at + 10, 2),
            shift: 0,
        };
        let mut directory_end = end;
        if end >= 20 {
            let locator = read(end - 20, 20)?;
            if number(&locator, 0, 4) as u32 == ZIP64_LOCATOR {
                let at = number(&locator, 8, 8);
                let record = read(at.min(len.saturating_sub(56)), 56.min(len))?;
                if number(&record, 0, 4) as u32 == ZIP64_END {
                    found.n_entries = number(&record, 32, 8);
                    found.size = number(&record, 40, 8);
                    found.start = number(&record, 48, 8);
                    directory_end = at;
                }
            }
        }
        let really = directory_end.checked_sub(found.size);
        let Some(really) = really else { continue };
        if found.size >= 4 {
            let magic = read(really, 4)?;
            if number(&magic, 0, 4) as u32 != DIRECTORY_ENTRY {
                continue;
            }
        }
        found.shift = really.saturating_sub(found.start);
        found.start = really;
        return Ok(found);
    }
    Err(error(
        len,
        "no central directory at the end of the archive".to_owned(),
        "the archive is cut short: download it again",
    ))
}
