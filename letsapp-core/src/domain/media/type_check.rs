//! Rule that a file's name must not claim what its content is not.

use crate::domain::media::allow_list::AllowList;
use crate::domain::media::content_type::{ContentType, Family};
use crate::domain::media::extensions::claimed_type;
use crate::domain::media::refusal::Refusal;

/// Decides on the type that a file is stored and served with.
///
/// The content decides, as `detected` from it. The name is looked at for two reasons: it may claim what the content is
/// not, and where content alone can't tell (text, documents in ZIP archives, containers of sound or video) it says more.
/// `declared` is only asked whether a container of sound or video is meant as sound.
///
/// # Errors
///
/// - [`Refusal::Mismatch`] if the extension stands for another family than the content.
/// - [`Refusal::NotAllowed`] if the type is not in the list.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::{AllowList, check_type, detect};
///
/// let allowed = AllowList::default();
/// let png = detect(b"\x89PNG\r\n\x1A\n");
/// // A wrong extension of the same family is a slip.
/// assert_eq!(check_type("photo.jpg", None, &png, &allowed).unwrap().as_str(), "image/png");
///
/// let program = detect(b"\x7FELF\x02\x01\x01\0");
/// let refusal = check_type("photo.jpg", None, &program, &allowed).unwrap_err();
/// assert_eq!(refusal.to_string(), "has a name like a picture, but contains a program");
/// ```
pub fn check_type(
    name: &str,
    declared: Option<&ContentType>,
    detected: &ContentType,
    allowed: &AllowList,
) -> Result<ContentType, Refusal> {
    let content_type = decide(claimed_type(name), declared, detected)?;
    if allowed.allows(&content_type) {
        Ok(content_type)
    } else {
        Err(Refusal::NotAllowed(content_type))
    }
}

fn decide(
    claimed: Option<ContentType>,
    declared: Option<&ContentType>,
    detected: &ContentType,
) -> Result<ContentType, Refusal> {
    let found = detected.family();
    if let Some(sound) = as_sound(detected) {
        let claims = claimed.as_ref().map(ContentType::family);
        return match claims {
            Some(Family::Audio) => Ok(sound),
            None | Some(Family::Video) if declared.is_some_and(|declared| declared.family() == Family::Audio) => {
                Ok(sound)
            }
            None | Some(Family::Video) => Ok(detected.clone()),
            Some(claimed) => Err(Refusal::Mismatch { claimed, found }),
        };
    }
    // Unknown bytes are served as such, whatever the name: nothing will be drawn or played.
    let Some(claimed) = claimed.filter(|_| *detected != ContentType::unknown()) else {
        return Ok(detected.clone());
    };
    let claims = claimed.family();
    let is_text = |family| matches!(family, Family::Text | Family::Markup);
    let batch = claimed.as_str().starts_with("text/");
    if is_text(found) && (is_text(claims) || batch) {
        // Source code and markup are text that anyone may name as they like; the name tells them apart.
        return Ok(if claimed.as_str() == "text/plain" && found == Family::Text {
            detected.clone()
        } else {
            claimed
        });
    }
    let in_container = match detected.as_str() {
        "application/zip" => ZIP_BASED.iter().any(|prefix| claimed.as_str().starts_with(prefix)),
        "application/x-cfb" => CFB_BASED.contains(&claimed.as_str()),
        _ => false,
    };
    if in_container {
        Ok(claimed)
    } else if claims == found {
        Ok(detected.clone())
    } else {
        Err(Refusal::Mismatch { claimed: claims, found })
    }
}

/// Returns the type of a container of sound or video when it is meant as sound; `None` for any other type.
fn as_sound(detected: &ContentType) -> Option<ContentType> {
    let sound = match detected.as_str() {
        "video/mp4" | "video/quicktime" => "audio/mp4",
        "video/webm" => "audio/webm",
        "video/matroska" => "audio/matroska",
        "video/ogg" => "audio/ogg",
        "video/3gpp" => "audio/3gpp",
        "video/3gpp2" => "audio/3gpp2",
        "video/x-ms-wmv" => "audio/x-ms-wma",
        // Sound in a container that can also hold video, such as a voice note named `.webm`.
        "audio/webm" | "audio/matroska" | "audio/ogg" | "audio/mp4" | "audio/x-m4a" => return Some(detected.clone()),
        _ => return None,
    };
    Some(ContentType::from_stored(sound))
}

/// Beginnings of types that are ZIP archives inside.
const ZIP_BASED: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/vnd.apple.",
    "application/epub+zip",
    "application/oxps",
    "application/java-archive",
    "application/vnd.android.package-archive",
    "application/x-ios-app",
];

