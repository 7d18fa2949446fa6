//! Media types of files, and the families that people would name them by.
//!
//! Nothing here looks at content: see [`detect`](crate::domain::media::detect).

use std::fmt;

/// Media type of a file, such as `image/png`: lower case, without parameters.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::{ContentType, Family};
///
/// let declared = ContentType::parse("Text/HTML; charset=utf-8")?;
/// assert_eq!(declared.as_str(), "text/html");
/// assert_eq!(declared.family(), Family::Markup);
/// assert!(ContentType::parse("picture").is_err());
/// # Ok::<(), letsapp_core::domain::media::ContentTypeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentType(Box<str>);

/// Text that is no media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a media type such as `image/png`")]
pub struct ContentTypeError(pub(crate) Box<str>);

/// Family of media types. A file's name and content must be of the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Pixels, moving or not.
    Picture,
    /// Video, with or without sound.
    Video,
    /// Sound.
    Audio,
    /// Documents with a layout: PDF, office documents, electronic books.
    Document,
    /// Plain text, tables and source code.
    Text,
    /// Text that a browser would execute: HTML, SVG, XML. Served as attachments only.
    Markup,
    /// Packed files.
    Archive,
    /// Code that a computer or a phone would run.
    Program,
    /// Anything else: fonts, models, databases, unknown bytes.
    Other,
}

impl ContentType {
    /// Maximum number of bytes of a media type.
    pub const MAX: usize = 127;

    /// Parses a media type as a request declares it; parameters are dropped.
    ///
    /// # Errors
    ///
    /// [`ContentTypeError`] unless it is of the form `type/subtype`, in the characters of RFC 6838.
    pub fn parse(text: &str) -> Result<Self, ContentTypeError> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let (kind, subtype) = essence.split_once('/').unwrap_or_default();
        if essence.len() <= Self::MAX && is_token(kind) && is_token(subtype) {
            Ok(Self(essence.to_ascii_lowercase().into()))
        } else {
            Err(ContentTypeError(essence.chars().take(64).collect()))
        }
    }

    /// Wraps a media type that is known to be well-formed: one from a store, or from a table.
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the type of bytes about which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self("application/octet-stream".into())
    }

    /// Returns the media type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the family.
    #[must_use]
    pub fn family(&self) -> Family {
        let essence = self.as_str();
        let by_name = FAMILIES.iter().find(|(_, names)| names.contains(&essence));
        if let Some(&(family, _)) = by_name {
            return family;
        }
        match essence.split('/').next() {
            Some("image") => Family::Picture,
            Some("video") => Family::Video,
            Some("audio") => Family::Audio,
            Some("text") => Family::Text,
            _ if essence.ends_with("+xml") => Family::Markup,
            _ if DOCUMENT_PREFIXES.iter().any(|prefix| essence.starts_with(prefix)) => Family::Document,
            _ => Family::Other,
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Picture => "a picture",
            Self::Video => "a video",
            Self::Audio => "a sound file",
            Self::Document => "a document",
            Self::Text => "text",
            Self::Markup => "markup",
            Self::Archive => "an archive",
            Self::Program => "a program",
            Self::Other => "something else",
        })
    }
}

/// Types whose family is not the one that the part before the slash would say.
const FAMILIES: &[(Family, &[&str])] = &[
    (
        Family::Markup,
        &[
            "text/html",
            "text/xml",
            "image/svg+xml",
            "application/xml",
            "application/xhtml+xml",
            "application/xslt+xml",
        ],
    ),
    (
        Family::Text,
        &[
            "application/json",
            "application/x-subrip",
            "application/toml",
            "application/yaml",
            "application/sql",
        ],
    ),
    (Family::Audio, &["application/x-id3v2"]),
    (
        Family::Video,
        &["application/mp4", "application/ogg", "application/vnd.ms-asf"],
    ),
    (
        Family::Document,
        &[
            "application/pdf",
            "application/rtf",
            "application/msword",
            "application/postscript",
            "application/epub+zip",
            "application/oxps",
            "application/vnd.ms-excel",
            "application/vnd.ms-outlook",
            "application/vnd.ms-powerpoint",
            "application/vnd.ms-project",
            "application/vnd.visio",
            "application/x-cfb",
            "application/x-mobipocket-ebook",
            "application/x-abiword",
            "image/vnd.djvu",
            "image/x-eps",
        ],
    ),
    (
        Family::Archive,
        &[
            "application/gzip",
            "application/vnd.ms-cab-compressed",
            "application/vnd.rar",
            "application/x-7z-compressed",
            "application/x-ace-compressed",
            "application/x-archive",
            "application/x-arj",
            "application/x-bzip",
            "application/x-bzip2",
            "application/x-bzip3",
            "application/x-compress",
            "application/x-cpio",
            "application/x-iso9660-image",
            "application/x-lz4",
            "application/x-lzh-compressed",
            "application/x-lzip",
            "application/x-lzma",
            "application/x-lzop",
            "application/x-tar",
            "application/x-xar",
            "application/x-xz",
            "application/x-zoo",
            "application/zip",
            "application/zstd",
        ],
    ),
    (
        Family::Program,
        &[
            "application/java-archive",
            "application/java-vm",
            "application/vnd.android.aab",
            "application/vnd.android.dex",
            "application/vnd.android.dey",
            "application/vnd.android.package-archive",
            "application/vnd.debian.binary-package",
            "application/vnd.microsoft.portable-executable",
            "application/vnd.ms-appx",
            "application/vnd.ms-appx.bundle",
            "application/vnd.ms-htmlhelp",
            "application/wasm",
            "application/x-appimage",
            "application/x-apple-diskimage",
            "application/x-coff",
            "application/x-dosexec",
            "application/x-executable",
            "application/x-google-chrome-extension",
            "application/x-ios-app",
            "application/x-llvm",
            "application/x-lua-bytecode",
            "application/x-mach-binary",
            "application/x-ms-ne-executable",
            "application/x-ms-shortcut",
            "application/x-msi",
            "application/x-rpm",
            "application/x-shockwave-flash",
            "application/x-xpinstall",
            "text/x-msdos-batch",
        ],
    ),
];

/// Beginnings of the types of office documents.
const DOCUMENT_PREFIXES: &[&str] = &[
    "application/vnd.oasis.opendocument.",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.apple.",
    "application/vnd.sun.xml.",
    "application/vnd.stardivision.",
    "application/vnd.wordperfect",
];

/// Types of the programs in [`FAMILIES`], which a list of allowed types leaves out unless it says otherwise.
pub(crate) fn programs() -> impl Iterator<Item = &'static str> {
    FAMILIES
        .iter()
        .filter(|(family, _)| *family == Family::Program)
        .flat_map(|(_, names)| names.iter().copied())
}

/// Reports whether a text is a restricted name of RFC 6838, but may begin with any of its characters.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}
