//! Orientation of a picture: the one thing that is kept of its EXIF data.

/// Turn that a viewer makes before it shows a picture, by its number in EXIF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    Mirrored,
    /// 3: turned by 180°.
    Turned180,
    /// 4: mirrored top to bottom.
    Flipped,
    /// 5: mirrored along the diagonal from the top left.
    Transposed,
    /// 6: turned clockwise by 90°.
    Turned90,
    /// 7: mirrored along the diagonal from the top right.
    Transversed,
    /// 8: turned clockwise by 270°.
    Turned270,
}

/// Number of bytes that [`Orientation::to_exif`] returns.
pub(super) const EXIF_BYTES: usize = 26;

const ALL: [Orientation; 8] = [
    Orientation::Upright,
    Orientation::Mirrored,
    Orientation::Turned180,
    Orientation::Flipped,
    Orientation::Transposed,
    Orientation::Turned90,
    Orientation::Transversed,
    Orientation::Turned270,
];

impl Orientation {
    /// Returns the number in EXIF, 1–8.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Reports whether the turn makes the width the height.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.number() >= 5
    }

    /// Reads the orientation in EXIF data, with or without the prefix `Exif`. Upright where the data says nothing or
    /// can't be read: viewers do the same.
    pub(super) fn from_exif(exif: &[u8]) -> Self {
        Self::read(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)).unwrap_or_default()
    }

    /// Writes EXIF data with this orientation and nothing else: a TIFF header and a directory of one entry.
    pub(super) fn to_exif(self) -> [u8; EXIF_BYTES] {
        let mut exif = *b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
        exif[19] = self.number();
        exif
    }

    fn read(tiff: &[u8]) -> Option<Self> {
        let big = match tiff.get(..4)? {
            b"MM\0\x2A" => true,
            b"II\x2A\0" => false,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if big {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            })
        };
        let long = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(if big {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            })
        };
        let directory = usize::try_from(long(4)?).ok()?;
        let entries = usize::from(short(directory)?);
        for entry in 0..entries {
            let at = directory.checked_add(2)?.checked_add(entry * 12)?;
            if short(at)? == 0x0112 {
                // One number of two bytes.
                let is_short = short(at + 2)? == 3 && long(at + 4)? == 1;
                let number = usize::from(short(at + 8)?);
                return is_short.then(|| ALL.get(number.wrapping_sub(1)).copied())?;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_survives_writing_and_reading() {
        for (i, orientation) in ALL.into_iter().enumerate() {
            assert_eq!(usize::from(orientation.number()), i + 1);
            assert_eq!(Orientation::from_exif(&orientation.to_exif()), orientation);
            assert_eq!(orientation.swaps_sides(), i >= 4);
        }
    }

    #[test]
    fn both_byte_orders_and_other_entries_are_read() {
        // A directory at 10, with the maker's name before the orientation.
        let little =
            b"Exif\0\0II\x2A\0\x0A\0\0\0\0\0\x02\0\x0F\x01\x02\0\x01\0\0\0X\0\0\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        assert_eq!(Orientation::from_exif(little), Orientation::Turned90);
    }

    #[test]
    fn what_cannot_be_read_is_upright() {
        let whole = Orientation::Turned270.to_exif();
        for end in 0..20 {
            assert_eq!(Orientation::from_exif(&whole[..end]), Orientation::Upright);
        }
        let mut nonsense = whole;
        nonsense[19] = 9;
        assert_eq!(Orientation::from_exif(&nonsense), Orientation::Upright);
        nonsense[19] = 0;
        assert_eq!(Orientation::from_exif(&nonsense), Orientation::Upright);
        nonsense[4..8].copy_from_slice(&[0xFF; 4]);
        assert_eq!(Orientation::from_exif(&nonsense), Orientation::Upright);
        assert_eq!(
            Orientation::from_exif(b"MM\0\x2A\0\0\0\x08\xFF\xFF"),
            Orientation::Upright
        );
    }
}
