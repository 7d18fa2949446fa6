//! BMP: a header with dimensions, then pixels. The format has no place for metadata, so that everything is kept.

use crate::domain::media::picture::facts::{Facts, check_size};
use crate::domain::media::picture::gather::{Gather, le16, le32};
use crate::domain::media::picture::orientation::Orientation;
use crate::domain::media::refusal::Refusal;

/// Bytes of the header up to the dimensions.
const HEADER: usize = 26;

/// Filter of one BMP picture.
#[derive(Debug, Default)]
pub(super) struct Bmp {
    gather: Gather,
    size: Option<(u32, u32)>,
}

impl Bmp {
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.size.is_none() {
            let Some(header) = self.gather.fill(&mut input, HEADER) else {
                return Ok(());
            };
            if &header[..2] != b"BM" {
                return Err(Refusal::Damaged("the signature is missing"));
            }
            // The first version had two bytes for a side; later ones have four, with a negative height from the top.
            let (width, height) = if le32(&header, 14) == 12 {
                (le16(&header, 18), le16(&header, 20))
            } else {
                (le32(&header, 18), le32(&header, 22).cast_signed().unsigned_abs())
            };
            self.size = Some(check_size(width, height)?);
            out.extend_from_slice(&header);
        }
        out.extend_from_slice(input);
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<Facts, Refusal> {
        let size = self.size.ok_or(Refusal::Truncated)?;
        Ok(Facts::new(size, Orientation::Upright, false))
    }
}
