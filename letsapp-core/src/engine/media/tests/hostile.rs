//! Real files that were damaged, cut, joined and renamed, on the whole way of an upload: type, filter, preview, sound.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::domain::media::{AllowList, ContentType, DETECTION_BYTES, Family, FileName, Refusal, check_type, detect};
use crate::engine::media::inspection::Inspector;

/// Files of every kind that is looked into.
const SAMPLES: &[&str] = &[
    "animated.gif",
    "animated.png",
    "animated.webp",
    "cmyk.jpg",
    "extended.webp",
    "grey.jpg",
    "lossless.webp",
    "lossy.webp",
    "orientation6.jpg",
    "palette.png",
    "plain.bmp",
    "progressive.jpg",
    "still.gif",
    "texts.png",
    "tone.mp3",
    "tone.ogg",
    "tone.opus",
    "tone.wav",
    "video.mp4",
    "video.webm",
    "voice.m4a",
    "voice.webm",
];

/// Bytes that a filter may add: an orientation in place of all metadata.
const ADDED: usize = 64;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name)).unwrap()
}

/// A damage: its kind, place, extent, and what comes in place.
type Damage = (u8, Index, usize, [u8; 4]);

fn damaged(mut bytes: Vec<u8>, damages: Vec<Damage>, other: &[u8]) -> Vec<u8> {
    for (kind, at, length, random) in damages {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        match kind {
            // A bit is flipped.
            0 => bytes[at] ^= 1 << (random[0] % 8),
            // A length is another one, often a large one.
            1 => bytes.splice(at..(at + 4).min(bytes.len()), random).for_each(drop),
            2 => bytes.splice(at..(at + 4).min(bytes.len()), [0xFF; 4]).for_each(drop),
            3 => bytes.truncate(at),
            4 => bytes.drain(at..end).for_each(drop),
            5 => {
                let part = other.iter().skip(at).take(8 * length).copied().collect::<Vec<_>>();
                bytes.splice(at..end, part).for_each(drop);
            }
            // Another file follows.
            _ => bytes.extend_from_slice(other),
        }
    }
    bytes
}

/// Name and bytes of a damaged file, with the piece in which it arrives.
fn files() -> impl Strategy<Value = (&'static str, Vec<u8>, usize)> {
    let damage = (0..7_u8, any::<Index>(), 1..60_usize, any::<[u8; 4]>());
    // Near the beginning, where the headers are, as often as anywhere.
    let damages = prop::collection::vec(damage, 0..5);
    (
        select(SAMPLES),
        select(SAMPLES),
        select(SAMPLES),
        damages,
        any::<bool>(),
        1..9_000_usize,
    )
        .prop_map(|(of, other, name, damages, is_renamed, piece)| {
            let bytes = damaged(sample(of), damages, &sample(other));
            (if is_renamed { name } else { of }, bytes, piece)
        })
}

/// Returns the family of a type; sound and video share their containers.
fn kind(content_type: &ContentType) -> Family {
    match content_type.family() {
        Family::Audio => Family::Video,
        family => family,
    }
}

/// Inspects a file that arrives in pieces. Returns what is served, with its type.
fn inspected(name: &str, bytes: &[u8], piece: usize) -> Result<(ContentType, Vec<u8>), Refusal> {
    let (name, allowed) = (FileName::new(name), AllowList::default());
    let mut inspector = Inspector::new(&name, None, &allowed);
    let mut served = Vec::new();
    for chunk in bytes.chunks(piece) {
        let passed = inspector.push(Bytes::copy_from_slice(chunk))?;
        assert!(
            passed.len() <= DETECTION_BYTES + 2 * piece + ADDED,
            "nothing more is held back"
        );
        served.extend_from_slice(&passed);
    }
    let (rest, found) = inspector.finish()?;
    served.extend_from_slice(&rest);
    assert_eq!(found.size, served.len() as u64);
    Ok((found.content_type, served))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_served_or_refused_whatever_the_pieces((name, bytes, piece) in files()) {
        let whole = inspected(name, &bytes, bytes.len().max(1));
        prop_assert_eq!(&inspected(name, &bytes, piece), &whole);
        match whole {
            Ok((content_type, served)) => {
                prop_assert!(served.len() <= bytes.len() + ADDED);
                prop_assert_eq!(check_type(name, None, &content_type, &AllowList::default()), Ok(content_type));
            }
            Err(refused) => prop_assert!(!refused.code().is_empty() && !refused.to_string().is_empty()),
        }
    }

    #[test]
    fn two_files_in_one_are_what_they_begin_as(first in select(SAMPLES), second in select(SAMPLES)) {
        let bytes = [sample(first), sample(second)].concat();
        let of_first = detect(&sample(first));
        if sample(first).len() >= DETECTION_BYTES {
            prop_assert_eq!(detect(&bytes), of_first.clone());
        }
        // Under the name of the second, it is refused unless both are of a family.
        match inspected(second, &bytes, 4_096) {
            Ok((content_type, _)) => prop_assert_eq!(kind(&content_type), kind(&detect(&sample(second)))),
            Err(refused) => prop_assert!(matches!(
                refused,
                Refusal::Mismatch { .. } | Refusal::Damaged(_) | Refusal::Truncated | Refusal::TooManyParts { .. }
            ), "{first} before {second}: {refused}"),
        }
    }
}

#[cfg(feature = "media")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_drawn_and_measured_or_not_at_all((_, bytes, _) in files()) {
        use crate::engine::media::audio::measure;
        use crate::engine::media::preview::{PREVIEW_SIDE, preview};

        match preview(&bytes) {
            Ok(preview) => {
                prop_assert!((1..=PREVIEW_SIDE).contains(&preview.width) && (1..=PREVIEW_SIDE).contains(&preview.height));
                let pixels = usize::try_from(preview.width * preview.height).unwrap();
                prop_assert!(preview.bytes.len() <= 8 * pixels + 4_096, "{} bytes", preview.bytes.len());
                prop_assert_eq!(detect(&preview.bytes), preview.content_type);
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        match measure(std::io::Cursor::new(bytes)) {
            Ok(sound) => prop_assert!(sound.waveform.is_none_or(|points| points.iter().all(|point| *point <= 100))),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
