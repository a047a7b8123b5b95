//! The central directory of a zip archive: its entries become sources of their own.
//!
//! Sizes and offsets come from the central directory alone, because streaming writers leave the local headers empty.
//! Stored entries are read in place; deflated ones are inflated as far as they are read. Understood: zip64, comments
//! (also ones that contain a false end record), a stub before the archive, data descriptors. Refused with a reason:
//! several disks, an archive that is cut. An entry that is encrypted or packed in another way is listed, and says so
//! when something reads it. Absent on purpose: archives inside archives, and other archive formats.

use std::rc::Rc;

use super::{Fault, Limits, RangeSource, ReadError, inflate::Inflated, window::Window};

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: u64 = 22;
const COMMENT_MAX: u64 = 65_535;
const HINT: &str = "zip it again, or drop the unzipped folder";

/// One file of an archive.
pub(super) struct Zipped {
    /// Path as written in the archive; not yet checked.
    pub(super) path: String,
    pub(super) source: Rc<dyn RangeSource>,
}

/// Whether the bytes are a zip archive: by the start, or by an end record after a stub.
pub(super) fn is_zip(source: &dyn RangeSource, file: &str) -> bool {
    let mut window = Window::new(source, file);
    let starts = |bytes: &[u8]| bytes == b"PK\x03\x04" || bytes == END;
    window.get(0, 4).is_ok_and(starts) || (source.len() < (1 << 16) && find_end(&mut window).is_ok())
}

/// Every file of the archive, in the order of its directory; of two with the same path, the last.
pub(super) fn list(archive: Rc<dyn RangeSource>, file: &str, limits: &Limits) -> Result<Vec<Zipped>, ReadError> {
    let mut window = Window::new(archive.as_ref(), file);
    let directory = find_end(&mut window)?;
    // The directory and the headers it points at are read in turn: a window for each keeps both in order.
    let mut headers = Window::new(archive.as_ref(), file);
    let mut files = Vec::new();
    let mut at = directory.at;
    for _ in 0..directory.n_entries {
        if at >= directory.at + directory.bytes {
            break;
        }
        if files.len() >= limits.files {
            let what = format!("the archive holds more than {} files", limits.files);
            return Err(window.error(Fault::TooLarge, at, what, "drop the model's own folder"));
        }
        let record: [u8; 46] = array(window.get(at, 46)?);
        if !record.starts_with(b"PK\x01\x02") {
            return Err(window.error(Fault::Corrupt, at, "the archive's directory is damaged", HINT));
        }
        let name_len = u64::from(u16_at(&record, 28));
        let extra_len = u64::from(u16_at(&record, 30));
        let comment_len = u64::from(u16_at(&record, 32));
        let name = String::from_utf8_lossy(window.get(at + 46, name_len as usize)?).into_owned();
        let extra = window.get(at + 46 + name_len, extra_len as usize)?.to_vec();
        let mut sizes = Sizes {
            len: u64::from(u32_at(&record, 24)),
            compressed: u64::from(u32_at(&record, 20)),
            header: u64::from(u32_at(&record, 42)),
        };
        sizes.widen(&extra);
        at += 46 + name_len + extra_len + comment_len;
        // Unix puts the kind of file in the upper half; 0o120000 is a symbolic link, which is never followed.
        let link = u32_at(&record, 38) >> 28 == 0o12;
        if name.ends_with('/') || link {
            continue;
        }
        let entry = EntryRecord {
            flags: u16_at(&record, 8),
            method: u16_at(&record, 10),
            crc: u32_at(&record, 16),
            sizes,
            shift: directory.shift,
        };
        let source = entry.open(&archive, &mut headers);
        files.push(Zipped { path: name, source });
    }
    Ok(files)
}

struct Directory {
    at: u64,
    bytes: u64,
    n_entries: u64,
    /// Bytes before the archive that its own offsets do not count.
    shift: u64,
}

fn find_end(window: &mut Window<'_>) -> Result<Directory, ReadError> {
    let len = window.len();
    let missing = |window: &Window<'_>| window.cut(len, "the archive has no directory at its end");
    let mut at = len.checked_sub(END_SIZE).ok_or_else(|| missing(window))?;
    let lowest = len.saturating_sub(END_SIZE + COMMENT_MAX);
    // The tail is read once, forwards, so that looking backwards in it stays inside one window.
    let tail = window.get(lowest, (len - lowest) as usize)?.to_vec();
    loop {
        let record = tail.get((at - lowest) as usize..).unwrap_or_default();
        if record.starts_with(END)
            && at + END_SIZE + u64::from(u16_at(record, 20)) == len
            && let Some(directory) = end_record(window, at, record)?
        {
            return Ok(directory);
        }
        if at <= lowest {
            return Err(missing(window));
        }
        at -= 1;
    }
}

