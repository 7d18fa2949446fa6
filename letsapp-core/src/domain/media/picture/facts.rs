//! Facts about a picture that its headers state, and the limits that they are held to.

use crate::domain::media::picture::orientation::Orientation;
use crate::domain::media::refusal::Refusal;

/// Facts about a picture, read without decoding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Width in pixels, turned upright.
    pub width: u32,
    /// Height in pixels, turned upright.
    pub height: u32,
    /// Turn from the stored pixels to the upright picture.
    pub orientation: Orientation,
    /// More than one frame.
    pub animated: bool,
}

/// Longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Most pixels of a picture: 64 megapixels, counted as 2^20 so that the sensors sold as such fit.
pub const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Most frames of an animation.
pub const MAX_FRAMES: u32 = 1_000;

impl Facts {
    /// Turns the stored dimensions upright.
    pub(super) fn new((width, height): (u32, u32), orientation: Orientation, animated: bool) -> Self {
        let (width, height) = if orientation.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        };
        Self {
            width,
            height,
            orientation,
            animated,
        }
    }
}

/// Checks declared dimensions.
pub(super) fn check_size(width: u32, height: u32) -> Result<(u32, u32), Refusal> {
    if width == 0 || height == 0 {
        Err(Refusal::Damaged("it declares no pixels"))
    } else if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        Err(Refusal::TooManyPixels { width, height })
    } else {
        Ok((width, height))
    }
}

/// Counts a frame or a part, and refuses the first beyond the limit.
pub(super) fn count(counter: &mut u32, max: u32, refusal: fn(u32) -> Refusal) -> Result<(), Refusal> {
    *counter += 1;
    if *counter > max { Err(refusal(max)) } else { Ok(()) }
}

/// Refusal of an animation with too many frames.
pub(super) fn too_many_frames(max: u32) -> Refusal {
    Refusal::TooManyFrames { max }
}

/// Refusal of a picture with too many parts.
pub(super) fn too_many_parts(max: u32) -> Refusal {
    Refusal::TooManyParts { max }
}
