//! The protobuf wire format, pulled field by field through a window over a [`RangeSource`].
//!
//! Invariants: offsets in errors are offsets in the file; a length is checked against what encloses it before anything
//! is read or allocated; payloads that nobody asks for are skipped without being read.

use super::{RangeSource, ReadError};

/// Bytes that are read at once. Larger than any message we look into, far smaller than a weight.
const WINDOW: usize = 1 << 18;
/// Groups were deprecated before Core ML existed; they are skipped, nested ones too, up to this depth.
const MOST_GROUPS: u32 = 100_000;

/// A stretch of the file: the payload of a length-delimited field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.end - self.start
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Payload {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Span),
}

/// Pulls fields out of a source.
pub(super) struct Wire<'a> {
    source: &'a dyn RangeSource,
    file: &'a str,
    window: Vec<u8>,
    window_start: u64,
    at: u64,
}

impl<'a> Wire<'a> {
    pub(super) fn new(source: &'a dyn RangeSource, file: &'a str) -> Self {
        Self { source, file, window: Vec::new(), window_start: 0, at: 0 }
    }

    pub(super) fn whole(&self) -> Span {
        Span { start: 0, end: self.source.len() }
    }

    pub(super) fn error(&self, offset: u64, what: impl Into<String>) -> ReadError {
        ReadError {
            file: self.file.to_owned(),
            offset: Some(offset),
            what: what.into(),
            hint: "the file is damaged or not a Core ML model: export or download it again".to_owned(),
        }
    }

    /// Goes to the start of a stretch.
    pub(super) fn enter(&mut self, span: Span) {
        self.at = span.start;
    }

    /// Makes at least one byte at `self.at` available, if the file has it.
    fn fill(&mut self) -> Result<(), ReadError> {
        let left = self.source.len().saturating_sub(self.at);
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW);
        self.window.resize(n, 0);
        self.window_start = self.at;
        let offset = self.at;
        self.source.read_at(offset, &mut self.window).map_err(|why| self.error(offset, why))
    }

    fn byte(&mut self, end: u64) -> Result<u8, ReadError> {
        if self.at >= end {
            return Err(self.error(self.at, "the data ends within a field"));
        }
        let in_window = self.at.checked_sub(self.window_start).and_then(|at| usize::try_from(at).ok());
        let byte = match in_window.and_then(|at| self.window.get(at)) {
            Some(byte) => *byte,
            None => {
                self.fill()?;
                let first = self.window.first().copied();
                first.ok_or_else(|| self.error(self.at, "the file ends within a field"))?
            }
        };
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn varint(&mut self, end: u64) -> Result<u64, ReadError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(end)?;
            if shift < 64 {
                value |= u64::from(byte & 0x7f) << shift;
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error(start, "a number is longer than ten bytes"))
    }

    fn fixed(&mut self, n: u32, end: u64) -> Result<u64, ReadError> {
        let mut value = 0;
        for shift in 0..n {
            value |= u64::from(self.byte(end)?) << (8 * shift);
        }
        Ok(value)
    }

    /// The next field before `end`: its number and value. A bytes field is not read but stepped over.
    pub(super) fn field(&mut self, end: u64) -> Result<Option<(u32, Payload)>, ReadError> {
        let mut open_groups = 0_u32;
        loop {
            if self.at >= end {
                return if open_groups == 0 { Ok(None) } else { Err(self.error(self.at, "a group is not closed")) };
            }
            let start = self.at;
            let key = self.varint(end)?;
            let number = u32::try_from(key >> 3).unwrap_or(0);
            if number == 0 {
                return Err(self.error(start, "a field has the number 0"));
            }
            let payload = match key & 7 {
                0 => Payload::Varint(self.varint(end)?),
                1 => Payload::Fixed64(self.fixed(8, end)?),
                2 => {
                    let len = self.varint(end)?;
                    let stop = self.at.checked_add(len).filter(|stop| *stop <= end);
                    let stop = stop.ok_or_else(|| {
                        self.error(start, format!("a field says it has {len} bytes, more than are left"))
                    })?;
                    let span = Span { start: self.at, end: stop };
                    self.at = stop;
                    Payload::Bytes(span)
                }
                3 if open_groups < MOST_GROUPS => {
                    open_groups += 1;
                    continue;
                }
                4 if open_groups > 0 => {
                    open_groups -= 1;
                    continue;
                }
                5 => Payload::Fixed32(self.fixed(4, end)? as u32),
                other => {
                    return Err(self.error(start, format!("a field has the wire type {other}, which does not exist")));
                }
            };
            if open_groups == 0 {
                return Ok(Some((number, payload)));
            }
        }
    }

    /// Text of a stretch; at most `most` bytes of it. What is not UTF-8 becomes a replacement character.
    pub(super) fn text(&mut self, span: Span, most: u64) -> Result<String, ReadError> {
        let bytes = self.bytes(span, most)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// Bytes of a stretch, at most `most` of them. The reading position stays after the stretch.
    pub(super) fn bytes(&mut self, span: Span, most: u64) -> Result<Vec<u8>, ReadError> {
        let n = usize::try_from(span.len().min(most)).unwrap_or(0);
        let from = span.start.checked_sub(self.window_start).and_then(|at| usize::try_from(at).ok());
        let held = from.and_then(|from| self.window.get(from..from.checked_add(n)?));
        if let Some(held) = held {
            return Ok(held.to_vec());
        }
        let mut bytes = vec![0; n];
        self.source.read_at(span.start, &mut bytes).map_err(|why| self.error(span.start, why))?;
        Ok(bytes)
    }

    /// Calls `visit` for each number of a packed (or, as one value, unpacked) repeated field of varints.
    pub(super) fn varints(&mut self, payload: Payload, mut visit: impl FnMut(u64) -> bool) -> Result<(), ReadError> {
        match payload {
            Payload::Varint(value) => {
                visit(value);
            }
            Payload::Bytes(span) => {
                let back = self.at;
                self.at = span.start;
                while self.at < span.end {
                    let value = self.varint(span.end)?;
                    if !visit(value) {
                        break;
                    }
                }
                self.at = back;
            }
            Payload::Fixed32(_) | Payload::Fixed64(_) => {}
        }
        Ok(())
    }

    /// Runs `read` inside a stretch and comes back after it.
    pub(super) fn within<T>(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self, u64) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.enter(span);
        let value = read(self, span.end)?;
        self.at = span.end;
        Ok(value)
    }
}
