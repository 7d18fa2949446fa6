//! Previews: a small upright picture, and a placeholder to show while it loads.
//!
//! Decoders are in safe code and get limits; libwebp, in C, only ever encodes what was decoded here.

mod bounds;
mod reduced;
#[cfg(test)]
mod tests;

use std::io::Cursor;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};

use crate::domain::media::{ContentType, Facts, MAX_SIDE, PictureFilter, Refusal, detect};
use bounds::{MAX_DECODED, fitted};

/// Longest side of a preview in pixels.
pub const PREVIEW_SIDE: u32 = 640;
/// Largest file that a preview is made of, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Quality of lossy previews, of 100.
const JPEG_QUALITY: u8 = 78;
const WEBP_QUALITY: f32 = 75.0;
/// Longest side of the picture that the placeholder is computed from; it keeps a handful of waves of it.
const BLURHASH_SIDE: u32 = 32;
/// Size of the pieces in which a file is checked.
const PIECE: usize = 64 * 1024;

/// Preview of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The encoded picture, without metadata.
    pub bytes: Vec<u8>,
    /// `image/webp` or `image/jpeg`, whichever is smaller; always WebP if something is transparent.
    pub content_type: ContentType,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// [Blurhash](https://blurha.sh) of the preview.
    pub blurhash: String,
}

/// Reason why there is no preview.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// Content that is no picture, or of a kind that is not decoded here.
    #[error("no preview can be made of the type {0}")]
    Unsupported(ContentType),
    /// File that is too large.
    #[error("a preview is made of at most 64 MiB")]
    TooLarge,
    /// Picture beyond the limits, or damaged so that its headers say so.
    #[error("the picture {0}")]
    Refused(#[from] Refusal),
    /// Picture that the decoder could not read.
    #[error("the picture can't be decoded")]
    Undecodable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Makes the preview of a picture: JPEG, PNG, WebP, GIF or BMP, of an animation the first frame.
///
/// The picture is turned upright and at most [`PREVIEW_SIDE`] pixels wide and high; a smaller one keeps its size.
///
/// # Errors
///
/// [`PreviewError`] for what can't be decoded within the limits: an ordinary outcome of an upload.
pub fn preview(bytes: &[u8]) -> Result<Preview, PreviewError> {
    if bytes.len() > MAX_BYTES {
        return Err(PreviewError::TooLarge);
    }
    let content_type = detect(bytes);
    let format = match content_type.as_str() {
        "image/jpeg" => ImageFormat::Jpeg,
        "image/png" => ImageFormat::Png,
        "image/webp" => ImageFormat::WebP,
        "image/gif" => ImageFormat::Gif,
        "image/bmp" => ImageFormat::Bmp,
        _ => return Err(PreviewError::Unsupported(content_type)),
    };
    let facts = facts(bytes, &content_type)?;
    let (picture, size) = decode(bytes, format)?;
    let small = shrunk(picture, size)?;
    let upright = turned(small, facts);
    let (bytes, content_type) = encode(&upright)?;
    Ok(Preview {
        bytes,
        content_type,
        width: upright.width(),
        height: upright.height(),
        blurhash: blurhash(upright)?,
    })
}

/// Reads the headers of a file, and refuses it before anything is decoded.
fn facts(bytes: &[u8], content_type: &ContentType) -> Result<Facts, PreviewError> {
    let filter = PictureFilter::for_type(content_type)?;
    let mut filter = filter.ok_or_else(|| PreviewError::Unsupported(content_type.clone()))?;
    let mut kept = Vec::new();
    for piece in bytes.chunks(PIECE) {
        filter.push(piece, &mut kept)?;
        kept.clear();
    }
    Ok(filter.finish()?)
}

/// Decodes a picture, a large JPEG in a smaller size than it has, and returns the size of its preview with it.
fn decode(bytes: &[u8], format: ImageFormat) -> Result<(DynamicImage, (u32, u32)), PreviewError> {
    if format == ImageFormat::Jpeg
        && let Some(reduced) = reduced::decode(bytes, PREVIEW_SIDE)
    {
        return Ok(reduced);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let picture = reader.decode().map_err(undecodable)?;
    let size = fitted(picture.width(), picture.height(), PREVIEW_SIDE);
    Ok((picture, size))
}

/// Shrinks a picture to a size, in 8 bits a channel; grey stays grey until here, which is a third of the work.
fn shrunk(picture: DynamicImage, (width, height): (u32, u32)) -> Result<DynamicImage, PreviewError> {
    let picture = match picture {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => picture,
        deep if deep.color().has_alpha() => DynamicImage::ImageRgba8(deep.into_rgba8()),
        deep => DynamicImage::ImageRgb8(deep.into_rgb8()),
    };
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture);
    }
    let pixels = match &picture {
        DynamicImage::ImageLuma8(_) => PixelType::U8,
        DynamicImage::ImageRgb8(_) => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_bytes(), pixels).map_err(undecodable)?;
    let mut target = Image::new(width, height, pixels);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(undecodable)?;
    let buffer = target.into_vec();
    let small = match pixels {
        PixelType::U8 => image::GrayImage::from_raw(width, height, buffer).map(DynamicImage::ImageLuma8),
        PixelType::U8x3 => RgbImage::from_raw(width, height, buffer).map(DynamicImage::ImageRgb8),
        _ => RgbaImage::from_raw(width, height, buffer).map(DynamicImage::ImageRgba8),
    };
    Ok(small.expect("the target has as many bytes as its dimensions take"))
}

