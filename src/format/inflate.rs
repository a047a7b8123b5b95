//! A deflated zip entry as a [`RangeSource`].
//!
//! Bytes are inflated only as far as something reads, and at most [`KEEP`] of them are held: a forward reader sees a
//! stream, whatever size the entry claims. A step back inside what is held is free; further back starts over, for a
//! limited number of bytes in all, so that hostile input cannot buy time. An entry that nothing reads costs nothing.

use std::{cell::RefCell, rc::Rc};

use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::stream::{InflateState, inflate},
};

use super::RangeSource;

/// Inflated bytes that are held.
const KEEP: usize = 32 << 20;
/// Compressed bytes that are read at a time.
const INPUT: u64 = 64 * 1024;
/// Inflated bytes that are asked for at a time.
const OUTPUT: usize = 128 * 1024;
/// Bytes that may be inflated again because something steps back to before what is held.
const AGAIN_MAX: u64 = 2 << 30;
/// Largest entry that is read: protobuf itself ends here.
const LEN_MAX: u64 = 2 << 30;

/// A deflated range of an archive.
pub(super) struct Inflated {
    archive: Rc<dyn RangeSource>,
    start: u64,
    compressed: u64,
    len: u64,
    crc: u32,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Made when the first byte is read: it takes more memory than an entry of an archive's directory.
    decoder: Option<Box<InflateState>>,
    /// Compressed bytes that the decoder has taken.
    taken: u64,
    input: Vec<u8>,
    /// Position in `input` of the first byte that the decoder has not taken.
    input_at: usize,
    /// Offset of `held` in the inflated bytes.
    held_from: u64,
    held: Vec<u8>,
    crc: u32,
    /// Bytes that were inflated again.
    again: u64,
}

impl Inflated {
    /// `compressed` bytes at `start` that the directory says inflate to `len` bytes with the checksum `crc`.
    pub(super) fn new(archive: Rc<dyn RangeSource>, start: u64, compressed: u64, len: u64, crc: u32) -> Self {
        Self { archive, start, compressed, len, crc, state: RefCell::default() }
    }

    fn step(&self, state: &mut State) -> Result<(), String> {
        if state.input_at >= state.input.len() {
            let size = (self.compressed - state.taken).min(INPUT);
            state.input.resize(size as usize, 0);
            state.input_at = 0;
            self.archive.read_at(self.start + state.taken, &mut state.input)?;
            state.taken += size;
        }
        let from = state.held.len();
        let left = self.len - state.held_from - from as u64;
        state.held.resize(from + left.min(OUTPUT as u64) as usize, 0);
        let input = state.input.get(state.input_at..).unwrap_or_default();
        let output = state.held.get_mut(from..).unwrap_or_default();
        let decoder = state.decoder.get_or_insert_with(|| InflateState::new_boxed(DataFormat::Raw));
        let result = inflate(decoder, input, output, MZFlush::None);
        state.input_at += result.bytes_consumed;
        state.held.truncate(from + result.bytes_written);
        state.crc = crc32(state.crc, state.held.get(from..).unwrap_or_default());
        let at = state.held_from + state.held.len() as u64;
        match result.status {
            Ok(MZStatus::Ok | MZStatus::StreamEnd) | Err(MZError::Buf) if at == self.len => {
                if state.crc != self.crc {
                    return Err("the compressed data does not match its checksum: the archive is damaged".to_owned());
                }
                Ok(())
            }
            Ok(MZStatus::StreamEnd) => Err(format!("the compressed data ends after {at} bytes, not {}", self.len)),
            // No progress on either side would loop for ever.
            Ok(_) | Err(MZError::Buf) if result.bytes_consumed > 0 || result.bytes_written > 0 => Ok(()),
            Ok(_) | Err(_) => Err("the compressed data is damaged".to_owned()),
        }
    }

    fn advance_to(&self, state: &mut State, offset: u64, end: u64) -> Result<(), String> {
        if offset < state.held_from {
            let again = state.again + state.held_from + state.held.len() as u64;
            if again > AGAIN_MAX {
                return Err("the archive must be unzipped first: it cannot be read in order".to_owned());
            }
            *state = State { again, ..State::default() };
        }
        while state.held_from + (state.held.len() as u64) < end {
            self.step(state)?;
            // What lies before the request can go once there is a lot of it.
            let droppable = offset.saturating_sub(state.held_from).min(state.held.len() as u64) as usize;
            if state.held.len() > KEEP && droppable > KEEP / 2 {
                state.held.drain(..droppable);
                state.held_from += droppable as u64;
            }
        }
        Ok(())
    }
}

impl RangeSource for Inflated {
    fn len(&self) -> u64 {
        self.len
    }

    fn is_sequential(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let end = offset.checked_add(into.len() as u64).filter(|end| *end <= self.len).ok_or("past the end")?;
        if self.len > LEN_MAX {
            return Err("the file is compressed and larger than 2 GiB: unzip the archive first".to_owned());
        }
        let Ok(mut state) = self.state.try_borrow_mut() else { return Err("the archive is being read".to_owned()) };
        self.advance_to(&mut state, offset, end)?;
        let from = (offset - state.held_from) as usize;
        let bytes = state.held.get(from..from + into.len()).ok_or("past the end")?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// CRC-32 of zip, four bits at a time.
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = [
        0x0000_0000,
        0x1DB7_1064,
        0x3B6E_20C8,
        0x26D9_30AC,
        0x76DC_4190,
        0x6B6B_51F4,
        0x4DB2_6158,
        0x5005_713C,
        0xEDB8_8320,
        0xF00F_9344,
        0xD6D6_A3E8,
        0xCB61_B38C,
        0x9B64_C2B0,
        0x86D3_D2D4,
        0xA00A_E278,
        0xBDBD_F21C,
    ];
    let entry = |crc: u32| TABLE.get((crc & 15) as usize).copied().unwrap_or_default() ^ (crc >> 4);
    !bytes.iter().fold(!crc, |crc, byte| entry(entry(crc ^ u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
    }
}
