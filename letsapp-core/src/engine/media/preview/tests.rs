use std::path::Path;

use image::{GenericImageView, Rgb, Rgba};

use super::*;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name)).unwrap()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decoded(preview: &Preview) -> DynamicImage {
    let picture = image::load_from_memory(&preview.bytes).unwrap();
    assert_eq!(picture.dimensions(), (preview.width, preview.height));
    assert_eq!(detect(&preview.bytes), preview.content_type);
    picture
}

/// A picture of many colours, so that JPEG and WebP have something to do.
fn gradient(width: u32, height: u32) -> DynamicImage {
    let shade = |x: u32, of: u32| u8::try_from(x * 255 / of.max(1)).unwrap();
    let pixel = |x, y| Rgb([shade(x, width), shade(y, height), shade(x ^ y, width.max(height) * 2)]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
}

#[test]
fn the_longest_side_is_640_and_nothing_is_enlarged() {
    for (size, expected) in [
        ((1_600, 900), (640, 360)),
        ((900, 1_600), (360, 640)),
        ((641, 1), (640, 1)),
        ((4_000, 3), (640, 1)),
        ((640, 640), (640, 640)),
        ((30, 20), (30, 20)),
        ((1, 1), (1, 1)),
    ] {
        let preview = preview(&encoded(&gradient(size.0, size.1), ImageFormat::Png)).unwrap();
        assert_eq!((preview.width, preview.height), expected);
        decoded(&preview);
    }
}

#[test]
fn a_large_jpeg_looks_the_same_as_if_it_were_decoded_as_a_whole() {
    for size in [(1_283, 1_001), (700, 1_321)] {
        for picture in [gradient(size.0, size.1), gradient(size.0, size.1).to_luma8().into()] {
            let jpeg = encoded(&picture, ImageFormat::Jpeg);
            let (reduced, to) = reduced::decode(&jpeg, PREVIEW_SIDE).unwrap();
            assert!(reduced.width() <= size.0.div_ceil(2) && reduced.width().max(reduced.height()) >= PREVIEW_SIDE);
            let shown = shrunk(reduced, to).unwrap();
            let whole = image::load_from_memory(&jpeg).unwrap();
            let whole = shrunk(whole, fitted(size.0, size.1, PREVIEW_SIDE)).unwrap();
            assert_eq!((shown.dimensions(), shown.color()), (whole.dimensions(), whole.color()));
            let distances = shown
                .as_bytes()
                .iter()
                .zip(whole.as_bytes())
                .map(|(a, b)| u64::from(a.abs_diff(*b)));
            let mean = distances.sum::<u64>() as f64 / shown.as_bytes().len() as f64;
            assert!(mean < 2.0, "{size:?}: {mean}");
        }
    }
}

#[test]
fn a_jpeg_that_is_not_twice_as_large_is_decoded_as_a_whole() {
    let small = encoded(&gradient(1_200, 900), ImageFormat::Jpeg);
    assert!(reduced::decode(&small, PREVIEW_SIDE).is_none());
    assert_eq!(preview(&small).unwrap().width, 640);
    assert!(reduced::decode(&sample("cmyk.jpg"), 1).is_none());
    assert!(reduced::decode(b"no picture", 1).is_none());
}

#[test]
fn every_orientation_is_turned_upright() {
    let reference = decoded(&preview(&sample("orientation1.jpg")).unwrap());
    for number in 1..=8_u8 {
        let preview = preview(&sample(&format!("orientation{number}.jpg"))).unwrap();
        let mut expected = reference.clone();
        expected.apply_orientation(image::metadata::Orientation::from_exif(number).unwrap());
        let shown = decoded(&preview);
        assert_eq!(shown.dimensions(), expected.dimensions(), "{number}");
        for (x, y) in [(4, 4), (shown.width() - 5, 4), (4, shown.height() - 5)] {
            let distance =
                |channel: usize| shown.get_pixel(x, y).0[channel].abs_diff(expected.get_pixel(x, y).0[channel]);
            assert!((0..3).all(|channel| distance(channel) < 40), "{number} at {x}, {y}");
        }
    }
}

#[test]
fn every_sample_has_a_preview_without_metadata() {
    for name in [
        "progressive.jpg",
        "cmyk.jpg",
        "grey.jpg",
        "texts.png",
        "palette.png",
        "animated.png",
        "lossy.webp",
        "extended.webp",
        "lossless.webp",
        "animated.webp",
        "animated.gif",
        "still.gif",
        "plain.bmp",
    ] {
        let preview = preview(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        decoded(&preview);
        assert!((6..=40).contains(&preview.blurhash.len()), "{name}");
        assert!(!preview.bytes.windows(6).any(|part| part == b"SECRET"), "{name}");
    }
}

#[test]
fn transparency_makes_it_webp_and_is_kept() {
    let clear = RgbaImage::from_fn(800, 400, |x, _| Rgba([200, 30, 30, if x < 400 { 0 } else { 255 }]));
    let preview = preview(&encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png)).unwrap();
    assert_eq!(preview.content_type.as_str(), "image/webp");
    let shown = decoded(&preview);
    assert!(shown.get_pixel(50, 100).0[3] < 10 && shown.get_pixel(600, 100).0[3] > 245);
}

#[test]
fn an_opaque_picture_takes_the_smaller_format() {
    let preview = preview(&encoded(&gradient(700, 500), ImageFormat::Png)).unwrap();
    let shown = decoded(&preview);
    let as_jpeg = {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
            .encode_image(&shown.to_rgb8())
            .unwrap();
        bytes
    };
    assert!(preview.bytes.len() <= as_jpeg.len() * 11 / 10);
}

#[test]
fn the_first_frame_of_an_animation_is_shown() {
    let animation = sample("animated.gif");
    let shown = decoded(&preview(&animation).unwrap());
    let first = image::load_from_memory(&animation).unwrap().to_rgb8();
    let distance = |channel: usize| shown.get_pixel(12, 8).0[channel].abs_diff(first.get_pixel(12, 8).0[channel]);
    assert!((0..3).all(|channel| distance(channel) < 40));
}

#[test]
fn what_cannot_be_decoded_is_an_ordinary_error() {
    let unsupported = preview(b"just text").unwrap_err();
    assert!(matches!(unsupported, PreviewError::Unsupported(_)), "{unsupported}");
    let mut damaged = sample("texts.png");
    let at = damaged.windows(4).position(|part| part == b"IDAT").unwrap();
    damaged[at + 6..at + 30].fill(0xAA);
    assert!(matches!(preview(&damaged), Err(PreviewError::Undecodable(_))));
    let cut = &sample("progressive.jpg")[..3_000];
    assert!(matches!(preview(cut), Err(PreviewError::Refused(Refusal::Truncated))));
    assert!(matches!(preview(&vec![0; MAX_BYTES + 1]), Err(PreviewError::TooLarge)));
    // Dimensions are refused by the header, long before 3.6 GB would be allocated.
    let mut bomb = sample("palette.png");
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let refusal = preview(&bomb).unwrap_err();
    assert!(
        matches!(refusal, PreviewError::Refused(Refusal::TooManyPixels { .. })),
        "{refusal}"
    );
}
