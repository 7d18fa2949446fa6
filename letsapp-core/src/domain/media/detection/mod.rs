//! Types of files, read from their first bytes.
//!
//! Signatures come from the crate `file-format`, without its readers: those want the whole file, and an upload is
//! judged while it arrives. Containers are looked into as far as the first bytes go.

#[cfg(test)]
mod tests;

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
