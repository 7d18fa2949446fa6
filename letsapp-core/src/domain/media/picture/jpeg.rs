//! JPEG: a list of marked segments, then compressed data, perhaps several times, then an end marker.
//!
//! Kept are the tables, frames and scans, the JFIF header without its thumbnail, the colour transform (Adobe) and the
//! colour profile. All other application segments and comments are left out, and so is what follows the end marker,
//! where cameras put second pictures with metadata of their own.

use crate::domain::media::picture::facts::{Facts, check_size, count, too_many_parts};
use crate::domain::media::picture::gather::{Gather, be16, take};
use crate::domain::media::picture::orientation::Orientation;
use crate::domain::media::refusal::Refusal;

/// Most segments of a file. A large colour profile takes some dozens.
const MAX_SEGMENTS: u32 = 4_096;
/// Most scans: each makes a decoder go over all pixels again. Encoders make about ten.
const MAX_SCANS: u32 = 100;

/// Filter of one JPEG picture.
#[derive(Debug, Default)]
pub(super) struct Jpeg {
    state: State,
    gather: Gather,
    segments: u32,
    scans: u32,
    size: Option<(u32, u32)>,
    has_header: bool,
    orientation: Option<Orientation>,
    wrote_orientation: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Before the start marker.
    #[default]
    Start,
    /// Before a marker.
    Marker,
    /// After the first byte of a marker.
    Code,
    /// Before the length of a segment.
    Length(u8),
    /// Within a segment that is read whole.
    Read { marker: u8, length: usize },
    /// Within a segment that is kept unread.
    Keep { left: u64, next: Next },
    /// Within a segment that is left out.
    Drop { left: u64 },
    /// Within compressed data.
    Scan,
    /// After a byte of compressed data that may begin a marker.
    ScanCode,
    /// After the end marker.
    End,
}

/// Part that follows a segment.
#[derive(Clone, Copy, Debug)]
enum Next {
    Marker,
    Scan,
}

