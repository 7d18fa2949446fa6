//! Names of files: kept as written, made safe for paths, and put into headers.

use std::fmt;
use std::fmt::Write as _;

/// Name of an uploaded file: 1–255 bytes, without path separators and control characters, otherwise as written.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::FileName;
///
/// assert_eq!(FileName::new("Übersicht (final).pdf").as_str(), "Übersicht (final).pdf");
/// assert_eq!(FileName::new("../../etc/passwd").as_str(), ".._.._etc_passwd");
/// assert_eq!(FileName::new("..").as_str(), "file");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Box<str>);

/// Disposition of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Shown in the page or the browser's tab.
    Inline,
    /// Saved to disk.
    Attachment,
}

impl FileName {
    /// Maximum number of bytes, which is that of most file systems.
    pub const MAX: usize = 255;

    /// Makes a safe name of what a client sent.
    ///
    /// Path separators become `_`; control characters and marks that reverse the direction of writing (with which
    /// `gpj.exe` is shown as `exe.jpg`) are left out. A name that is too long loses the end of its stem, not its
    /// extension. Nothing, or dots alone, becomes `file`.
    #[must_use]
    pub fn new(written: &str) -> Self {
        let kept = written.chars().filter(|&c| !c.is_control() && !is_direction_mark(c));
        let safe: String = kept
            // More than can be needed of a name that is as long as a request.
            .take(4 * Self::MAX)
            .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
            .collect();
        let safe = safe.trim();
        if safe.chars().all(|c| c == '.' || c.is_whitespace()) {
            return Self("file".into());
        }
        Self(shortened(safe).into())
    }

    /// Wraps a name read from a store.
    #[must_use]
    pub fn from_stored(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value of the header `Content-Disposition` (RFC 6266): the name in ASCII for old clients, and exactly
    /// (RFC 8187) where that is not the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use letsapp_core::domain::media::{Disposition, FileName};
    ///
    /// let header = FileName::new("Grüße.txt").content_disposition(Disposition::Attachment);
    /// assert_eq!(header, "attachment; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt");
    /// ```
    #[must_use]
    pub fn content_disposition(&self, disposition: Disposition) -> String {
        let mut header = match disposition {
            Disposition::Inline => "inline; filename=\"",
            Disposition::Attachment => "attachment; filename=\"",
        }
        .to_owned();
        // Some clients decode `%41` in the plain form too, and others take `\` for a separator: neither is used there.
        let is_plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%');
        header.extend(self.0.chars().map(|c| if is_plain(c) { c } else { '_' }));
        header.push('"');
        if !self.0.chars().all(is_plain) {
            header.push_str("; filename*=UTF-8''");
            for byte in self.0.bytes() {
                if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                    header.push(char::from(byte));
                } else {
                    write!(header, "%{byte:02X}").expect("a string takes any text");
                }
            }
        }
        header
    }

    /// Returns the name in the value of a `Content-Disposition` header, as RFC 6266 reads it: `filename*` before
    /// `filename`. `None` if there is neither, or none that can be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use letsapp_core::domain::media::FileName;
    ///
    /// let name = FileName::from_disposition("attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%A4.txt").unwrap();
    /// assert_eq!(name.as_str(), "ä.txt");
    /// ```
    #[must_use]
    pub fn from_disposition(header: &str) -> Option<Self> {
        let (mut exact, mut plain) = (None, None);
        for (name, value) in parameters(header) {
            if name.eq_ignore_ascii_case("filename*") {
                exact = exact.or_else(|| decoded(&value));
            } else if name.eq_ignore_ascii_case("filename") {
                plain = plain.or(Some(value));
            }
        }
        exact.or(plain).map(|name| Self::new(&name))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Cuts a name to the limit at the boundary of a character, before its extension if that is short.
fn shortened(name: &str) -> String {
    if name.len() <= FileName::MAX {
        return name.to_owned();
    }
    let extension = name.rfind('.').map_or("", |dot| &name[dot..]);
    let extension = if extension.len() <= 32 { extension } else { "" };
    let mut end = FileName::MAX - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    // No space at the end, so that a name which was made safe is not changed by making it safe again.
    format!("{}{extension}", &name[..end]).trim_end().to_owned()
}

/// Splits the parameters of a header off, with quoted values unquoted. Stops at the first that is malformed.
fn parameters(header: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => match unquoted(quoted) {
                Some(parts) => parts,
                None => break,
            },
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim_end().to_owned(), &value[end..])
            }
        };
        found.push((name.trim(), value));
        match after.split_once(';') {
            Some((_, next)) => rest = next,
            None => break,
        }
    }
    found
}

