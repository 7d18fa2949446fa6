//! Bytes gathered from pieces of any size.

/// Buffer that is filled to a wanted size, across as many pieces as that takes.
#[derive(Debug, Default)]
pub(super) struct Gather(Vec<u8>);

impl Gather {
    /// Takes bytes off the input until there are `wanted`, and returns those; `None` if the input ended before.
    ///
    /// The next call begins anew after it has returned bytes.
    pub(super) fn fill(&mut self, input: &mut &[u8], wanted: usize) -> Option<Vec<u8>> {
        let missing = wanted.saturating_sub(self.0.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.0.extend_from_slice(taken);
        *input = rest;
        (self.0.len() >= wanted).then(|| std::mem::take(&mut self.0))
    }
}

/// Takes at most `left` bytes off the input, and counts them.
pub(super) fn take<'a>(input: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (taken, rest) = input.split_at(length);
    *input = rest;
    *left -= length as u64;
    taken
}

/// Reads a big-endian number of four bytes; `at` is within what was gathered.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a little-endian number of four bytes; `at` is within what was gathered.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a little-endian number of three bytes; `at` is within what was gathered.
pub(super) fn le24(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], 0])
}

/// Reads a little-endian number of two bytes; `at` is within what was gathered.
pub(super) fn le16(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

/// Reads a big-endian number of two bytes; `at` is within what was gathered.
pub(super) fn be16(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}
