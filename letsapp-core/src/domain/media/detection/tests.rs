use proptest::prelude::*;

use super::*;
use crate::domain::media::content_type::Family;

fn detected(bytes: &[u8]) -> String {
    detect(bytes).to_string()
}

/// A ZIP archive of empty files, as far as its local headers.
fn zip(names: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&[0; 22]);
        bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

#[test]
fn signatures_give_the_type() {
    for (bytes, expected) in [
        (&b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"[..], "image/png"),
        (b"GIF89a\x01\0\x01\0\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "image/avif"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0", "video/mp4"),
        (b"\0\0\0\x18ftypM4A \0\0\x02\0", "audio/x-m4a"),
        (b"II\x2A\0\x08\0\0\0", "image/tiff"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/vnd.wave"),
        (b"ID3\x04\0\0\0\0\0\0", "audio/mpeg"),
        (b"\xFF\xFB\x90\x64\0\0", "audio/mpeg"),
        (b"%PDF-1.7\n%\xE2\xE3\xCF\xD3", "application/pdf"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", "application/x-cfb"),
        (b"\x7FELF\x02\x01\x01\0\0\0", "application/x-executable"),
        (b"MZ\x90\0\x03\0\0\0", "application/x-dosexec"),
        (b"\xCF\xFA\xED\xFE\x07\0\0\x01", "application/x-mach-binary"),
        (b"\0asm\x01\0\0\0", "application/wasm"),
        (b"\x1F\x8B\x08\0\0", "application/gzip"),
        (b"7z\xBC\xAF\x27\x1C\0\x04", "application/x-7z-compressed"),
        (b"Rar!\x1A\x07\x01\0", "application/vnd.rar"),
        (b"", "application/octet-stream"),
        (b"\0\0\0\0", "application/octet-stream"),
    ] {
        assert_eq!(detected(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn ogg_is_sound_or_video_by_its_first_stream() {
    let ogg = |magic: &[u8]| {
        let mut page = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xC1\xB2\xC3\xD4\x01\x13".to_vec();
        page.extend_from_slice(magic);
        page
    };
    assert_eq!(detected(&ogg(b"OpusHead\x01\x01")), "audio/ogg");
    assert_eq!(detected(&ogg(b"\x01vorbis\0\0")), "audio/ogg");
    assert_eq!(detected(&ogg(b"\x80theora\x03\x02")), "video/ogg");
}

#[test]
fn webm_is_sound_where_only_a_sound_codec_is_named() {
    let webm = |codecs: &str| {
        let head = b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm\x18\x53\x80\x67\xFF";
        [head, codecs.as_bytes(), &[0xFF, 0]].concat()
    };
    assert_eq!(detected(&webm("A_OPUS")), "audio/webm");
    assert_eq!(detected(&webm("V_VP8")), "video/webm");
    assert_eq!(detected(&webm("V_VP9 A_OPUS")), "video/webm");
}

#[test]
fn zip_based_formats_are_told_apart() {
    for (names, expected) in [
        (&["a.txt", "b.txt"][..], "application/zip"),
        (
            &["[Content_Types].xml", "_rels/.rels", "word/document.xml"],
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (
            &["[Content_Types].xml", "docProps/app.xml", "xl/workbook.xml"],
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        (&["META-INF/MANIFEST.MF", "Main.class"], "application/java-archive"),
        (&["AndroidManifest.xml"], "application/vnd.android.package-archive"),
        (&["Payload/X.app/Info.plist"], "application/x-ios-app"),
    ] {
        assert_eq!(detected(&zip(names)), expected, "{names:?}");
    }
    let mut document = zip(&["mimetype"]);
    document.extend_from_slice(b"application/vnd.oasis.opendocument.spreadsheetPK\x03\x04");
    assert_eq!(detected(&document), "application/vnd.oasis.opendocument.spreadsheet");
}

#[test]
fn text_is_told_from_markup_and_from_binary_formats_with_signatures_of_letters() {
    for (text, expected) in [
        ("Grüße aus Köln", "text/plain"),
        ("MZ is the beginning of a name", "text/plain"),
        ("solid advice", "text/plain"),
        ("true or false", "text/plain"),
        ("BZh91 and BM and PK", "text/plain"),
        ("#!/bin/sh\necho", "text/x-shellscript"),
        ("#!/opt/odd/interpreter", "text/x-shellscript"),
        ("#!/usr/bin/env python3", "text/x-python"),
        ("\u{FEFF}  <!DOCTYPE html><p>", "text/html"),
        ("<HTML lang=en>", "text/html"),
        ("<script>alert(1)</script>", "text/html"),
        ("<!-- a comment --><svg>", "image/svg+xml"),
        ("<?xml version='1.0'?>\n<!-- c -->\n<svg/>", "image/svg+xml"),
        ("<svg\nwidth='1'>", "image/svg+xml"),
        ("<?xml version='1.0'?><a/>", "text/xml"),
        ("<?xml version='1.0'?><html xmlns='…'>", "application/xhtml+xml"),
        ("<3 you", "text/plain"),
        ("BEGIN:VCARD\r\nVERSION:3.0", "text/vcard"),
        ("{\\rtf1 x}", "application/rtf"),
    ] {
        assert_eq!(detected(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(
        detected(b"caf\xE9 cr\xE8me"),
        "application/octet-stream",
        "Latin-1 is no text here"
    );
    assert_eq!(detected(&"ö".as_bytes()[..1]), "application/octet-stream");
    assert_eq!(detected(&"x€".as_bytes()[..3]), "text/plain", "cut within a character");
}

proptest! {
    #[test]
    fn any_bytes_have_a_well_formed_type(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let content_type = detect(&bytes);
        prop_assert_eq!(&ContentType::parse(content_type.as_str()).unwrap(), &content_type);
    }

    #[test]
    fn any_text_is_text_or_what_begins_like_it(text in "[a-zA-ZäöüŠ漢 .,\n]{1,200}") {
        prop_assert!(matches!(detect(text.as_bytes()).family(), Family::Text));
    }

    #[test]
    fn any_beginning_with_a_signature_is_read_without_a_panic(
        signature in proptest::sample::select(vec![
            &b"PK\x03\x04"[..], b"\x1A\x45\xDF\xA3", b"RIFF", b"OggS", b"<?xml", b"\0\0\0\x08free", b"II*\0", b"MZ\0",
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [signature, &rest, b"PK\x03\x04", &rest].concat();
        let content_type = detect(&bytes);
        prop_assert!(ContentType::parse(content_type.as_str()).is_ok());
    }
}
