//! Media types that an installation allows.

use std::fmt;
use std::str::FromStr;

use crate::domain::media::content_type::{ContentType, is_token, programs};

/// List of allowed media types, with `*` for any type or subtype, and `!` before what is excluded from it.
///
/// The default allows everything but programs.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::media::{AllowList, ContentType};
///
/// let list: AllowList = "image/*, application/pdf, !image/svg+xml".parse()?;
/// assert!(list.allows(&ContentType::parse("image/png").unwrap()));
/// assert!(!list.allows(&ContentType::parse("image/svg+xml").unwrap()));
///
/// let error = "image/*, pdf".parse::<AllowList>().unwrap_err();
/// assert_eq!(error.to_string(), "`pdf` is not a media type such as `image/png`, `image/*` or `!text/html`");
/// # Ok::<(), letsapp_core::domain::media::AllowListError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    allowed: Vec<Pattern>,
    excluded: Vec<Pattern>,
}

/// Fault in the text of a list of allowed types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowListError {
    /// Entry that is no pattern.
    #[error("`{0}` is not a media type such as `image/png`, `image/*` or `!text/html`")]
    Malformed(String),
    /// List that allows nothing.
    #[error("allows nothing: name at least one media type, such as `image/*`, or `*/*` for all")]
    Empty,
}

/// Entry of a list; `None` stands for any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    kind: Option<Box<str>>,
    subtype: Option<Box<str>>,
}

impl AllowList {
    /// Reports whether a file of a type is allowed.
    #[must_use]
    pub fn allows(&self, content_type: &ContentType) -> bool {
        let matched = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(content_type));
        matched(&self.allowed) && !matched(&self.excluded)
    }
}

impl Default for AllowList {
    fn default() -> Self {
        let excluded = programs().map(|name| Pattern::parse(name).expect("the table holds media types"));
        Self {
            allowed: vec![Pattern {
                kind: None,
                subtype: None,
            }],
            excluded: excluded.collect(),
        }
    }
}

impl FromStr for AllowList {
    type Err = AllowListError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut allowed, mut excluded) = (Vec::new(), Vec::new());
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (list, pattern) = match entry.strip_prefix('!') {
                Some(pattern) => (&mut excluded, pattern),
                None => (&mut allowed, entry),
            };
            let malformed = || AllowListError::Malformed(entry.chars().take(64).collect());
            list.push(Pattern::parse(pattern).ok_or_else(malformed)?);
        }
        if allowed.is_empty() {
            return Err(AllowListError::Empty);
        }
        Ok(Self { allowed, excluded })
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = self.allowed.iter().map(|pattern| ("", pattern));
        let excluded = self.excluded.iter().map(|pattern| ("!", pattern));
        for (i, (sign, pattern)) in allowed.chain(excluded).enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            let part = |part: &Option<Box<str>>| part.as_deref().unwrap_or("*").to_owned();
            write!(f, "{separator}{sign}{}/{}", part(&pattern.kind), part(&pattern.subtype))?;
        }
        Ok(())
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        let part = |part: &str| match part {
            "*" => Some(None),
            part => is_token(part).then(|| Some(part.to_ascii_lowercase().into())),
        };
        let pattern = Self {
            kind: part(kind)?,
            subtype: part(subtype)?,
        };
        // `*/png` would be a type that nobody means.
        (pattern.kind.is_some() || pattern.subtype.is_none()).then_some(pattern)
    }

    fn matches(&self, content_type: &ContentType) -> bool {
        let (kind, subtype) = content_type.as_str().split_once('/').unwrap_or_default();
        let is = |pattern: &Option<Box<str>>, part: &str| pattern.as_deref().is_none_or(|pattern| pattern == part);
        is(&self.kind, kind) && is(&self.subtype, subtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> ContentType {
        ContentType::parse(text).unwrap()
    }

    #[test]
    fn the_default_allows_all_but_programs() {
        let list = AllowList::default();
        for allowed in [
            "image/png",
            "application/octet-stream",
            "application/zip",
            "text/x-shellscript",
        ] {
            assert!(list.allows(&named(allowed)), "{allowed}");
        }
        for refused in [
            "application/x-executable",
            "application/vnd.android.package-archive",
            "text/x-msdos-batch",
        ] {
            assert!(!list.allows(&named(refused)), "{refused}");
        }
        assert_eq!(list.to_string().parse::<AllowList>().unwrap(), list);
    }

    #[test]
    fn a_star_stands_for_any_subtype() {
        let list: AllowList = "IMAGE/*,text/plain".parse().unwrap();
        assert!(list.allows(&named("image/webp")));
        assert!(list.allows(&named("text/plain")));
        assert!(!list.allows(&named("text/html")));
        assert!("*/*".parse::<AllowList>().unwrap().allows(&named("application/wasm")));
    }

    #[test]
    fn an_error_names_the_fault() {
        for fault in [
            "image",
            "image/",
            "/png",
            "*/png",
            "image/*/x",
            "!",
            "im age/png",
            "image/pn*",
        ] {
            let error = format!("text/plain, {fault}").parse::<AllowList>().unwrap_err();
            assert_eq!(error, AllowListError::Malformed(fault.to_owned()));
        }
        for empty in ["", " , ", "!image/png"] {
            assert_eq!(empty.parse::<AllowList>(), Err(AllowListError::Empty));
        }
    }
}
