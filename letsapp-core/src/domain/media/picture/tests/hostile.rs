//! Broken and malicious files: truncated, spliced, with wrong lengths, with a second file behind the first.

use proptest::prelude::*;

use super::*;

fn refusal(bytes: &[u8]) -> Refusal {
    filtered(bytes, &[bytes.len()]).0.unwrap_err()
}

/// A PNG chunk; the checksum is not looked at.
fn chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], kind, payload, &[0; 4]].concat()
}

fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1A\n".to_vec(), chunk(b"IHDR", &header), chunks.concat()].concat()
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [
        &[0xFF, 0xC0, 0, 11, 8][..],
        &height.to_be_bytes(),
        &width.to_be_bytes(),
        &[1, 1, 0x11, 0],
    ]
    .concat();
    [
        &[0xFF, 0xD8][..],
        &frame,
        b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0pixels\xFF\xD9",
    ]
    .concat()
}

fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let head = [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0; 3]].concat();
    let frame = b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [head, frame.repeat(frames), vec![0x3B]].concat()
}

/// A WebP file of chunks, with the right size.
fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, payload) in chunks {
        body.extend_from_slice(*kind);
        body.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        body.extend_from_slice(payload);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let size = u32::try_from(body.len() + 4).unwrap().to_le_bytes();
    [b"RIFF", &size[..], b"WEBP", &body].concat()
}

/// The head of a lossless picture.
fn lossless(width: u32, height: u32) -> Vec<u8> {
    [&[0x2F][..], &((width - 1) | (height - 1) << 14).to_le_bytes(), &[0; 3]].concat()
}

fn extended(width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    [vec![0x02, 0, 0, 0], side(width), side(height)].concat()
}

/// A frame of an animation, of one pixel.
fn frame(inner: &[u8]) -> Vec<u8> {
    [&[0; 16][..], inner].concat()
}

#[test]
fn dimensions_beyond_the_limit_are_refused_before_the_pixels() {
    let too_many = |width, height| Refusal::TooManyPixels { width, height };
    let pixels = |width, height| png(width, height, &[chunk(b"IDAT", b"x"), chunk(b"IEND", b"")]);
    assert_eq!(refusal(&pixels(16_385, 1)), too_many(16_385, 1));
    assert_eq!(refusal(&pixels(1, u32::MAX)), too_many(1, u32::MAX));
    assert_eq!(refusal(&pixels(8_193, 8_193)), too_many(8_193, 8_193));
    assert_eq!(refusal(&jpeg(65_500, 65_500)), too_many(65_500, 65_500));
    assert_eq!(refusal(&gif(65_535, 2, 1)), too_many(65_535, 2));
    assert_eq!(
        refusal(&webp(&[(b"VP8L", lossless(16_384, 16_384))])),
        too_many(16_384, 16_384)
    );
    assert_eq!(refusal(&webp(&[(b"VP8X", extended(1 << 24, 1))])), too_many(1 << 24, 1));
    for empty in [pixels(0, 1), jpeg(1, 0), gif(0, 0, 1)] {
        assert_eq!(refusal(&empty).code(), "damaged");
    }
    for largest in [
        pixels(8_192, 8_192),
        pixels(16_384, 4_096),
        jpeg(9_248, 6_936),
        gif(16_384, 1, 1),
    ] {
        assert!(filtered(&largest, &[7]).0.is_ok());
    }
}

#[test]
fn a_frame_larger_than_the_limit_or_the_picture_is_refused() {
    let mut large = gif(1, 1, 1);
    large[13 + 5..13 + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refusal(&large).code(), "picture_too_large");
    let inner = webp(&[(b"VP8L", lossless(16_384, 16_384))])[12..].to_vec();
    let bomb = webp(&[(b"VP8X", extended(1, 1)), (b"ANMF", frame(&inner))]);
    assert_eq!(refusal(&bomb).code(), "picture_too_large");
    let mut outside = frame(&[]);
    outside[0] = 1;
    let outside = webp(&[(b"VP8X", extended(2, 2)), (b"ANMF", outside)]);
    assert_eq!(refusal(&outside), Refusal::Damaged("a frame lies outside the picture"));
}