/// Reads a quoted string after its opening quote, and returns it with the text after its closing one.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            // Browsers escape only quotes; a backslash before anything else is part of an old path.
            '\\' => match chars.clone().next() {
                Some((_, next @ ('"' | '\\'))) => {
                    chars.next();
                    value.push(next);
                }
                _ => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    None
}

/// Decodes an extended value of RFC 8187 in UTF-8; other character sets are not read.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)? * 16 + digit(low)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_kept_but_for_separators_and_control_characters() {
        for (written, kept) in [
            ("Fotos & Bilder – 漢字 👍.jpg", "Fotos & Bilder – 漢字 👍.jpg"),
            ("C:\\Users\\x\\photo.jpg", "C:_Users_x_photo.jpg"),
            ("a/b", "a_b"),
            ("a\0b\r\nc\u{7F}.txt", "abc.txt"),
            ("exe\u{202E}gpj.exe", "exegpj.exe"),
            ("  spaced.txt ", "spaced.txt"),
            (".htaccess", ".htaccess"),
            ("", "file"),
            (".", "file"),
            ("...", "file"),
            (" . ", "file"),
            ("\r\n", "file"),
        ] {
            assert_eq!(FileName::new(written).as_str(), kept);
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = FileName::new(&format!("{}.jpeg", "ü".repeat(300)));
        assert_eq!(name.as_str(), format!("{}.jpeg", "ü".repeat(125)));
        assert_eq!(FileName::new(&"x".repeat(256)).as_str(), "x".repeat(255));
        assert_eq!(FileName::new(&format!("a.{}", "y".repeat(300))).as_str().len(), 255);
    }

    #[test]
    fn headers_have_an_ascii_name_and_the_exact_one() {
        let inline = |name: &str| FileName::new(name).content_disposition(Disposition::Inline);
        assert_eq!(inline("plain name.txt"), "inline; filename=\"plain name.txt\"");
        assert_eq!(
            inline("a\"b;%41.txt"),
            "inline; filename=\"a_b;_41.txt\"; filename*=UTF-8''a%22b%3B%2541.txt"
        );
        assert_eq!(
            inline("€'.txt"),
            "inline; filename=\"_'.txt\"; filename*=UTF-8''%E2%82%AC%27.txt"
        );
    }

    #[test]
    fn names_are_read_from_headers() {
        for (header, expected) in [
            ("attachment; filename=plain.txt", Some("plain.txt")),
            ("attachment; filename=\"with space.txt\"", Some("with space.txt")),
            ("attachment;filename=\"a;b=c.txt\" ; size=3", Some("a;b=c.txt")),
            (
                "attachment; FileName*=utf-8'de'%C3%BC.txt; filename=u.txt",
                Some("ü.txt"),
            ),
            (
                "attachment; filename=u.txt; filename*=ISO-8859-1''%FC.txt",
                Some("u.txt"),
            ),
            ("attachment; filename=u.txt; filename*=UTF-8''%FC.txt", Some("u.txt")),
            ("attachment; filename*=UTF-8''%zz", None),
            ("attachment; filename*=UTF-8''%4", None),
            (
                "form-data; name=\"file\"; filename=\"C:\\dir\\x.txt\"",
                Some("C:_dir_x.txt"),
            ),
            ("attachment; filename=\"say \\\"hi\\\".txt\"", Some("say \"hi\".txt")),
            ("attachment; filename=\"no end", None),
            ("attachment", None),
            ("filename=x", None),
            ("", None),
        ] {
            let name = FileName::from_disposition(header);
            assert_eq!(name.as_ref().map(FileName::as_str), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_name_survives_a_header(written in any::<String>()) {
            let name = FileName::new(&written);
            prop_assert!(!name.as_str().is_empty() && name.as_str().len() <= FileName::MAX);
            prop_assert!(!name.as_str().contains(['/', '\\']));
            prop_assert_eq!(&FileName::new(name.as_str()), &name);
            let header = name.content_disposition(Disposition::Attachment);
            prop_assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", header);
            prop_assert_eq!(FileName::from_disposition(&header), Some(name));
        }

        #[test]
        fn any_header_is_read_without_a_panic(header in "[a-z;=\"\\\\*'% ü]{0,60}") {
            if let Some(name) = FileName::from_disposition(&header) {
                prop_assert!(name.as_str().len() <= FileName::MAX);
            }
        }
    }
}
