//! The domain: values, rules and state machines, without a store, a clock, a wire format or a runtime.
//!
//! Each file is named after the thing that it defines, and the layers above use the same names.

pub(crate) mod adding;
pub(crate) mod cache;
pub(crate) mod fingerprint;
pub(crate) mod machine;
pub(crate) mod permission;
pub(crate) mod visibility;

pub mod body;
pub mod contact;
pub mod conversation;
pub mod credential;
pub mod departure;
pub mod emoji;
pub mod id;
pub mod key;
pub mod limit;
pub mod mark;
pub mod media;
pub mod member;
pub mod message;
pub mod meta;
pub mod page;
pub mod presence;
pub mod principal;
pub mod replay;
pub mod role;
pub mod rules;
pub mod search;
pub mod session;
pub mod steady_time;
pub mod text;
pub mod timestamp;
pub mod typing;
pub mod user;
pub mod window;
