//! WebP: a RIFF container that states its size at the beginning.
//!
//! The size is written before anything else is known, so nothing gets shorter: metadata is overwritten with zeros,
//! under the name that RIFF has for padding. Kept are pictures, their transparency, colour profile and animation.

use crate::domain::media::picture::facts::{Facts, MAX_FRAMES, check_size, count, too_many_frames, too_many_parts};
use crate::domain::media::picture::gather::{Gather, le16, le24, le32, take};
use crate::domain::media::picture::orientation::{EXIF_BYTES, Orientation};
use crate::domain::media::refusal::Refusal;

/// Most chunks; a frame of an animation has two or three.
const MAX_CHUNKS: u32 = 8_192;
/// Largest EXIF chunk in which an orientation is looked for.
const MAX_EXIF: u32 = 64 * 1024;
/// Bytes of the header of a frame.
const FRAME_HEADER: u32 = 16;

const HAS_EXIF: u8 = 0x08;
/// Flags of the extended header that are kept: colour profile, transparency, EXIF, animation. Not XMP.
const KEPT_FLAGS: u8 = 0x3A;

/// Filter of one WebP picture.
#[derive(Debug, Default)]
pub(super) struct Webp {
    state: State,
    gather: Gather,
    /// Bytes that the container still has.
    left: u64,
    /// Bytes that the present frame still has; `None` outside of one.
    frame_left: Option<u64>,
    chunks: u32,
    frames: u32,
    flags: u8,
    size: Option<(u32, u32)>,
    has_picture: bool,
    orientation: Option<Orientation>,
}

#[derive(Debug, Default)]
enum State {
    /// Before the header of the container.
    #[default]
    Riff,
    /// Before the head of a chunk.
    Head,
    /// Within the beginning of a chunk that must be read, of which `rest` follows.
    Read {
        kind: [u8; 4],
        wanted: usize,
        rest: u64,
    },
    /// Within a chunk, or its padding, that is kept.
    Keep {
        left: u64,
    },
    /// Within a chunk that is overwritten.
    Blank {
        left: u64,
    },
    End,
}