/// Turns a picture upright. The small one is turned, not the large one.
fn turned(mut picture: DynamicImage, facts: Facts) -> DynamicImage {
    if let Some(orientation) = image::metadata::Orientation::from_exif(facts.orientation.number()) {
        picture.apply_orientation(orientation);
    }
    picture
}

fn encode(picture: &DynamicImage) -> Result<(Vec<u8>, ContentType), PreviewError> {
    let webp = ContentType::from_stored("image/webp");
    if let DynamicImage::ImageRgba8(rgba) = picture
        && rgba.pixels().any(|pixel| pixel.0[3] < u8::MAX)
    {
        return Ok((encode_webp(rgba, webp::PixelLayout::Rgba, rgba.dimensions())?, webp));
    }
    let rgb = picture.to_rgb8();
    let as_webp = encode_webp(&rgb, webp::PixelLayout::Rgb, rgb.dimensions())?;
    let mut as_jpeg = Vec::with_capacity(as_webp.len() * 2);
    let mut encoder = JpegEncoder::new_with_quality(&mut as_jpeg, JPEG_QUALITY);
    let encoded = match picture {
        DynamicImage::ImageLuma8(grey) => encoder.encode(grey, grey.width(), grey.height(), ExtendedColorType::L8),
        _ => encoder.encode(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8),
    };
    encoded.map_err(undecodable)?;
    if as_webp.len() <= as_jpeg.len() {
        Ok((as_webp, webp))
    } else {
        Ok((as_jpeg, ContentType::from_stored("image/jpeg")))
    }
}

fn encode_webp(pixels: &[u8], layout: webp::PixelLayout, (width, height): (u32, u32)) -> Result<Vec<u8>, PreviewError> {
    let encoder = webp::Encoder::new(pixels, layout, width, height);
    let encoded = encoder.encode_simple(false, WEBP_QUALITY);
    encoded
        .map(|encoded| encoded.to_vec())
        .map_err(|error| undecodable(format!("libwebp: {error:?}")))
}

/// Computes the placeholder, with more waves along the longer side.
fn blurhash(picture: DynamicImage) -> Result<String, PreviewError> {
    let (across, down) = if picture.width() >= picture.height() {
        (4, 3)
    } else {
        (3, 4)
    };
    let size = fitted(picture.width(), picture.height(), BLURHASH_SIDE);
    let tiny = shrunk(picture, size)?.into_rgba8();
    blurhash::encode(across, down, tiny.width(), tiny.height(), &tiny).map_err(undecodable)
}

fn undecodable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PreviewError {
    PreviewError::Undecodable(error.into())
}
