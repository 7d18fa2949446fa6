//! The header `Range` (RFC 9110, section 14): a single range of bytes.

use std::ops::Range;

/// The part of a file that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole file: no range, several, or one that can't be read, which RFC 9110 allows to ignore.
    Whole,
    /// Bytes of this range.
    Part(Range<u64>),
    /// Nothing that the file has.
    Unsatisfiable,
}

/// Reads the header of a request for a file of `size` bytes.
pub(super) fn read(header: &str, size: u64) -> Wanted {
    let Some(range) = header.trim().strip_prefix("bytes=") else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.split_once('-') else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        let text = text.trim();
        // Numbers beyond any size mean the same as the largest.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let part = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(0) => return Wanted::Unsatisfiable,
            Some(count) => size.saturating_sub(count)..size,
            None => return Wanted::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => first..size,
            None => return Wanted::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            _ => return Wanted::Whole,
        },
    };
    if part.start < part.end && part.start < size {
        Wanted::Part(part)
    } else {
        Wanted::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_read_and_others_are_answered_whole() {
        use Wanted::{Part, Unsatisfiable, Whole};
        for (header, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=2-", Part(2..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-30", Part(0..10)),
            ("bytes=9-99", Part(9..10)),
            ("bytes=0-99999999999999999999999", Part(0..10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-2", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("lines=1-2", Whole),
        ] {
            assert_eq!(read(header, 10), expected, "{header}");
        }
        assert_eq!(read("bytes=0-", 0), Unsatisfiable);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_read_of_any_header_lies_within_the_file(
            header in "(bytes=)?[-0-9, +.a]{0,45}|[ -~]{0,30}|bytes=[0-9]{0,25}-[0-9]{0,25}",
            size in proptest::prelude::any::<u64>(),
        ) {
            for size in [size, size % 100, 0] {
                if let Wanted::Part(range) = read(&header, size) {
                    proptest::prop_assert!(range.start < range.end && range.end <= size, "{header} of {size}: {range:?}");
                }
            }
        }
    }
}
