//! A window over a [`RangeSource`]: the only way the reader looks at bytes.
//!
//! It holds at most [`LARGE`] bytes, reads ahead when it is read forwards and reads little after a jump, so a skipped
//! gigabyte costs nothing. A request past the end is an error, never a short answer.

use super::{Fault, RangeSource, ReadError};

/// Read ahead when reading forwards.
const LARGE: u64 = 256 * 1024;
/// Read after a jump: a record or a small message.
const SMALL: u64 = 16 * 1024;
/// What a person can do about a file that ends too early.
const CUT: &str = "the file is cut or damaged: copy or download it again";

/// Bytes of one source, a window at a time.
pub(super) struct Window<'s> {
    source: &'s dyn RangeSource,
    file: &'s str,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'s> Window<'s> {
    pub(super) fn new(source: &'s dyn RangeSource, file: &'s str) -> Self {
        Self { source, file, len: source.len(), start: 0, bytes: Vec::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// An error in this file.
    pub(super) fn error(&self, fault: Fault, offset: u64, what: impl Into<String>, hint: &str) -> ReadError {
        ReadError { fault, file: self.file.to_owned(), offset: Some(offset), what: what.into(), hint: hint.to_owned() }
    }

    /// The error for something that reaches past the end of what holds it.
    pub(super) fn cut(&self, offset: u64, what: impl Into<String>) -> ReadError {
        self.error(Fault::Truncated, offset, what, CUT)
    }

    /// Exactly `n` bytes at an offset; `n` is small (a record, never a payload).
    pub(super) fn get(&mut self, at: u64, n: usize) -> Result<&[u8], ReadError> {
        if at.checked_add(n as u64).is_none_or(|end| end > self.len) {
            return Err(self.cut(at, "the file ends here, but more must follow"));
        }
        if at < self.start || at - self.start + n as u64 > self.bytes.len() as u64 {
            self.load(at, n as u64)?;
        }
        let from = (at - self.start) as usize;
        self.bytes.get(from..from + n).ok_or_else(|| ReadError {
            fault: Fault::Truncated,
            file: self.file.to_owned(),
            offset: Some(at),
            what: "the file ends here, but more must follow".to_owned(),
            hint: CUT.to_owned(),
        })
    }

    /// A byte that needs no reading.
    #[inline]
    pub(super) fn held(&self, at: u64) -> Option<u8> {
        self.bytes.get(at.checked_sub(self.start)? as usize).copied()
    }

    /// One byte, on the fast path when it is in the window.
    pub(super) fn byte(&mut self, at: u64) -> Result<u8, ReadError> {
        if let Some(byte) = self.held(at) {
            return Ok(byte);
        }
        self.get(at, 1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    fn load(&mut self, at: u64, n: u64) -> Result<(), ReadError> {
        let end = self.start + self.bytes.len() as u64;
        let ahead = if at >= self.start && at <= end { LARGE } else { SMALL };
        let size = ahead.max(n).min(self.len - at);
        self.bytes.resize(size as usize, 0);
        self.start = at;
        self.source.read_at(at, &mut self.bytes).map_err(|why| {
            self.bytes.clear();
            self.error(Fault::Io, at, why, "")
        })
    }
}
