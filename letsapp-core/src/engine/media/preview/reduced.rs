//! Decoding a JPEG at an eighth, a quarter or a half of its size.
//!
//! A JPEG consists of waves in squares of 8 × 8 pixels. For a small picture the short waves are not needed, nor most of
//! the pixels: of 12 megapixels, one in sixteen is computed.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{Decoder, PixelFormat};

use crate::engine::media::preview::bounds::{MAX_DECODED, fitted};

/// Decodes a JPEG so that it still has to be shrunk, by less than a half, to a longest side, and returns its size then
/// with it. `None` if that would be the whole picture, or is one that this decoder can't read.
pub(super) fn decode(bytes: &[u8], side: u32) -> Option<(DynamicImage, (u32, u32))> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_max_decoding_buffer_size(usize::try_from(MAX_DECODED).ok()?);
    decoder.read_info().ok()?;
    let whole = decoder.info()?;
    if !matches!(whole.pixel_format, PixelFormat::L8 | PixelFormat::RGB24) {
        return None;
    }
    let size = fitted(whole.width.into(), whole.height.into(), side);
    if size.0 * 2 > whole.width.into() {
        return None;
    }
    decoder.scale(size.0.try_into().ok()?, size.1.try_into().ok()?).ok()?;
    let pixels = decoder.decode().ok()?;
    let reduced = decoder.info()?;
    let (width, height) = (reduced.width.into(), reduced.height.into());
    let picture = match reduced.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        PixelFormat::L16 | PixelFormat::CMYK32 => None,
    };
    picture.map(|picture| (picture, size))
}