impl Jpeg {
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        while !input.is_empty() {
            self.step(&mut input, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<Facts, Refusal> {
        match (&self.state, self.size) {
            (State::End, Some(size)) => Ok(Facts::new(size, self.orientation.unwrap_or_default(), false)),
            _ => Err(Refusal::Truncated),
        }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.state {
            State::Start => {
                if let Some(start) = self.gather.fill(input, 2) {
                    if start != [0xFF, 0xD8] {
                        return Err(Refusal::Damaged("the start of the picture is missing"));
                    }
                    out.extend_from_slice(&start);
                    self.state = State::Marker;
                }
            }
            // Decoders look for the next marker if a segment is longer than it says, and so does this.
            State::Marker => match input.iter().position(|&byte| byte == 0xFF) {
                Some(at) => {
                    *input = &input[at + 1..];
                    self.state = State::Code;
                }
                None => *input = &[],
            },
            State::Code => {
                let code = first(input);
                self.marker(code, out)?;
            }
            State::Length(marker) => {
                let marker = *marker;
                if let Some(length) = self.gather.fill(input, 2) {
                    let length = be16(&length, 0);
                    let length = length
                        .checked_sub(2)
                        .ok_or(Refusal::Damaged("a segment has no length"))?;
                    self.segment(marker, length, out)?;
                }
            }
            State::Read { marker, length } => {
                let (marker, length) = (*marker, *length);
                if let Some(payload) = self.gather.fill(input, length) {
                    self.state = State::Marker;
                    self.read(marker, &payload, out)?;
                }
            }
            State::Keep { left, next } => {
                out.extend_from_slice(take(input, left));
                if *left == 0 {
                    self.state = match next {
                        Next::Marker => State::Marker,
                        Next::Scan => State::Scan,
                    };
                }
            }
            State::Drop { left } => {
                take(input, left);
                if *left == 0 {
                    self.state = State::Marker;
                }
            }
            State::Scan => {
                let end = input.iter().position(|&byte| byte == 0xFF);
                out.extend_from_slice(&input[..end.unwrap_or(input.len())]);
                *input = end.map_or(&[], |end| &input[end + 1..]);
                if end.is_some() {
                    self.state = State::ScanCode;
                }
            }
            State::ScanCode => match first(input) {
                // A stuffed zero, or a restart marker.
                code @ (0x00 | 0xD0..=0xD7) => {
                    out.extend_from_slice(&[0xFF, code]);
                    self.state = State::Scan;
                }
                // Padding before a marker.
                0xFF => {}
                code => self.marker(code, out)?,
            },
            State::End => *input = &[],
        }
        Ok(())
    }

    /// Handles a marker by its second byte.
    fn marker(&mut self, code: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.state = match code {
            0xFF => State::Code,
            // No marker after all, or one without a segment that means nothing here.
            0x00 | 0x01 | 0xD0..=0xD7 => State::Marker,
            0xD8 => return Err(Refusal::Damaged("a picture begins within the picture")),
            0xD9 if self.scans == 0 => return Err(Refusal::Damaged("it has no pixels")),
            0xD9 => {
                out.extend_from_slice(&[0xFF, 0xD9]);
                State::End
            }
            code => State::Length(code),
        };
        Ok(())
    }

    /// Decides on a segment by its marker. A length of zero is handled at once, since no further input is needed.
    fn segment(&mut self, marker: u8, length: u32, out: &mut Vec<u8>) -> Result<(), Refusal> {
        count(&mut self.segments, MAX_SEGMENTS, too_many_parts)?;
        let left = u64::from(length);
        self.state = match marker {
            // Frame headers that decoders know; application segments of which something may be kept.
            0xC0..=0xC2 | 0xC9 | 0xCA | 0xE0..=0xE2 | 0xEE => State::Read {
                marker,
                length: length as usize,
            },
            0xC3 | 0xC5..=0xC8 | 0xCB | 0xCD..=0xCF | 0xDE | 0xDF => {
                return Err(Refusal::Damaged("it is lossless or hierarchical, which nothing shows"));
            }
            0xDA => {
                if self.size.is_none() {
                    return Err(Refusal::Damaged("pixels come before the dimensions"));
                }
                count(&mut self.scans, MAX_SCANS, too_many_parts)?;
                self.keep(marker, length, out);
                State::Keep { left, next: Next::Scan }
            }
            // Tables: Huffman, arithmetic, quantisation, restart interval.
            0xC4 | 0xCC | 0xDB | 0xDD => {
                self.keep(marker, length, out);
                State::Keep {
                    left,
                    next: Next::Marker,
                }
            }
            // Comments, makers' data, a late number of lines, and what no standard defines.
            _ => State::Drop { left },
        };
        // A state with nothing left must not wait for a byte that belongs to what follows.
        match self.state {
            State::Read { marker, length: 0 } => {
                self.state = State::Marker;
                self.read(marker, &[], out)
            }
            State::Keep {
                left: 0,
                next: Next::Scan,
            } => {
                self.state = State::Scan;
                Ok(())
            }
            State::Keep { left: 0, .. } | State::Drop { left: 0 } => {
                self.state = State::Marker;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Writes the head of a segment that is kept; before the first, the orientation.
    fn keep(&mut self, marker: u8, length: u32, out: &mut Vec<u8>) {
        let orientation = self.orientation.unwrap_or_default();
        if orientation != Orientation::Upright && !self.wrote_orientation {
            self.wrote_orientation = true;
            out.extend_from_slice(b"\xFF\xE1\0\x22Exif\0\0");
            out.extend_from_slice(&orientation.to_exif());
        }
        let [_, _, high, low] = (length + 2).to_be_bytes();
        out.extend_from_slice(&[0xFF, marker, high, low]);
    }

    /// Handles a segment that was read whole.
    fn read(&mut self, marker: u8, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match marker {
            0xE0 if payload.starts_with(b"JFIF\0") && payload.len() >= 14 && !self.has_header => {
                self.has_header = true;
                // Written without the thumbnail, and before anything else, where the standard wants it.
                out.extend_from_slice(&[0xFF, 0xE0, 0, 16]);
                out.extend_from_slice(&payload[..12]);
                out.extend_from_slice(&[0, 0]);
            }
            // Viewers take the first that they find.
            0xE1 if payload.starts_with(b"Exif\0\0") && self.orientation.is_none() && self.scans == 0 => {
                self.orientation = Some(Orientation::from_exif(payload));
            }
            0xE2 if payload.starts_with(b"ICC_PROFILE\0") => {
                self.keep(marker, payload.len() as u32, out);
                out.extend_from_slice(payload);
            }
            0xEE if payload.starts_with(b"Adobe") && payload.len() >= 12 => {
                self.keep(marker, 12, out);
                out.extend_from_slice(&payload[..12]);
            }
            0xE0..=0xEF => {}
            _ => {
                if self.size.is_some() {
                    return Err(Refusal::Damaged("it declares its dimensions twice"));
                }
                if payload.len() < 6 || payload.len() < 6 + 3 * usize::from(payload[5]) {
                    return Err(Refusal::Damaged("its frame header is too short"));
                }
                self.size = Some(check_size(be16(payload, 3), be16(payload, 1))?);
                self.keep(marker, payload.len() as u32, out);
                out.extend_from_slice(payload);
            }
        }
        Ok(())
    }
}

/// Takes one byte off an input that has one.
fn first(input: &mut &[u8]) -> u8 {
    let (byte, rest) = input.split_first().expect("the caller has checked that there is input");
    *input = rest;
    *byte
}
