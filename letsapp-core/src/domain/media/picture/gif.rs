//! GIF: a header, then blocks. Data comes in sub-blocks of up to 255 bytes, up to an empty one.
//!
//! Kept are frames with their timing and transparency, the number of repetitions and the colour profile. Comments, text
//! and other application blocks (XMP among them) are left out, and so is what follows the trailer.

use crate::domain::media::picture::facts::{Facts, MAX_FRAMES, check_size, count, too_many_frames, too_many_parts};
use crate::domain::media::picture::gather::{Gather, le16, take};
use crate::domain::media::picture::orientation::Orientation;
use crate::domain::media::refusal::Refusal;

/// Most blocks: each frame has two, and few others are ever there.
const MAX_BLOCKS: u32 = 8_192;

/// Filter of one GIF picture.
#[derive(Debug, Default)]
pub(super) struct Gif {
    state: State,
    gather: Gather,
    blocks: u32,
    frames: u32,
    size: Option<(u32, u32)>,
    /// First sub-block of an extension that is written anew.
    first: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    /// Before the first byte of a block.
    Block,
    /// Before the label of an extension.
    Label,
    /// Before the size of an application's name.
    Size,
    /// Within an application's name.
    Name,
    /// Within the head of a frame.
    Descriptor,
    /// Within a table of colours; `frame` if the compressed pixels follow it.
    Colours {
        left: u64,
        frame: bool,
    },
    /// Before the size of codes of a frame.
    CodeSize,
    /// Before the size of a sub-block.
    SubSize(Mode),
    /// Within a sub-block.
    Sub {
        left: u64,
        mode: Mode,
    },
    End,
}

/// Treatment of the sub-blocks of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Keep,
    Drop,
    /// Timing of the next frame, written anew from the first sub-block.
    Timing,
    /// Number of repetitions, written anew from the first sub-block.
    Repetitions,
}

impl Gif {
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        while !input.is_empty() {
            self.step(&mut input, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<Facts, Refusal> {
        match (&self.state, self.size) {
            (State::End, Some(size)) => Ok(Facts::new(size, Orientation::Upright, self.frames > 1)),
            _ => Err(Refusal::Truncated),
        }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match self.state {
            State::Header => {
                if let Some(header) = self.gather.fill(input, 13) {
                    if !matches!(&header[..6], b"GIF87a" | b"GIF89a") {
                        return Err(Refusal::Damaged("the signature is missing"));
                    }
                    self.size = Some(check_size(le16(&header, 6), le16(&header, 8))?);
                    out.extend_from_slice(&header);
                    self.state = after_head(header[10], false);
                }
            }
            State::Colours { ref mut left, frame } => {
                out.extend_from_slice(take(input, left));
                if *left == 0 {
                    self.state = if frame { State::CodeSize } else { State::Block };
                }
            }
            State::Descriptor => {
                if let Some(head) = self.gather.fill(input, 9) {
                    count(&mut self.frames, MAX_FRAMES, too_many_frames)?;
                    check_size(le16(&head, 4), le16(&head, 6))?;
                    out.push(0x2C);
                    out.extend_from_slice(&head);
                    self.state = after_head(head[8], true);
                }
            }
            State::Size => {
                // Always eleven by the standard; with any other size it is data like the rest.
                self.state = match first(input) {
                    11 => State::Name,
                    0 => State::Block,
                    size => State::Sub {
                        left: size.into(),
                        mode: Mode::Drop,
                    },
                };
            }
            State::Name => {
                if let Some(name) = self.gather.fill(input, 11) {
                    self.state = State::SubSize(match &name[..] {
                        b"NETSCAPE2.0" | b"ANIMEXTS1.0" => Mode::Repetitions,
                        b"ICCRGBG1012" => {
                            out.extend_from_slice(b"\x21\xFF\x0BICCRGBG1012");
                            Mode::Keep
                        }
                        _ => Mode::Drop,
                    });
                }
            }
            State::Sub { ref mut left, mode } => {
                let part = take(input, left);
                match mode {
                    Mode::Keep => out.extend_from_slice(part),
                    Mode::Drop => {}
                    Mode::Timing | Mode::Repetitions => self.first.get_or_insert_default().extend_from_slice(part),
                }
                if *left == 0 {
                    // Only the first sub-block means something in a block that is written anew.
                    self.state = match mode {
                        Mode::Timing | Mode::Repetitions => {
                            self.write_anew(mode, out);
                            State::SubSize(Mode::Drop)
                        }
                        mode => State::SubSize(mode),
                    };
                }
            }
            State::Block | State::Label | State::CodeSize | State::SubSize(_) => {
                let byte = first(input);
                self.state = self.byte(byte, out)?;
            }
            State::End => *input = &[],
        }
        Ok(())
    }

    /// Handles a byte that decides on what follows.
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<State, Refusal> {
        match self.state {
            State::Block => {
                if byte != 0 {
                    count(&mut self.blocks, MAX_BLOCKS, too_many_parts)?;
                }
                match byte {
                    0x21 => Ok(State::Label),
                    0x2C => Ok(State::Descriptor),
                    0x3B if self.frames == 0 => Err(Refusal::Damaged("it has no pixels")),
                    0x3B => {
                        out.push(0x3B);
                        Ok(State::End)
                    }
                    // Some encoders end a block twice, and viewers don't mind.
                    0 => Ok(State::Block),
                    _ => Err(Refusal::Damaged("an unknown block follows")),
                }
            }
            State::Label => Ok(match byte {
                0xF9 => State::SubSize(Mode::Timing),
                0xFF => State::Size,
                _ => State::SubSize(Mode::Drop),
            }),
            State::CodeSize => {
                out.push(byte);
                Ok(State::SubSize(Mode::Keep))
            }
            State::SubSize(mode) => {
                if mode == Mode::Keep {
                    out.push(byte);
                }
                self.first = None;
                Ok(match byte {
                    0 => State::Block,
                    size => State::Sub {
                        left: size.into(),
                        mode,
                    },
                })
            }
            _ => unreachable!("called where one byte decides"),
        }
    }

    /// Writes an extension with the one sub-block that means something, if it has the right form.
    fn write_anew(&mut self, mode: Mode, out: &mut Vec<u8>) {
        let first = self.first.take().unwrap_or_default();
        match (mode, &first[..]) {
            (Mode::Timing, timing @ [_, _, _, _]) => {
                out.extend_from_slice(&[0x21, 0xF9, 4]);
                out.extend_from_slice(timing);
                out.push(0);
            }
            (Mode::Repetitions, &[1, low, high]) => {
                out.extend_from_slice(b"\x21\xFF\x0BNETSCAPE2.0");
                out.extend_from_slice(&[3, 1, low, high, 0]);
            }
            _ => {}
        }
    }
}

/// Returns the state after the head of the picture or of a frame: its table of colours, if its flags announce one.
fn after_head(flags: u8, frame: bool) -> State {
    if flags & 0x80 != 0 {
        State::Colours {
            left: 3 << ((flags & 7) + 1),
            frame,
        }
    } else if frame {
        State::CodeSize
    } else {
        State::Block
    }
}

/// Takes one byte off an input that has one.
fn first(input: &mut &[u8]) -> u8 {
    let (byte, rest) = input.split_first().expect("the caller has checked that there is input");
    *input = rest;
    *byte
}
