//! Examples of embedding LetsApp; see the `[[example]]` entries.
