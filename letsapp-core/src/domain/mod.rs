//! The domain: values, rules and state machines, without a store, a clock, a wire format or a runtime.
//!
//! Each file is named after the thing that it defines, and the layers above use the same names.

pub(crate) mod cache;

pub mod body;
pub mod contact;
pub mod conversation;
pub mod credential;
pub mod emoji;
pub mod fingerprint;
pub mod id;
pub mod key;
pub mod limit;
pub mod machine;
pub mod mark;
pub mod media;
pub mod member;
pub mod message;
pub mod meta;
pub mod page;
pub mod permission;
pub mod presence;
pub mod principal;
pub mod role;
pub mod rules;
pub mod search;
pub mod session;
pub mod text;
pub mod timestamp;
pub mod typing;
pub mod user;
pub mod visibility;
pub mod window;
