//! Media types that the extensions of file names stand for.

use crate::domain::media::content_type::ContentType;

/// Returns the type that the extension of a name stands for; `None` without an extension, or with one that nobody agrees on.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::claimed_type;
///
/// assert_eq!(claimed_type("Holiday.2024.JPG").unwrap().as_str(), "image/jpeg");
/// assert!(claimed_type("README").is_none());
/// assert!(claimed_type(".png").is_none());
/// ```
#[must_use]
pub fn claimed_type(name: &str) -> Option<ContentType> {
    // Windows ignores dots and spaces at the end: `photo.exe. ` is a program there.
    let name = name.trim_end_matches(['.', ' ']);
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() || extension.len() > 12 {
        return None;
    }
    let extension = extension.to_ascii_lowercase();
    EXTENSIONS
        .iter()
        .find(|(_, extensions)| extensions.split(' ').any(|known| known == extension))
        .map(|(content_type, _)| ContentType::from_stored(*content_type))
}

/// Types with their extensions. Left out are those with two common meanings, such as `ts` and `key`.
const EXTENSIONS: &[(&str, &str)] = &[
    // --- pictures
    ("image/jpeg", "jpg jpeg jpe jfif pjpeg"),
    ("image/png", "png apng"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/avif", "avif"),
    ("image/heic", "heic heics"),
    ("image/heif", "heif heifs"),
    ("image/jxl", "jxl"),
    ("image/jp2", "jp2"),
    ("image/bmp", "bmp dib"),
    ("image/tiff", "tif tiff dng nef cr2 arw"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/vnd.adobe.photoshop", "psd"),
    ("image/x-xcf", "xcf"),
    ("image/x-portable-pixmap", "ppm pgm pbm pnm"),
    // --- video and sound
    ("video/mp4", "mp4 mpg4"),
    ("video/x-m4v", "m4v"),
    ("video/webm", "webm"),
    ("video/matroska", "mkv"),
    ("video/quicktime", "mov qt"),
    ("video/x-msvideo", "avi"),
    ("video/x-ms-wmv", "wmv"),
    ("video/mpeg", "mpg mpeg"),
    ("video/3gpp", "3gp"),
    ("video/3gpp2", "3g2"),
    ("video/ogg", "ogv"),
    ("video/x-flv", "flv"),
    ("video/mp2t", "m2ts mts"),
    ("audio/mpeg", "mp3 mp2"),
    ("audio/mp4", "m4a m4b"),
    ("audio/aac", "aac"),
    ("audio/ogg", "ogg oga opus spx"),
    ("audio/webm", "weba"),
    ("audio/vnd.wave", "wav wave"),
    ("audio/flac", "flac"),
    ("audio/amr", "amr"),
    ("audio/x-aiff", "aif aiff"),
    ("audio/x-ms-wma", "wma"),
    ("audio/midi", "mid midi"),
    // --- documents
    ("application/pdf", "pdf"),
    ("application/msword", "doc dot"),
    ("application/vnd.ms-excel", "xls xlt"),
    ("application/vnd.ms-powerpoint", "ppt pps pot"),
    ("application/vnd.ms-outlook", "msg"),
    ("application/vnd.visio", "vsd"),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx dotx docm",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx xltx xlsm",
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "pptx ppsx potx pptm",
    ),
    ("application/vnd.oasis.opendocument.text", "odt ott"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods ots"),
    ("application/vnd.oasis.opendocument.presentation", "odp otp"),
    ("application/vnd.oasis.opendocument.graphics", "odg"),
    ("application/vnd.apple.pages", "pages"),
    ("application/vnd.apple.numbers", "numbers"),
    ("application/epub+zip", "epub"),
    ("application/rtf", "rtf"),
    ("application/postscript", "ps"),
    ("image/x-eps", "eps"),
    ("image/vnd.djvu", "djvu djv"),
    ("application/oxps", "oxps xps"),
    // --- text
    ("text/plain", "txt text log ini conf cfg env diff patch"),
    ("text/markdown", "md markdown"),
    ("text/csv", "csv"),
    ("text/tab-separated-values", "tsv"),
    ("text/calendar", "ics"),
    ("text/vcard", "vcf"),
    ("text/vtt", "vtt"),
    ("application/x-subrip", "srt"),
    ("application/json", "json geojson"),
    ("application/toml", "toml"),
    ("application/yaml", "yaml yml"),
    ("application/sql", "sql"),
    ("text/css", "css"),
    ("text/javascript", "js mjs cjs jsx tsx"),
    ("text/x-shellscript", "sh bash zsh"),
    ("text/x-python", "py"),
    (
        "text/x-source",
        "rs c h cc cpp hpp cs go java kt swift rb php pl lua r scala tex",
    ),
    // --- text that browsers execute
    ("text/html", "html htm"),
    ("application/xhtml+xml", "xhtml xht"),
    ("image/svg+xml", "svg"),
    ("text/xml", "xml xsl xslt"),
    // --- archives
    ("application/zip", "zip"),
    ("application/gzip", "gz tgz"),
    ("application/x-tar", "tar"),
    ("application/x-bzip2", "bz2 tbz"),
    ("application/x-xz", "xz txz"),
    ("application/zstd", "zst"),
    ("application/x-7z-compressed", "7z"),
    ("application/vnd.rar", "rar"),
    ("application/vnd.ms-cab-compressed", "cab"),
    ("application/x-iso9660-image", "iso"),
    // --- programs
    ("application/x-dosexec", "exe dll scr com pif cpl sys"),
    ("application/x-msi", "msi msp"),
    ("text/x-msdos-batch", "bat cmd"),
    ("application/x-executable", "elf so"),
    ("application/x-mach-binary", "dylib"),
    ("application/x-apple-diskimage", "dmg"),
    ("application/java-archive", "jar war ear"),
    ("application/java-vm", "class"),
    ("application/vnd.android.package-archive", "apk"),
    ("application/x-ios-app", "ipa"),
    ("application/vnd.debian.binary-package", "deb"),
    ("application/x-rpm", "rpm"),
    ("application/wasm", "wasm"),
    ("application/x-ms-shortcut", "lnk"),
    ("application/x-appimage", "appimage"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::media::content_type::Family;

    #[test]
    fn every_extension_is_listed_once_and_every_type_is_well_formed() {
        let mut seen = HashSet::new();
        for (content_type, extensions) in EXTENSIONS {
            assert_eq!(ContentType::parse(content_type).unwrap().as_str(), *content_type);
            for extension in extensions.split(' ') {
                assert!(seen.insert(extension), "{extension} twice");
                assert!(claimed_type(&format!("a.{extension}")).is_some(), "{extension}");
            }
        }
    }

    #[test]
    fn the_last_extension_counts() {
        let family = |name| claimed_type(name).map(|claimed| claimed.family());
        assert_eq!(family("photo.jpg.exe"), Some(Family::Program));
        assert_eq!(family("photo.exe. ."), Some(Family::Program));
        assert_eq!(family("backup.tar.gz"), Some(Family::Archive));
        assert_eq!(family("Übersicht.PDF"), Some(Family::Document));
        assert_eq!(family("page.svg"), Some(Family::Markup));
        for unknown in [
            "",
            ".",
            "..",
            "png",
            ".png",
            "a.",
            "a.b c",
            "v1.2.3",
            "x.ts",
            "x.aaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(family(unknown), None, "{unknown:?}");
        }
    }
}
