//! Pictures without their metadata, filtered while they arrive.
//!
//! A filter decodes nothing: it copies the parts of a file that draw the picture and leaves the others out, so pixels
//! stay as they are. Its memory is bounded whatever comes, and its output is the same however the input is cut.

mod bmp;
mod facts;
mod gather;
mod gif;
mod jpeg;
mod orientation;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use crate::domain::media::content_type::{ContentType, Family};
use crate::domain::media::picture::bmp::Bmp;
pub use crate::domain::media::picture::facts::{Facts, MAX_FRAMES, MAX_PIXELS, MAX_SIDE};
use crate::domain::media::picture::gif::Gif;
use crate::domain::media::picture::jpeg::Jpeg;
pub use crate::domain::media::picture::orientation::Orientation;
use crate::domain::media::picture::png::Png;
use crate::domain::media::picture::webp::Webp;
use crate::domain::media::refusal::Refusal;

/// Filter that removes place, device and other metadata from one picture, and reads what its headers declare.
///
/// Removed are EXIF (but for the orientation), XMP, IPTC, comments, texts, embedded thumbnails, makers' data and
/// whatever follows the end of the picture. Colour profiles stay.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::{ContentType, PictureFilter};
///
/// let gif = b"GIF89a\x01\0\x01\0\0\0\0\x21\xFE\x05hello\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B and more";
/// let mut filter = PictureFilter::for_type(&ContentType::parse("image/gif").unwrap())?.expect("a picture");
/// let mut clean = Vec::new();
/// for piece in gif.chunks(5) {
///     filter.push(piece, &mut clean)?;
/// }
/// let facts = filter.finish()?;
/// assert_eq!((facts.width, facts.height), (1, 1));
/// assert!(!clean.windows(5).any(|part| part == b"hello"));
/// assert_eq!(clean.last(), Some(&0x3B));
/// # Ok::<(), letsapp_core::domain::media::Refusal>(())
/// ```
#[derive(Debug)]
pub struct PictureFilter(Format);

#[derive(Debug)]
enum Format {
    Jpeg(Jpeg),
    Png(Png),
    Webp(Webp),
    Gif(Gif),
    Bmp(Bmp),
}

impl PictureFilter {
    /// Returns the filter for a type; `None` if it is no picture.
    ///
    /// # Errors
    ///
    /// [`Refusal::Uncleanable`] for kinds of pictures that can carry a place which nothing here removes: HEIC, AVIF, TIFF,
    /// raw files and the like.
    pub fn for_type(content_type: &ContentType) -> Result<Option<Self>, Refusal> {
        let format = match content_type.as_str() {
            "image/jpeg" => Format::Jpeg(Jpeg::default()),
            "image/png" => Format::Png(Png::default()),
            "image/webp" => Format::Webp(Webp::default()),
            "image/gif" => Format::Gif(Gif::default()),
            "image/bmp" => Format::Bmp(Bmp::default()),
            _ if content_type.family() == Family::Picture => return Err(Refusal::Uncleanable(content_type.clone())),
            _ => return Ok(None),
        };
        Ok(Some(Self(format)))
    }

    /// Takes the next piece of the file, of any size, and appends what is kept to `out`: at most the bytes that came in,
    /// and 64 KiB that were held back.
    ///
    /// # Errors
    ///
    /// [`Refusal`] as soon as the picture breaks its format or a limit. The filter is of no use after that.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        match &mut self.0 {
            Format::Jpeg(jpeg) => jpeg.push(piece, out),
            Format::Png(png) => png.push(piece, out),
            Format::Webp(webp) => webp.push(piece, out),
            Format::Gif(gif) => gif.push(piece, out),
            Format::Bmp(bmp) => bmp.push(piece, out),
        }
    }

    /// Ends the file, and returns what its headers have declared. Nothing more is written.
    ///
    /// # Errors
    ///
    /// [`Refusal::Truncated`] if the picture is not complete.
    pub fn finish(self) -> Result<Facts, Refusal> {
        match &self.0 {
            Format::Jpeg(jpeg) => jpeg.finish(),
            Format::Png(png) => png.finish(),
            Format::Webp(webp) => webp.finish(),
            Format::Gif(gif) => gif.finish(),
            Format::Bmp(bmp) => bmp.finish(),
        }
    }
}
