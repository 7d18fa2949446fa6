//! Types of files, read from their first bytes.
//!
//! Signatures come from the crate `file-format`, without its readers: those want the whole file, and an upload is
//! judged while it arrives. Containers are looked into as far as the first bytes go.

use file_format::FileFormat;

use crate::domain::media::content_type::ContentType;

/// Number of bytes from the beginning of a file that [`detect`] looks at; more are ignored.
///
/// A tar archive is recognised at byte 257, a disk image at byte 32,769.
pub const DETECTION_BYTES: usize = 40 * 1024;

/// Returns the type of a file from its first bytes; `application/octet-stream` if they fit nothing.
///
/// Text is what is valid UTF-8 without control characters; a character cut off at the end counts as valid.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::detect;
///
/// assert_eq!(detect(b"\xFF\xD8\xFF\xE0").as_str(), "image/jpeg");
/// assert_eq!(detect("Grüße".as_bytes()).as_str(), "text/plain");
/// assert_eq!(detect(b"<svg xmlns='http://www.w3.org/2000/svg'/>").as_str(), "image/svg+xml");
/// assert_eq!(detect(b"\0\x01\x02").as_str(), "application/octet-stream");
/// ```
#[must_use]
pub fn detect(first: &[u8]) -> ContentType {
    let first = &first[..first.len().min(DETECTION_BYTES)];
    let format = FileFormat::from_bytes(first);
    if let Some(text) = as_text(first) {
        return detect_text(text, format);
    }
    ContentType::from_stored(match format {
        FileFormat::ArbitraryBinaryData | FileFormat::Empty => "application/octet-stream",
        FileFormat::Zip => zip_type(first),
        FileFormat::ExtensibleBinaryMetaLanguage => ebml_type(first),
        FileFormat::Mpeg4Part14 => "video/mp4",
        FileFormat::AppleQuicktime if first.get(4..8) != Some(b"ftyp") && !is_quicktime(first) => {
            "application/octet-stream"
        }
        FileFormat::AdvancedSystemsFormat => "video/x-ms-wmv",
        FileFormat::AnimatedPortableNetworkGraphics => "image/png",
        FileFormat::Id3v2 => "audio/mpeg",
        FileFormat::OggOpus | FileFormat::OggVorbis | FileFormat::OggFlac | FileFormat::OggSpeex => "audio/ogg",
        FileFormat::OggTheora | FileFormat::OggMedia | FileFormat::OggMultiplexedMedia => "video/ogg",
        _ => format.media_type(),
    })
}

/// Returns the text if the bytes are text; control characters of terminals and form feeds count as text.
fn as_text(first: &[u8]) -> Option<&str> {
    if first.is_empty() {
        return None;
    }
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&first[..error.valid_up_to()]).expect("the part before the error is valid")
        }
        Err(_) => return None,
    };
    let binary = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C' | '\x1B' | '\x08');
    (!text.contains(binary)).then_some(text)
}

/// Returns the type of a text. Signatures of binary formats that happen to be letters, such as `MZ`, count for nothing.
fn detect_text(text: &str, format: FileFormat) -> ContentType {
    let head = text.trim_start_matches('\u{FEFF}').trim_start();
    if let Some(markup) = markup_type(head) {
        return ContentType::from_stored(markup);
    }
    let content_type = format.media_type();
    let is_textual = content_type.starts_with("text/")
        || matches!(
            content_type,
            "application/pdf" | "application/rtf" | "application/postscript" | "application/x-subrip" | "image/x-eps"
        );
    if is_textual {
        ContentType::from_stored(content_type)
    } else if head.starts_with("#!") {
        ContentType::from_stored("text/x-shellscript")
    } else {
        ContentType::from_stored("text/plain")
    }
}

