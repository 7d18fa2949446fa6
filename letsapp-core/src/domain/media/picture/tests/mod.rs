//! Real files from common encoders, with all the metadata that those write.

mod hostile;

use std::io::Cursor;
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frame, ImageDecoder, ImageReader};

use super::*;
use crate::domain::media::detection::detect;

/// Every sample: its name, its dimensions as stored, the number of its orientation.
const SAMPLES: &[(&str, (u32, u32), u8)] = &[
    ("orientation1.jpg", (48, 32), 1),
    ("orientation2.jpg", (48, 32), 2),
    ("orientation3.jpg", (48, 32), 3),
    ("orientation4.jpg", (48, 32), 4),
    ("orientation5.jpg", (48, 32), 5),
    ("orientation6.jpg", (48, 32), 6),
    ("orientation7.jpg", (48, 32), 7),
    ("orientation8.jpg", (48, 32), 8),
    ("progressive.jpg", (320, 200), 6),
    ("cmyk.jpg", (64, 48), 1),
    ("grey.jpg", (64, 48), 1),
    ("texts.png", (48, 32), 8),
    ("palette.png", (48, 32), 1),
    ("animated.png", (24, 16), 1),
    ("lossy.webp", (48, 32), 1),
    ("extended.webp", (48, 32), 6),
    ("lossless.webp", (48, 32), 3),
    ("animated.webp", (24, 16), 5),
    ("animated.gif", (24, 16), 1),
    ("still.gif", (48, 32), 1),
    ("plain.bmp", (20, 10), 1),
];

/// Parts of the samples' metadata that nothing else in them contains.
const PRIVATE: &[&[u8]] = &[
    b"SECRET",
    b"xmpmeta",
    b"Pillow",
    // 52° 31' 12.34": the latitude, as its six numbers begin in either byte order.
    b"\0\0\0\x34\0\0\0\x01\0\0\0\x1F\0\0\0\x01",
    b"\x34\0\0\0\x01\0\0\0\x1F\0\0\0\x01\0\0\0",
];

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
    std::fs::read(path).unwrap()
}

/// Filters a file in pieces of the given sizes, over and over; returns the result and what was written until then.
fn filtered(bytes: &[u8], sizes: &[usize]) -> (Result<Facts, Refusal>, Vec<u8>) {
    filtered_as(&detect(bytes), bytes, sizes)
}

/// Filters a file as one of a given type, whatever it is.
fn filtered_as(content_type: &ContentType, bytes: &[u8], sizes: &[usize]) -> (Result<Facts, Refusal>, Vec<u8>) {
    let mut filter = PictureFilter::for_type(content_type).unwrap().unwrap();
    let mut out = Vec::new();
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        rest = after;
        if let Err(refusal) = filter.push(piece, &mut out) {
            return (Err(refusal), out);
        }
    }
    (filter.finish(), out)
}

