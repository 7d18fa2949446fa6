//! Stub until the real one lands.
#![allow(missing_docs)]
use std::fmt;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad")]
pub struct TextError;
macro_rules! t { ($($n:ident)*) => { $(#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)] pub struct $n(String);
impl $n { pub fn parse(t: impl Into<String>) -> Result<Self, TextError> { Ok(Self(t.into())) } pub fn as_str(&self) -> &str { &self.0 } }
impl fmt::Display for $n { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) } })* } }
pub(crate) use t;
t!(Title);
pub fn fold(t: &str) -> String {
    t.to_lowercase()
}