/// Types that are Compound File Binaries inside.
const CFB_BASED: &[&str] = &[
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/vnd.visio",
    "application/x-msi",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::media::detection::detect;

    const ELF: &[u8] = b"\x7FELF\x02\x01\x01\0";
    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0";
    const CFB: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0";
    const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0";
    const WEBM: &[u8] = b"\x1A\x45\xDF\xA3\x84webm\x81A_OPUS\xFF";
    const HTML: &[u8] = b"<!DOCTYPE html><script>";
    const SVG: &[u8] = b"<svg onload='x'/>";

    fn checked(name: &str, declared: &str, content: &[u8]) -> Result<String, Refusal> {
        let declared = ContentType::parse(declared).ok();
        let everything: AllowList = "*/*".parse().unwrap();
        check_type(name, declared.as_ref(), &detect(content), &everything).map(|it| it.to_string())
    }

    #[test]
    fn a_name_that_claims_another_family_is_refused() {
        use Family::{Archive, Audio, Document, Markup, Picture, Program, Text, Video};
        for (name, content, claimed, found) in [
            ("photo.jpg", ELF, Picture, Program),
            ("photo.png", HTML, Picture, Markup),
            ("photo.gif", SVG, Picture, Markup),
            ("photo.webp", b"just text", Picture, Text),
            ("photo.jpg", ZIP, Picture, Archive),
            ("photo.jpg", MP4, Picture, Video),
            ("notes.txt", ELF, Text, Program),
            ("setup.exe", JPEG, Program, Picture),
            ("setup.exe", b"just text", Program, Text),
            ("report.pdf", JPEG, Document, Picture),
            ("report.pdf", ZIP, Document, Archive),
            ("song.mp3", JPEG, Audio, Picture),
            ("film.mp4", b"ID3\x04\0\0\0\0\0\0", Video, Audio),
            ("report.docx", b"\xFF\xD8\xFF\xE1\0", Document, Picture),
        ] {
            assert_eq!(
                checked(name, "", content),
                Err(Refusal::Mismatch { claimed, found }),
                "{name}"
            );
        }
    }

    #[test]
    fn the_content_decides_within_a_family_and_without_a_known_extension() {
        for (name, content, expected) in [
            ("photo.png", JPEG, "image/jpeg"),
            ("photo", JPEG, "image/jpeg"),
            ("photo.xyz", JPEG, "image/jpeg"),
            ("prog", ELF, "application/x-executable"),
            ("page", HTML, "text/html"),
            ("notes", b"just text", "text/plain"),
            ("data.bin", b"\0\x01\x02", "application/octet-stream"),
            ("odd.jpg", b"\0\x01\x02", "application/octet-stream"),
        ] {
            assert_eq!(checked(name, "image/png", content).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn the_name_says_more_where_content_cannot() {
        for (name, content, expected) in [
            ("drawing.svg", SVG, "image/svg+xml"),
            ("drawing.svg", b"just text", "image/svg+xml"),
            ("page.html", b"no tags", "text/html"),
            ("page.txt", HTML, "text/plain"),
            ("readme.md", b"# Title", "text/markdown"),
            ("script.txt", b"#!/bin/sh\n", "text/x-shellscript"),
            ("go.bat", b"del x", "text/x-msdos-batch"),
            ("table.csv", b"a,b", "text/csv"),
            ("report.odt", ZIP, "application/vnd.oasis.opendocument.text"),
            ("app.jar", ZIP, "application/java-archive"),
            ("files.zip", ZIP, "application/zip"),
            ("old.doc", CFB, "application/msword"),
            ("setup.msi", CFB, "application/x-msi"),
        ] {
            assert_eq!(checked(name, "", content).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_container_is_sound_if_its_name_or_its_sender_says_so() {
        for (name, declared, content, expected) in [
            ("voice.m4a", "", MP4, "audio/mp4"),
            ("voice.mp4", "audio/mp4", MP4, "audio/mp4"),
            ("film.mp4", "", MP4, "video/mp4"),
            ("film", "video/mp4", MP4, "video/mp4"),
            ("voice.webm", "", WEBM, "audio/webm"),
            ("voice.weba", "audio/webm;codecs=opus", WEBM, "audio/webm"),
        ] {
            assert_eq!(checked(name, declared, content).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_type_outside_the_list_is_refused() {
        let pictures: AllowList = "image/*, !image/svg+xml".parse().unwrap();
        assert!(check_type("a.jpg", None, &detect(JPEG), &pictures).is_ok());
        for (name, content) in [("a.svg", SVG), ("a", ELF), ("a.bin", &b"\0\x01"[..])] {
            let refusal = check_type(name, None, &detect(content), &pictures).unwrap_err();
            assert_eq!(refusal.code(), "type_not_allowed", "{name}");
        }
        let program = check_type("tool", None, &detect(ELF), &AllowList::default()).unwrap_err();
        assert_eq!(program.code(), "type_not_allowed");
    }
}