fn clean(bytes: &[u8]) -> (Facts, Vec<u8>) {
    let (facts, out) = filtered(bytes, &[bytes.len()]);
    (facts.unwrap(), out)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// All pixels of all frames, as stored, with their times.
fn pixels(name: &str, bytes: &[u8]) -> Vec<(Vec<u8>, u32)> {
    let input = || Cursor::new(bytes);
    let frames = |frames: image::Frames<'_>| -> Vec<Frame> { frames.collect::<Result<_, _>>().unwrap() };
    let frames = match name {
        "animated.gif" => frames(GifDecoder::new(input()).unwrap().into_frames()),
        "animated.png" => frames(PngDecoder::new(input()).unwrap().apng().unwrap().into_frames()),
        "animated.webp" => frames(WebPDecoder::new(input()).unwrap().into_frames()),
        _ => {
            let decoder = ImageReader::new(input())
                .with_guessed_format()
                .unwrap()
                .decode()
                .unwrap();
            return vec![(decoder.into_bytes(), 0)];
        }
    };
    assert_eq!(frames.len(), 4);
    let shown = |frame: Frame| (frame.delay().numer_denom_ms().0, frame.into_buffer().into_raw());
    frames
        .into_iter()
        .map(shown)
        .map(|(delay, pixels)| (pixels, delay))
        .collect()
}

#[test]
fn no_byte_of_place_device_or_comment_is_left() {
    let mut private_samples = 0;
    for (name, ..) in SAMPLES {
        let bytes = sample(name);
        private_samples += usize::from(PRIVATE.iter().any(|private| contains(&bytes, private)));
        let (_, out) = clean(&bytes);
        for private in PRIVATE {
            assert!(!contains(&out, private), "{name}: {}", private.escape_ascii());
        }
    }
    assert!(
        private_samples >= 16,
        "the samples have something to remove: {private_samples}"
    );
}

#[test]
fn pixels_and_times_stay_as_they_are() {
    for (name, ..) in SAMPLES {
        let bytes = sample(name);
        let (_, out) = clean(&bytes);
        assert!(pixels(name, &bytes) == pixels(name, &out), "{name}");
    }
}

#[test]
fn all_eight_orientations_are_kept_and_the_dimensions_turned() {
    for &(name, (width, height), orientation) in SAMPLES {
        let (facts, out) = clean(&sample(name));
        let upright = if orientation >= 5 {
            (height, width)
        } else {
            (width, height)
        };
        assert_eq!(facts.orientation.number(), orientation, "{name}");
        assert_eq!((facts.width, facts.height), upright, "{name}");
        assert_eq!(facts.animated, name.starts_with("animated"), "{name}");
        // Another reader finds it too.
        let mut decoder = ImageReader::new(Cursor::new(&out))
            .with_guessed_format()
            .unwrap()
            .into_decoder()
            .unwrap();
        let found = decoder.orientation().unwrap().to_exif();
        assert_eq!(found, orientation, "{name}");
    }
}

#[test]
fn a_clean_picture_stays_the_same() {
    for (name, ..) in SAMPLES {
        let (facts, out) = clean(&sample(name));
        assert_eq!(clean(&out), (facts, out.clone()), "{name}");
    }
}

#[test]
fn colour_profiles_are_kept() {
    for name in ["orientation1.jpg", "texts.png", "extended.webp"] {
        let profile = |bytes: &[u8]| {
            let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
            reader.into_decoder().unwrap().icc_profile().unwrap()
        };
        let bytes = sample(name);
        let before = profile(&bytes).expect("the sample has a profile");
        assert!(before.len() > 100);
        assert_eq!(profile(&clean(&bytes).1), Some(before), "{name}");
    }
}

#[test]
fn a_thumbnail_in_the_header_of_a_jpeg_is_left_out() {
    let bytes = sample("grey.jpg");
    // The header ends at byte 20; it gets a thumbnail of 2 × 1 pixels.
    let mut with_thumbnail = bytes[..20].to_vec();
    with_thumbnail[5] += 6;
    with_thumbnail[18..].copy_from_slice(&[2, 1]);
    with_thumbnail.extend_from_slice(b"THUMBS");
    with_thumbnail.extend_from_slice(&bytes[20..]);
    let (facts, out) = clean(&with_thumbnail);
    assert_eq!((facts, out), clean(&bytes));
}

#[test]
fn webp_keeps_its_length_and_says_no_longer_that_it_has_xmp() {
    for name in ["extended.webp", "lossless.webp", "animated.webp"] {
        let bytes = sample(name);
        let (_, out) = clean(&bytes);
        assert_eq!(out.len(), bytes.len(), "{name}");
        assert_eq!((bytes[20] & 0x04, out[20] & 0x04), (0x04, 0), "{name}");
    }
}

#[test]
fn repetitions_of_a_gif_are_kept() {
    let (_, out) = clean(&sample("animated.gif"));
    assert!(contains(&out, b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\x03\0\0"));
}

#[test]
fn other_kinds_of_pictures_are_refused_and_other_files_let_through() {
    let filter = |name: &str| PictureFilter::for_type(&ContentType::parse(name).unwrap());
    for refused in [
        "image/heic",
        "image/avif",
        "image/tiff",
        "image/jxl",
        "image/x-canon-cr2",
        "image/vnd.adobe.photoshop",
    ] {
        let refusal = filter(refused).unwrap_err();
        assert_eq!(refusal.code(), "picture_type_not_supported");
        assert!(refusal.to_string().contains(refused), "{refusal}");
    }
    for other in [
        "image/svg+xml",
        "video/mp4",
        "application/pdf",
        "application/octet-stream",
    ] {
        assert!(filter(other).unwrap().is_none(), "{other}");
    }
}