/// The directory that an end record names, if its signature is where the record says (a comment can fake a record).
fn end_record(window: &mut Window<'_>, at: u64, record: &[u8]) -> Result<Option<Directory>, ReadError> {
    if u16_at(record, 4) != 0 && u16_at(record, 4) != u16::MAX {
        return Err(window.error(Fault::Unsupported, at, "the archive is split over several files", HINT));
    }
    let mut n_entries = u64::from(u16_at(record, 10));
    let mut bytes = u64::from(u32_at(record, 12));
    let mut start = u64::from(u32_at(record, 16));
    let mut end = at;
    if let Some(locator_at) = at.checked_sub(20)
        && let locator = array::<20>(window.get(locator_at, 20)?)
        && locator.starts_with(b"PK\x06\x07")
    {
        // The stated place is wrong behind a stub; the usual one is right before the locator.
        for wide_at in [u64_at(&locator, 8), locator_at.saturating_sub(56)] {
            if wide_at.checked_add(56).is_some_and(|end| end <= locator_at) {
                let wide: [u8; 56] = array(window.get(wide_at, 56)?);
                if wide.starts_with(b"PK\x06\x06") {
                    (n_entries, bytes, start) = (u64_at(&wide, 32), u64_at(&wide, 40), u64_at(&wide, 48));
                    end = wide_at;
                    break;
                }
            }
        }
    }
    let Some(actual) = end.checked_sub(bytes) else { return Ok(None) };
    let empty = n_entries == 0 && bytes == 0;
    if !empty && (actual + 4 > window.len() || window.get(actual, 4)? != b"PK\x01\x02") {
        return Ok(None);
    }
    let Some(shift) = actual.checked_sub(start) else {
        // Offsets that wrapped at 4 GiB look like this: Archive Utility wrote such files for years.
        return Err(window.error(Fault::Corrupt, at, "the archive's directory is not where it says", HINT));
    };
    Ok(Some(Directory { at: actual, bytes, n_entries, shift }))
}

#[derive(Clone, Copy)]
struct Sizes {
    len: u64,
    compressed: u64,
    header: u64,
}

impl Sizes {
    /// Takes the 64-bit sizes of the zip64 extra field, which holds only those that did not fit.
    fn widen(&mut self, mut extra: &[u8]) {
        while extra.len() >= 4 {
            let (id, size) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            if id == 1 {
                let mut body = extra.get(4..(4 + size).min(extra.len())).unwrap_or_default();
                for value in [&mut self.len, &mut self.compressed, &mut self.header] {
                    if *value == u64::from(u32::MAX) && body.len() >= 8 {
                        *value = u64_at(body, 0);
                        body = body.get(8..).unwrap_or_default();
                    }
                }
            }
            extra = extra.get(4 + size..).unwrap_or_default();
        }
    }
}

struct EntryRecord {
    flags: u16,
    method: u16,
    crc: u32,
    sizes: Sizes,
    shift: u64,
}

impl EntryRecord {
    fn open(&self, archive: &Rc<dyn RangeSource>, window: &mut Window<'_>) -> Rc<dyn RangeSource> {
        match self.locate(window) {
            Ok(start) if self.method == 0 => {
                Rc::new(Stored { archive: Rc::clone(archive), start, len: self.sizes.len })
            }
            Ok(start) => {
                let Sizes { len, compressed, .. } = self.sizes;
                Rc::new(Inflated::new(Rc::clone(archive), start, compressed, len, self.crc))
            }
            Err(why) => Rc::new(Unreadable { len: self.sizes.len, why }),
        }
    }

    /// Where the entry's bytes start, or why they cannot be read.
    fn locate(&self, window: &mut Window<'_>) -> Result<u64, String> {
        if self.flags & 1 != 0 {
            return Err("the archive is encrypted: unzip it with its password first".to_owned());
        }
        if self.method != 0 && self.method != 8 {
            return Err(format!("the archive packs it with method {}, not deflate: zip it again", self.method));
        }
        let damaged = || "the archive is damaged: its directory points outside of it".to_owned();
        let header_at = self.sizes.header.checked_add(self.shift).ok_or_else(damaged)?;
        let header: [u8; 30] = array(window.get(header_at, 30).map_err(|_| damaged())?);
        if !header.starts_with(b"PK\x03\x04") {
            return Err(damaged());
        }
        // The local header's name and extra field can be longer than the directory's.
        let start = header_at + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let held = if self.method == 0 { self.sizes.len } else { self.sizes.compressed };
        if start.checked_add(held).is_none_or(|end| end > window.len()) {
            return Err(damaged());
        }
        Ok(start)
    }
}

/// A range of another source.
struct Stored {
    archive: Rc<dyn RangeSource>,
    start: u64,
    len: u64,
}

impl RangeSource for Stored {
    fn len(&self) -> u64 {
        self.len
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        if offset.checked_add(into.len() as u64).is_none_or(|end| end > self.len) {
            return Err("past the end".to_owned());
        }
        self.archive.read_at(self.start + offset, into)
    }
    fn is_dear(&self) -> bool {
        self.archive.is_dear()
    }
}

/// An entry whose bytes cannot be had.
struct Unreadable {
    len: u64,
    why: String,
}

impl RangeSource for Unreadable {
    fn len(&self) -> u64 {
        self.len
    }
    fn read_at(&self, _offset: u64, _into: &mut [u8]) -> Result<(), String> {
        Err(self.why.clone())
    }
}

pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.get(..N).and_then(|bytes| <[u8; N]>::try_from(bytes).ok()).unwrap_or([0; N])
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes.get(at..).unwrap_or_default()))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes.get(at..).unwrap_or_default()))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes.get(at..).unwrap_or_default()))
}