#[test]
fn more_than_a_thousand_frames_are_refused() {
    let refused = Refusal::TooManyFrames { max: 1_000 };
    assert!(filtered(&gif(1, 1, 1_000), &[4_096]).0.unwrap().animated);
    assert_eq!(refusal(&gif(1, 1, 1_001)), refused);
    assert_eq!(
        refusal(&png(1, 1, &[chunk(b"acTL", &[0, 0, 4, 0, 0, 0, 0, 0])])),
        refused
    );
    let control = [&[0; 4][..], &[0, 0, 0, 1, 0, 0, 0, 1], &[0; 14]].concat();
    assert_eq!(refusal(&png(1, 1, &vec![chunk(b"fcTL", &control); 1_001])), refused);
    let mut frames = vec![(b"VP8X", extended(1, 1))];
    frames.extend(vec![(b"ANMF", frame(&[])); 1_001]);
    assert_eq!(refusal(&webp(&frames)), refused);
}

#[test]
fn more_parts_than_any_honest_file_has_are_refused() {
    let comments = [&[0xFF, 0xD8][..], &b"\xFF\xFE\0\x02".repeat(5_000)].concat();
    assert_eq!(refusal(&comments), Refusal::TooManyParts { max: 4_096 });
    let whole = jpeg(8, 8);
    let scan = &whole[whole.len() - 18..whole.len() - 2];
    let scans = [&whole[..whole.len() - 2], &scan.repeat(200), &[0xFF, 0xD9]].concat();
    assert_eq!(refusal(&scans), Refusal::TooManyParts { max: 100 });
    let chunks = png(1, 1, &vec![chunk(b"tEXt", b""); 100_000]);
    assert_eq!(refusal(&chunks), Refusal::TooManyParts { max: 100_000 });
    let blocks = [&gif(1, 1, 1)[..28], &b"\x21\xFE\0".repeat(9_000)].concat();
    assert_eq!(refusal(&blocks), Refusal::TooManyParts { max: 8_192 });
    let mut chunks = vec![(b"VP8L", lossless(1, 1))];
    chunks.extend(vec![(b"abcd", vec![]); 8_192]);
    assert_eq!(refusal(&webp(&chunks)), Refusal::TooManyParts { max: 8_192 });
}

#[test]
fn lengths_beyond_the_container_and_nesting_are_refused() {
    let mut long = webp(&[(b"VP8L", lossless(1, 1)), (b"abcd", vec![1; 8])]);
    let at = long.len() - 12;
    long[at] = 9;
    assert_eq!(
        refusal(&long),
        Refusal::Damaged("a chunk is longer than what it lies in")
    );
    let picture = webp(&[(b"VP8L", lossless(1, 1))])[12..].to_vec();
    let mut inner = picture.clone();
    inner[4] = 200;
    let beyond = webp(&[(b"VP8X", extended(1, 1)), (b"ANMF", frame(&inner))]);
    assert_eq!(
        refusal(&beyond),
        Refusal::Damaged("a chunk is longer than what it lies in")
    );
    let nested = webp(&[(b"ANMF", frame(&picture))])[12..].to_vec();
    let nested = webp(&[(b"VP8X", extended(1, 1)), (b"ANMF", frame(&nested))]);
    assert_eq!(refusal(&nested), Refusal::Damaged("a frame lies within a frame"));
    let whole = jpeg(8, 8);
    let nested = [&whole[..15], &whole].concat();
    assert_eq!(
        refusal(&nested),
        Refusal::Damaged("a picture begins within the picture")
    );
    let impossible = png(1, 1, &[b"\xFF\xFF\xFF\xFFtEXt".to_vec()]);
    assert_eq!(refusal(&impossible).code(), "damaged");
    assert_eq!(refusal(&png(1, 1, &[chunk(b"CgBI", b"")])).code(), "damaged");
}

#[test]
fn unknown_chunks_are_overwritten_and_those_in_frames_too() {
    let picture = webp(&[(b"VP8L", lossless(1, 1)), (b"abcd", b"PRIVATE".to_vec())])[12..].to_vec();
    let bytes = webp(&[
        (b"VP8X", extended(1, 1)),
        (b"ANMF", frame(&picture)),
        (b"XMP ", b"PRIVATE".to_vec()),
        (b"EXIF", b"PRIVATE".to_vec()),
    ]);
    let (facts, out) = clean(&bytes);
    assert!(!facts.animated, "one frame");
    assert_eq!(out.len(), bytes.len());
    assert!(contains(&bytes, b"PRIVATE") && !contains(&out, b"PRIVATE"));
}