/// Returns the type of a text that a browser would treat as a document, by the rules of the MIME Sniffing standard.
fn markup_type(head: &str) -> Option<&'static str> {
    if !head.starts_with('<') {
        return None;
    }
    // Comments and declarations may stand before the root; 4 KiB of them are read.
    let mut end = head.len().min(4096);
    while !head.is_char_boundary(end) {
        end -= 1;
    }
    let lower = head[..end].to_ascii_lowercase();
    let begins = |tag: &str| {
        lower.strip_prefix(tag).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|c: char| c == '>' || c == '/' || c.is_ascii_whitespace())
        })
    };
    let has_svg = lower.contains("<svg");
    if lower.starts_with("<!doctype html") || HTML_TAGS.iter().any(|tag| begins(tag)) {
        Some("text/html")
    } else if begins("<svg") || (has_svg && (lower.starts_with("<?xml") || lower.starts_with("<!"))) {
        Some("image/svg+xml")
    } else if lower.starts_with("<?xml") || lower.starts_with("<!doctype") {
        Some(if lower.contains("<html") {
            "application/xhtml+xml"
        } else {
            "text/xml"
        })
    } else if lower.starts_with("<!--") {
        Some("text/html")
    } else {
        None
    }
}

const HTML_TAGS: &[&str] = &[
    "<html", "<head", "<script", "<iframe", "<h1", "<div", "<font", "<table", "<a", "<style", "<title", "<b", "<body",
    "<br", "<p", "<form", "<img", "<object", "<embed", "<meta", "<link",
];

/// Returns the type of a ZIP archive by the names of the files at its beginning.
fn zip_type(first: &[u8]) -> &'static str {
    // A local header has 30 bytes, then the name. Names are looked for anywhere, since sizes may stand behind the data.
    let mut at = 0;
    let (mut office, mut java) = (false, false);
    while let Some(found) = find(&first[at..], b"PK\x03\x04") {
        let header = &first[at + found..];
        at += found + 4;
        let (Some(&[low, high]), Some(&[extra_low, extra_high])) = (header.get(26..28), header.get(28..30)) else {
            break;
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(name) = header.get(30..30 + length) else { break };
        match name {
            b"mimetype" => {
                let data = 30 + length + usize::from(u16::from_le_bytes([extra_low, extra_high]));
                return header.get(data..).map_or("application/zip", mimetype_entry);
            }
            b"AndroidManifest.xml" | b"classes.dex" => return "application/vnd.android.package-archive",
            b"AppxManifest.xml" => return "application/vnd.ms-appx",
            b"META-INF/MANIFEST.MF" => java = true,
            b"[Content_Types].xml" | b"_rels/.rels" => office = true,
            name if name.starts_with(b"word/") => {
                return "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
            }
            name if name.starts_with(b"xl/") => {
                return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            }
            name if name.starts_with(b"ppt/") => {
                return "application/vnd.openxmlformats-officedocument.presentationml.presentation";
            }
            name if name.starts_with(b"Payload/") && contains(name, b".app/") => return "application/x-ios-app",
            _ => {}
        }
    }
    // An office document whose other entries lie further behind is a plain archive; its name says the rest.
    if java && !office {
        "application/java-archive"
    } else {
        "application/zip"
    }
}

/// Returns the type that the first, stored entry of an OpenDocument file or an electronic book names.
fn mimetype_entry(data: &[u8]) -> &'static str {
    const KNOWN: &[&str] = &[
        "application/epub+zip",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
        "application/vnd.oasis.opendocument.formula",
    ];
    let known = KNOWN.iter().filter(|known| data.starts_with(known.as_bytes()));
    known
        .max_by_key(|known| known.len())
        .copied()
        .unwrap_or("application/zip")
}

/// Returns the type of a Matroska file: WebM by its document type, sound only if no video codec is named.
fn ebml_type(first: &[u8]) -> &'static str {
    let head = &first[..first.len().min(4096)];
    let (audio, video) = (contains(head, b"A_"), contains(head, b"V_"));
    match (contains(&head[..head.len().min(64)], b"webm"), audio && !video) {
        (true, true) => "audio/webm",
        (true, false) => "video/webm",
        (false, true) => "audio/matroska",
        (false, false) => "video/matroska",
    }
}

/// Reports whether the first atom of what may be an old QuickTime file fits one; its signatures are plain words.
fn is_quicktime(first: &[u8]) -> bool {
    let word = |at: usize| {
        first
            .get(at..at + 4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("four bytes")))
    };
    word(0).is_some_and(|size| size == 1 || size >= 8)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    find(bytes, wanted).is_some()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
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
}
