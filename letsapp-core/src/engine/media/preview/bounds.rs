//! Bounds of decoding, and the dimensions of previews.

/// Most bytes that a decoder may allocate: 64 megapixels in colour with transparency, and some working space.
pub(super) const MAX_DECODED: u64 = 320 * 1024 * 1024;

/// Returns dimensions with the same proportions and a longest side of at most `side`.
pub(super) fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= side {
        return (width, height);
    }
    // Rounded, but never to nothing: a picture can be a line.
    let scaled =
        |length: u32| ((u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest)).max(1);
    (scaled(width) as u32, scaled(height) as u32)
}
