//! A pull reader for the protobuf wire format over a [`Window`].
//!
//! A message is a [`Span`] of the file; reading a field moves the span's start and hands out the field's payload, again
//! as a span: nothing is copied until something asks for text or numbers, and what nobody asks for is skipped by its
//! length. Every offset in an error is an offset in the file. Unknown fields and deprecated groups are skipped without
//! recursion. Absent on purpose: a schema; the rooms that know one say which numbers they want.

use super::{Fault, RangeSource, ReadError, window::Window};

/// Longest text that is kept; the rest of a longer one is dropped.
const TEXT_MAX: u64 = 64 * 1024;

/// A range of the file: a message, a string or packed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.end - self.at
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Span),
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) value: Payload,
}

/// Reads one file as protobuf.
pub(super) struct Wire<'s> {
    window: Window<'s>,
}

impl<'s> Wire<'s> {
    pub(super) fn new(source: &'s dyn RangeSource, file: &'s str) -> Self {
        Self { window: Window::new(source, file) }
    }

    /// The whole file as one message.
    pub(super) fn whole(&self) -> Span {
        Span { at: 0, end: self.window.len() }
    }

    /// An error at an offset of this file.
    pub(super) fn error(&self, fault: Fault, offset: u64, what: impl Into<String>, hint: &str) -> ReadError {
        self.window.error(fault, offset, what, hint)
    }

    /// The next field of a message, or `None` at its end.
    pub(super) fn next(&mut self, message: &mut Span) -> Result<Option<Field>, ReadError> {
        // Groups are not used by Core ML; an unknown one is stepped over by counting its ends.
        let mut open_groups = 0_u64;
        while message.at < message.end {
            let at = message.at;
            let tag = self.varint(message)?;
            let number = tag >> 3;
            if number == 0 || number > 0x1FFF_FFFF {
                let hint = "this is no Core ML specification, or it is damaged";
                return Err(self.error(Fault::Corrupt, at, format!("{number} is not a protobuf field number"), hint));
            }
            let value = match tag & 7 {
                0 => Payload::Varint(self.varint(message)?),
                1 => Payload::Fixed64(u64::from_le_bytes(self.array(message)?)),
                2 => Payload::Bytes(self.length_delimited(message, number)?),
                3 => {
                    open_groups += 1;
                    continue;
                }
                4 if open_groups > 0 => {
                    open_groups -= 1;
                    continue;
                }
                5 => Payload::Fixed32(u32::from_le_bytes(self.array(message)?)),
                other => {
                    let hint = "this is no Core ML specification, or it is damaged";
                    return Err(self.error(Fault::Corrupt, at, format!("field {number} has wire type {other}"), hint));
                }
            };
            if open_groups == 0 {
                return Ok(Some(Field { number: number as u32, value }));
            }
        }
        if open_groups > 0 {
            return Err(self.window.cut(message.at, "a group is not closed"));
        }
        Ok(None)
    }

    fn length_delimited(&mut self, message: &mut Span, number: u64) -> Result<Span, ReadError> {
        let at = message.at;
        let len = self.varint(message)?;
        let left = message.len();
        if len > left {
            return Err(self.window.cut(at, format!("field {number} says {len} bytes follow, but there are {left}")));
        }
        let span = Span { at: message.at, end: message.at + len };
        message.at = span.end;
        Ok(span)
    }

    fn array<const N: usize>(&mut self, span: &mut Span) -> Result<[u8; N], ReadError> {
        if span.len() < N as u64 {
            return Err(self.window.cut(span.at, "a number is cut off"));
        }
        let bytes = self.window.get(span.at, N)?;
        let array = <[u8; N]>::try_from(bytes).unwrap_or([0; N]);
        span.at += N as u64;
        Ok(array)
    }

    /// A variable-length number at the start of a span.
    #[inline]
    pub(super) fn varint(&mut self, span: &mut Span) -> Result<u64, ReadError> {
        // Most numbers are one byte, and it is at hand.
        if span.at < span.end
            && let Some(byte) = self.window.held(span.at)
            && byte < 0x80
        {
            span.at += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint(span)
    }

    fn long_varint(&mut self, span: &mut Span) -> Result<u64, ReadError> {
        let start = span.at;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            if span.at >= span.end {
                return Err(self.window.cut(start, "a number is cut off"));
            }
            let byte = self.window.byte(span.at)?;
            span.at += 1;
            // The tenth byte has room for one bit; protobuf drops what does not fit.
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(
            Fault::Corrupt,
            start,
            "a number is longer than ten bytes",
            "this is no Core ML specification, or it is damaged",
        ))
    }

