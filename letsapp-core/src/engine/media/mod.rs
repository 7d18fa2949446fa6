//! Renderings of uploaded files that need decoders: previews of pictures, duration and waveform of sound.
//!
//! Everything here blocks and computes: callers run it on a pool of their own, away from sign-ins and sends.

#[cfg(feature = "media")]
pub mod audio;
#[cfg(feature = "media")]
pub mod preview;
