//! The headers of resumable uploads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::Code;

use super::{UPLOAD_CHECKSUM, UPLOAD_METADATA};
use crate::api::media::incoming;
use crate::error::ApiError;

/// Claims of a client about the file, from `Upload-Metadata`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) id: Option<MediaId>,
}

/// Reads `Upload-Metadata`: pairs of a key and a value in Base64, separated by commas. Other keys are ignored.
pub(super) fn metadata(headers: &HeaderMap) -> Result<Metadata, ApiError> {
    let mut metadata = Metadata::default();
    let Some(header) = incoming::text(headers, &UPLOAD_METADATA) else {
        return Ok(metadata);
    };
    for pair in header.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = || {
            let decoded = STANDARD.decode(value.trim()).ok();
            let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or_else(|| {
                unreadable(
                    "Upload-Metadata",
                    &format!("the value of `{key}` is not text in Base64"),
                )
            })
        };
        match key {
            "filename" => metadata.name = Some(value()?),
            "filetype" => metadata.content_type = Some(value()?),
            "id" => metadata.id = Some(incoming::id(&value()?)?),
            _ => {}
        }
    }
    Ok(metadata)
}

/// Reads a header that is a whole number.
pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let text = incoming::text(headers, name).ok_or_else(|| unreadable(name.as_str(), "is missing"))?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| unreadable(name.as_str(), "must be a whole number"))
}

/// Reads `Upload-Checksum`: the name of the algorithm, and the sum in Base64.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<[u8; 32]>, ApiError> {
    let Some(header) = incoming::text(headers, &UPLOAD_CHECKSUM) else {
        return Ok(None);
    };
    let sum = header
        .trim()
        .split_once(' ')
        .filter(|(algorithm, _)| *algorithm == "sha256")
        .and_then(|(_, sum)| STANDARD.decode(sum.trim()).ok())
        .and_then(|sum| sum.try_into().ok());
    sum.map(Some)
        .ok_or_else(|| unreadable("Upload-Checksum", "must be `sha256` and a SHA-256 in Base64"))
}

/// Formats a time as HTTP does (RFC 9110, section 5.6.7).
pub(super) fn date(time: Timestamp) -> String {
    httpdate::fmt_http_date(
        std::time::UNIX_EPOCH + std::time::Duration::from_millis(time.as_millis().max(0).unsigned_abs()),
    )
}

/// Makes a header value of visible ASCII.
pub(super) fn written(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, paths and dates are visible ASCII")
}

fn unreadable(name: &str, detail: &str) -> ApiError {
    ApiError::with_detail(Code::InvalidRequest, format!("the header {name}: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn metadata_is_read_and_faults_are_named() {
        let read = |value| metadata(&of(UPLOAD_METADATA, value)).map_err(|error| error.into_problem().detail.unwrap());
        let expected = Metadata {
            name: Some("Grüße.txt".to_owned()),
            content_type: Some("text/plain".to_owned()),
            id: Some("0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap()),
        };
        let header = "filename R3LDvMOfZS50eHQ=, filetype dGV4dC9wbGFpbg==,private,\
                      id MDE5MDE2M2QtODY5NC03MzliLWFlYTUtOTY2YzI2ZjhhZDkx";
        assert_eq!(read(header), Ok(expected));
        assert_eq!(read(""), Ok(Metadata::default()));
        assert!(read("filename ***").unwrap_err().contains("`filename`"));
        assert!(read("id bm8=").is_err());
    }

    #[test]
    fn a_checksum_is_of_the_one_algorithm() {
        let read = |value| checksum(&of(UPLOAD_CHECKSUM, value)).is_ok_and(|sum| sum.is_some());
        assert!(read("sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
        for wrong in [
            "sha1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256 AAAA",
            "sha256",
            "x y z",
        ] {
            assert!(!read(wrong), "{wrong}");
        }
        assert_eq!(checksum(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn numbers_are_digits_alone() {
        let read = |value| number(&of(UPLOAD_CHECKSUM, value), &UPLOAD_CHECKSUM).ok();
        assert_eq!(read("17"), Some(17));
        for wrong in ["-1", "+1", "1.0", "", "18446744073709551616"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_header_is_read_or_refused_with_its_name(
            bytes in proptest::collection::vec(32_u8..=255, 0..200),
            pairs in "((filename|filetype|id|x) ?[A-Za-z0-9+/=]{0,60},? ?){0,4}",
            sum in "(sha256|sha1)? ?[A-Za-z0-9+/=]{0,50}",
            digits in "[-+]?[0-9]{0,25}",
        ) {
            for value in [&bytes[..], pairs.as_bytes(), sum.as_bytes(), digits.as_bytes()] {
                let Ok(value) = HeaderValue::from_bytes(value) else { continue };
                let mut headers = HeaderMap::new();
                headers.insert(UPLOAD_METADATA, value.clone());
                headers.insert(UPLOAD_CHECKSUM, value.clone());
                let refusals = [
                    metadata(&headers).map(drop),
                    checksum(&headers).map(drop),
                    number(&headers, &UPLOAD_CHECKSUM).map(drop),
                ];
                for refused in refusals.into_iter().filter_map(Result::err) {
                    let problem = refused.into_problem();
                    let named = problem.detail.iter().any(|detail| detail.to_lowercase().contains("upload-"));
                    proptest::prop_assert!(named || !problem.errors.is_empty(), "{problem:?}");
                }
            }
        }
    }
}