impl Webp {
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        while !input.is_empty() {
            self.step(&mut input, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<Facts, Refusal> {
        match (&self.state, self.size) {
            (State::End, _) if !self.has_picture => Err(Refusal::Damaged("it has no pixels")),
            (State::End, Some(size)) => Ok(Facts::new(size, self.orientation.unwrap_or_default(), self.frames > 1)),
            _ => Err(Refusal::Truncated),
        }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.state {
            State::Riff => {
                if let Some(head) = self.gather.fill(input, 12) {
                    let size = u64::from(le32(&head, 4));
                    if &head[..4] != b"RIFF" || &head[8..] != b"WEBP" || size < 12 {
                        return Err(Refusal::Damaged("the header is wrong"));
                    }
                    out.extend_from_slice(&head);
                    self.left = size - 4;
                    self.state = State::Head;
                }
            }
            State::Head => {
                if let Some(head) = self.gather.fill(input, 8) {
                    self.chunk(head.try_into().expect("eight bytes were gathered"), out)?;
                }
            }
            State::Read { kind, wanted, rest } => {
                let (kind, wanted, rest) = (*kind, *wanted, *rest);
                if let Some(payload) = self.gather.fill(input, wanted) {
                    self.read(kind, &payload, rest, out)?;
                }
            }
            State::Keep { left } => {
                out.extend_from_slice(take(input, left));
                if *left == 0 {
                    self.after_chunk()?;
                }
            }
            State::Blank { left } => {
                let length = take(input, left).len();
                out.resize(out.len() + length, 0);
                if *left == 0 {
                    self.after_chunk()?;
                }
            }
            State::End => *input = &[],
        }
        Ok(())
    }

    /// Decides on a chunk by its type, after it was held against the size of what it lies in.
    fn chunk(&mut self, head: [u8; 8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        count(&mut self.chunks, MAX_CHUNKS, too_many_parts)?;
        let kind: [u8; 4] = head[..4].try_into().expect("four bytes");
        let length = le32(&head, 4);
        // Chunks have an even number of bytes; some encoders leave out the last one of the file.
        let outer = self.frame_left.unwrap_or(self.left);
        let exact = u64::from(length) + 8;
        let padded = exact + exact % 2;
        let whole = if padded > outer { exact } else { padded };
        if whole > outer {
            return Err(Refusal::Damaged("a chunk is longer than what it lies in"));
        }
        self.left -= if self.frame_left.is_some() { 0 } else { whole };
        let body = whole - 8;
        if let Some(left) = &mut self.frame_left {
            *left -= whole;
        }
        let in_frame = self.frame_left.is_some();
        if self.chunks == 1 && !matches!(&kind, b"VP8X" | b"VP8 " | b"VP8L") {
            return Err(Refusal::Damaged("it does not begin with a picture"));
        }
        // Number of bytes that must be read of a chunk; `None` if it is kept or overwritten unread.
        let wanted = match &kind {
            b"VP8X" if self.chunks == 1 && length == 10 => Some(10),
            b"VP8X" => {
                return Err(Refusal::Damaged(
                    "the extended header is misplaced, or of another length",
                ));
            }
            b"VP8 " if in_frame || !self.has_picture => Some(10),
            b"VP8L" if in_frame || !self.has_picture => Some(5),
            b"ANMF" if in_frame => return Err(Refusal::Damaged("a frame lies within a frame")),
            b"ANMF" => Some(FRAME_HEADER),
            b"EXIF" if self.is_orientation(in_frame, length) => Some(length),
            _ => None,
        };
        if let Some(wanted) = wanted {
            if length < wanted {
                return Err(Refusal::Damaged("a chunk is too short"));
            }
            out.extend_from_slice(&head);
            self.state = State::Read {
                kind,
                wanted: wanted as usize,
                rest: body - u64::from(wanted),
            };
            return Ok(());
        }
        let kept = match &kind {
            b"ALPH" => true,
            b"ICCP" | b"ANIM" => !in_frame,
            _ => false,
        };
        self.state = if kept {
            out.extend_from_slice(&head);
            State::Keep { left: body }
        } else {
            out.extend_from_slice(b"JUNK");
            out.extend_from_slice(&head[4..]);
            State::Blank { left: body }
        };
        if body == 0 { self.after_chunk() } else { Ok(()) }
    }

    /// Reports whether an EXIF chunk is the one that viewers take, and has room for the orientation.
    fn is_orientation(&self, in_frame: bool, length: u32) -> bool {
        let has_room = (EXIF_BYTES as u32..=MAX_EXIF).contains(&length);
        !in_frame && has_room && self.flags & HAS_EXIF != 0 && self.orientation.is_none()
    }

    /// Handles the beginning of a chunk; its head was written.
    fn read(&mut self, kind: [u8; 4], payload: &[u8], rest: u64, out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &kind {
            b"VP8X" => {
                self.size = Some(check_size(le24(payload, 4) + 1, le24(payload, 7) + 1)?);
                self.flags = payload[0] & KEPT_FLAGS;
                out.extend_from_slice(&[self.flags, 0, 0, 0]);
                out.extend_from_slice(&payload[4..]);
            }
            b"ANMF" => {
                count(&mut self.frames, MAX_FRAMES, too_many_frames)?;
                let (width, height) = check_size(le24(payload, 6) + 1, le24(payload, 9) + 1)?;
                let canvas = self
                    .size
                    .ok_or(Refusal::Damaged("an animation has no extended header"))?;
                if le24(payload, 0) * 2 + width > canvas.0 || le24(payload, 3) * 2 + height > canvas.1 {
                    return Err(Refusal::Damaged("a frame lies outside the picture"));
                }
                out.extend_from_slice(payload);
                self.frame_left = Some(rest);
                return self.after_chunk();
            }
            b"EXIF" => {
                let orientation = Orientation::from_exif(payload);
                self.orientation = Some(orientation);
                out.extend_from_slice(&orientation.to_exif());
                out.resize(out.len() + payload.len() - EXIF_BYTES, 0);
                // The padding is overwritten too: nothing says that it is zero.
                self.state = State::Blank { left: rest };
                return if rest == 0 { self.after_chunk() } else { Ok(()) };
            }
            _ => {
                let size = if &kind == b"VP8L" {
                    lossless_size(payload)
                } else {
                    lossy_size(payload)
                };
                let (width, height) = size.ok_or(Refusal::Damaged("the header of a picture is wrong"))?;
                let size = check_size(width, height)?;
                self.size = self.size.or(Some(size));
                self.has_picture = true;
                out.extend_from_slice(payload);
            }
        }
        self.state = State::Keep { left: rest };
        if rest == 0 { self.after_chunk() } else { Ok(()) }
    }

    /// Goes on after a chunk: within the frame, with the next chunk, or to the end.
    fn after_chunk(&mut self) -> Result<(), Refusal> {
        if self.frame_left == Some(0) {
            self.frame_left = None;
        }
        let left = self.frame_left.unwrap_or(self.left);
        self.state = match (left, self.frame_left) {
            (0, _) => State::End,
            (1..8, None) => State::Blank {
                left: std::mem::take(&mut self.left),
            },
            (1..8, Some(_)) => {
                self.frame_left = None;
                State::Blank { left }
            }
            _ => State::Head,
        };
        Ok(())
    }
}

/// Reads the dimensions of a lossy picture: a key frame of VP8.
fn lossy_size(head: &[u8]) -> Option<(u32, u32)> {
    let is_key_frame = head[0] & 1 == 0 && head[3..6] == [0x9D, 0x01, 0x2A];
    is_key_frame.then(|| (le16(head, 6) & 0x3FFF, le16(head, 8) & 0x3FFF))
}

/// Reads the dimensions of a lossless picture.
fn lossless_size(head: &[u8]) -> Option<(u32, u32)> {
    let bits = le32(head, 1);
    (head[0] == 0x2F).then(|| ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}
