//! PNG: a signature, then chunks with a length, a type and a checksum.
//!
//! Kept are the chunks that draw the picture, its colours and its animation. Text, times, EXIF data and unknown chunks
//! are left out, and so is what follows the end chunk.

use crate::domain::media::picture::facts::{Facts, MAX_FRAMES, check_size, count, too_many_frames, too_many_parts};
use crate::domain::media::picture::gather::{Gather, be32, take};
use crate::domain::media::picture::orientation::{EXIF_BYTES, Orientation};
use crate::domain::media::refusal::Refusal;

/// Most chunks: pixels come in chunks of 8 KiB from common encoders, and in smaller ones from few.
const MAX_CHUNKS: u32 = 100_000;
/// Largest EXIF chunk in which an orientation is looked for.
const MAX_EXIF: u32 = 64 * 1024;
/// Largest colour profile.
const MAX_PROFILE: u32 = 4 * 1024 * 1024;

/// Filter of one PNG picture.
#[derive(Debug, Default)]
pub(super) struct Png {
    state: State,
    gather: Gather,
    chunks: u32,
    frames: u32,
    declared_frames: u32,
    size: Option<(u32, u32)>,
    has_pixels: bool,
    orientation: Option<Orientation>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Signature,
    /// Before the length and type of a chunk.
    Head,
    /// Within a chunk that is read whole, checksum included.
    Read {
        head: [u8; 8],
        length: usize,
    },
    Keep {
        left: u64,
        next: Next,
    },
    Drop {
        left: u64,
    },
    End,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Head,
    End,
}

impl Png {
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        while !input.is_empty() {
            self.step(&mut input, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<Facts, Refusal> {
        match (&self.state, self.size) {
            (State::End, Some(size)) => {
                let orientation = self.orientation.unwrap_or_default();
                Ok(Facts::new(size, orientation, self.declared_frames > 1))
            }
            _ => Err(Refusal::Truncated),
        }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.state {
            State::Signature => {
                if let Some(signature) = self.gather.fill(input, 8) {
                    if signature != b"\x89PNG\r\n\x1A\n" {
                        return Err(Refusal::Damaged("the signature is missing"));
                    }
                    out.extend_from_slice(&signature);
                    self.state = State::Head;
                }
            }
            State::Head => {
                if let Some(head) = self.gather.fill(input, 8) {
                    self.chunk(head.try_into().expect("eight bytes were gathered"), out)?;
                }
            }
            State::Read { head, length } => {
                let (head, length) = (*head, *length);
                if let Some(payload) = self.gather.fill(input, length) {
                    self.state = State::Head;
                    self.read(head, &payload, out)?;
                }
            }
            State::Keep { left, next } => {
                out.extend_from_slice(take(input, left));
                if *left == 0 {
                    self.state = match next {
                        Next::Head => State::Head,
                        Next::End => State::End,
                    };
                }
            }
            State::Drop { left } => {
                take(input, left);
                if *left == 0 {
                    self.state = State::Head;
                }
            }
            State::End => *input = &[],
        }
        Ok(())
    }

    /// Decides on a chunk by its type. Each has a checksum of four bytes behind it, so there is always more to read.
    fn chunk(&mut self, head: [u8; 8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        count(&mut self.chunks, MAX_CHUNKS, too_many_parts)?;
        let length = be32(&head, 0);
        let kind: [u8; 4] = head[4..].try_into().expect("four bytes");
        if length > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(Refusal::Damaged("a chunk has an impossible length or type"));
        }
        if (self.chunks == 1) != (&kind == b"IHDR") {
            return Err(Refusal::Damaged(
                "the header is not the first chunk, or not the only one",
            ));
        }
        let left = u64::from(length) + 4;
        let is_read = match &kind {
            b"IHDR" => Some(13),
            b"acTL" => Some(8),
            b"fcTL" => Some(26),
            _ => None,
        };
        self.state = if let Some(expected) = is_read {
            if length != expected {
                return Err(Refusal::Damaged("a header chunk has another length than it must"));
            }
            State::Read {
                head,
                length: expected as usize + 4,
            }
        } else if &kind == b"eXIf" && length <= MAX_EXIF && self.orientation.is_none() {
            State::Read {
                head,
                length: length as usize + 4,
            }
        } else if is_kept(&kind, length) {
            self.has_pixels |= &kind == b"IDAT";
            let next = match &kind {
                b"IEND" if !self.has_pixels => return Err(Refusal::Damaged("it has no pixels")),
                b"IEND" if length > 0 => return Err(Refusal::Damaged("the end has content")),
                b"IEND" => Next::End,
                _ => Next::Head,
            };
            out.extend_from_slice(&head);
            State::Keep { left, next }
        } else if kind[0].is_ascii_uppercase() {
            return Err(Refusal::Damaged("it needs a chunk that no viewer knows"));
        } else {
            State::Drop { left }
        };
        Ok(())
    }

    /// Handles a chunk that was read whole.
    fn read(&mut self, head: [u8; 8], payload: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &head[4..] {
            b"IHDR" => self.size = Some(check_size(be32(payload, 0), be32(payload, 4))?),
            b"acTL" => {
                self.declared_frames = be32(payload, 0);
                if self.declared_frames > MAX_FRAMES {
                    return Err(too_many_frames(MAX_FRAMES));
                }
            }
            b"fcTL" => {
                count(&mut self.frames, MAX_FRAMES, too_many_frames)?;
                let (width, height) = check_size(be32(payload, 4), be32(payload, 8))?;
                let fits =
                    |offset: u32, side: u32, canvas: u32| offset.checked_add(side).is_some_and(|end| end <= canvas);
                let canvas = self.size.expect("the header is the first chunk");
                if !fits(be32(payload, 12), width, canvas.0) || !fits(be32(payload, 16), height, canvas.1) {
                    return Err(Refusal::Damaged("a frame lies outside the picture"));
                }
            }
            _ => {
                let orientation = Orientation::from_exif(&payload[..payload.len() - 4]);
                self.orientation = Some(orientation);
                if orientation != Orientation::Upright {
                    let exif = orientation.to_exif();
                    out.extend_from_slice(&(EXIF_BYTES as u32).to_be_bytes());
                    out.extend_from_slice(b"eXIf");
                    out.extend_from_slice(&exif);
                    out.extend_from_slice(&checksum(b"eXIf", &exif).to_be_bytes());
                }
                return Ok(());
            }
        }
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// Reports whether a chunk is kept unread. Those of fixed sizes are left out if they are larger, for then they hold
/// something else.
fn is_kept(kind: &[u8; 4], length: u32) -> bool {
    let max = match kind {
        b"IDAT" | b"fdAT" | b"IEND" => u32::MAX,
        b"PLTE" => 768,
        b"tRNS" => 256,
        b"gAMA" | b"cICP" | b"sBIT" => 4,
        b"cHRM" => 32,
        b"sRGB" => 1,
        b"bKGD" => 6,
        b"pHYs" => 9,
        b"mDCV" => 24,
        b"cLLI" => 8,
        b"iCCP" => MAX_PROFILE,
        _ => return false,
    };
    length <= max
}

/// Computes a chunk's checksum (CRC-32). Bit by bit, since it runs over thirty bytes once a picture.
fn checksum(kind: &[u8], payload: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in kind.iter().chain(payload) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(checksum(b"IEND", &[]), 0xAE42_6082);
    }
}