    /// Text; bytes that are no UTF-8 become replacement characters, because one bad name must not hide a model.
    pub(super) fn text(&mut self, span: Span) -> Result<String, ReadError> {
        let len = span.len().min(TEXT_MAX) as usize;
        let bytes = self.window.get(span.at, len)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        })
    }

    /// Feeds every number of a repeated integer field, packed or not.
    pub(super) fn ints(&mut self, value: Payload, mut each: impl FnMut(u64)) -> Result<(), ReadError> {
        match value {
            Payload::Varint(one) | Payload::Fixed64(one) => each(one),
            Payload::Fixed32(one) => each(u64::from(one)),
            Payload::Bytes(mut span) => {
                while span.at < span.end {
                    each(self.varint(&mut span)?);
                }
            }
        }
        Ok(())
    }

    /// Up to `max` raw bytes from the start of a span.
    pub(super) fn bytes(&mut self, span: Span, max: usize) -> Result<&[u8], ReadError> {
        let len = span.len().min(max as u64) as usize;
        self.window.get(span.at, len)
    }

    /// A fingerprint of a span's bytes (FNV-1a), for telling equal inline constants from different ones.
    pub(super) fn fingerprint(&mut self, span: Span) -> Result<u64, ReadError> {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for at in span.at..span.end {
            hash = (hash ^ u64::from(self.window.byte(at)?)).wrapping_mul(0x0100_0000_01B3);
        }
        Ok(hash)
    }

    /// The key and value of a map entry; either may be missing.
    pub(super) fn map_entry(&mut self, mut entry: Span) -> Result<(String, Option<Span>), ReadError> {
        let (mut key, mut value) = (String::new(), None);
        while let Some(field) = self.next(&mut entry)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => key = self.text(span)?,
                (2, Payload::Bytes(span)) => value = Some(span),
                _ => {}
            }
        }
        Ok((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);
    impl RangeSource for Bytes {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
            let from = offset as usize;
            into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("past the end")?);
            Ok(())
        }
    }

    fn check(bytes: &[u8], expected: &str) {
        let source = Bytes(bytes.to_vec());
        let mut wire = Wire::new(&source, "test");
        let mut rest = wire.whole();
        let mut seen = Vec::new();
        let outcome = loop {
            match wire.next(&mut rest) {
                Ok(Some(field)) => seen.push(format!("{}={:?}", field.number, field.value)),
                Ok(None) => break "end".to_owned(),
                Err(error) => break error.to_string(),
            }
        };
        seen.push(outcome);
        assert_eq!(seen.join(" "), expected);
    }

    #[test]
    fn every_wire_type_is_read_or_refused_with_its_offset() {
        check(&[0x08, 0x96, 0x01], "1=Varint(150) end");
        check(&[0x12, 0x02, 0xAA, 0xBB], "2=Bytes(Span { at: 2, end: 4 }) end");
        check(&[0x0D, 1, 0, 0, 0], "1=Fixed32(1) end");
        check(&[0x09, 1, 0, 0, 0, 0, 0, 0, 0], "1=Fixed64(1) end");
        check(&[], "end");
        let damaged = "this is no Core ML specification, or it is damaged";
        check(&[0x00], &format!("test at offset 0x0: 0 is not a protobuf field number; {damaged}"));
        check(&[0x08, 0x01, 0x0E], &format!("1=Varint(1) test at offset 0x2: field 1 has wire type 6; {damaged}"));
        check(
            &[0x08; 1],
            "test at offset 0x1: a number is cut off; the file is cut or damaged: copy or download it again",
        );
        let eleven = [&[0x08][..], &[0xFF; 11]].concat();
        check(&eleven, &format!("test at offset 0x1: a number is longer than ten bytes; {damaged}"));
    }

    #[test]
    fn a_length_near_2_64_does_not_wrap() {
        let mut bytes = vec![0x12];
        bytes.extend([0xFF; 9]);
        bytes.push(0x01);
        check(
            &bytes,
            "test at offset 0x1: field 2 says 18446744073709551615 bytes follow, but there are 0; the file is cut or \
             damaged: copy or download it again",
        );
    }

    #[test]
    fn deep_groups_are_skipped_without_recursion() {
        let mut bytes = vec![0x0B; 200_000];
        bytes.extend(vec![0x0C; 200_000]);
        bytes.extend([0x10, 0x07]);
        check(&bytes, "2=Varint(7) end");
    }
}
