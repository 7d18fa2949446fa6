//! Stub until the real one lands.
#![allow(missing_docs)]
use crate::text::{TextError, t};
use std::fmt;
t!(Emoji);
