//! LetsApp.