#[test]
fn every_truncated_sample_is_refused() {
    for (name, ..) in SAMPLES.iter().filter(|(name, ..)| !name.ends_with(".bmp")) {
        let bytes = sample(name);
        let content_type = detect(&bytes);
        for end in (0..bytes.len()).step_by(bytes.len() / 200 + 1).chain([bytes.len() - 1]) {
            let (result, _) = filtered_as(&content_type, &bytes[..end], &[64]);
            assert_eq!(result, Err(Refusal::Truncated), "{name} cut at {end}");
        }
    }
    // Pixels that are missing from a BMP are not missed, but its header is.
    let bitmap = sample("plain.bmp");
    let (result, _) = filtered_as(&detect(&bitmap), &bitmap[..25], &[64]);
    assert_eq!(result, Err(Refusal::Truncated));
}

#[test]
fn a_file_behind_the_picture_is_dropped() {
    for (name, ..) in SAMPLES.iter().filter(|(name, ..)| !name.ends_with(".bmp")) {
        let bytes = sample(name);
        let alone = clean(&bytes);
        for other in [
            &b"PK\x03\x04 an archive"[..],
            b"<script>alert(1)</script>",
            &sample("texts.png"),
            &[0xFF; 40],
        ] {
            assert!(clean(&[&bytes, other].concat()) == alone, "{name}");
        }
    }
}

/// A sample with up to four of its stretches overwritten, cut out, repeated or replaced by a part of another sample.
fn corrupted() -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        0..5_u8,
        any::<prop::sample::Index>(),
        1..40_usize,
        any::<[u8; 4]>(),
        0..SAMPLES.len(),
    );
    (0..SAMPLES.len(), prop::collection::vec(edit, 0..5)).prop_map(|(of, edits)| {
        let mut bytes = sample(SAMPLES[of].0);
        for (kind, at, length, random, other) in edits {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match kind {
                0 => bytes[at] = random[0],
                // Lengths are what parsers trust.
                1 => bytes.splice(at..(at + 4).min(end), random).for_each(drop),
                2 => bytes.drain(at..end).for_each(drop),
                3 => {
                    let repeated = bytes[at..end].to_vec();
                    bytes.splice(at..at, repeated).for_each(drop);
                }
                _ => {
                    let other = sample(SAMPLES[other].0);
                    let part = other[at.min(other.len())..]
                        .iter()
                        .take(length * 8)
                        .copied()
                        .collect::<Vec<_>>();
                    bytes.splice(at..end, part).for_each(drop);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_corrupted_file_ends_the_same_whatever_the_pieces(
        bytes in corrupted(),
        sizes in prop::collection::vec(1..200_usize, 1..6),
        name in 0..SAMPLES.len(),
    ) {
        // Often not the filter of the type that the bytes look like.
        let content_type = detect(&sample(SAMPLES[name].0));
        let run = |sizes: &[usize]| filtered_as(&content_type, &bytes, sizes);
        let whole = run(&[usize::MAX]);
        prop_assert!(whole.1.len() <= bytes.len() + 64, "{} of {}", whole.1.len(), bytes.len());
        prop_assert_eq!(&run(&sizes), &whole);
        prop_assert_eq!(&run(&[1]), &whole);
    }

    #[test]
    fn what_was_let_through_is_clean_and_stays_the_same(bytes in corrupted()) {
        let Ok(Some(_)) = PictureFilter::for_type(&detect(&bytes)) else { return Ok(()) };
        if let (Ok(facts), out) = filtered(&bytes, &[64]) {
            prop_assert!(facts.width <= MAX_SIDE && facts.height <= MAX_SIDE);
            prop_assert_eq!(filtered(&out, &[64]), (Ok(facts), out));
        }
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(
        head in prop::sample::select(vec![
            &b"\xFF\xD8"[..], b"\x89PNG\r\n\x1A\n", b"RIFF\xFF\0\0\0WEBP", b"GIF89a\x01\0\x01\0", b"BM",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let bytes = [head, &rest].concat();
        for of in ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"] {
            let mut filter = PictureFilter::for_type(&ContentType::parse(of).unwrap()).unwrap().unwrap();
            let mut out = Vec::new();
            if filter.push(&bytes, &mut out).is_ok() {
                let _ = filter.finish();
            }
            prop_assert!(out.len() <= bytes.len() + 64);
        }
    }
}
