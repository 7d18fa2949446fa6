//! Duration and waveform of sound, duration of video.
//!
//! Sound in WAV, Ogg (Vorbis) and MP3 is decoded. What symphonia has no decoder for (Opus, AAC), and video, is only
//! measured: by the container, else by the times of its packets.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::{Duration, TimeBase};

/// Number of points of a waveform.
pub const WAVEFORM_POINTS: usize = 64;
/// Longest sound that is decoded, in seconds. Of a longer one there is a duration only if the container says it.
pub const MAX_SECONDS: u64 = 3 * 60 * 60;

/// Most packets that are read: those of three hours at the shortest that Opus has (2.5 ms).
const MAX_PACKETS: u64 = MAX_SECONDS * 400;
/// Most packets that a decoder may fail on; a damaged file has some, another format has nothing else.
const MAX_FAILURES: u64 = 1_000;

/// Measurements of a file with sound or video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Loudness over time, 0–100, where the loudest point is 100; `None` if the sound was not decoded.
    pub waveform: Option<[u8; WAVEFORM_POINTS]>,
}

/// Reason why a file could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// Content that is no sound or video, or damaged from the start.
    #[error("the sound can't be read")]
    Unreadable(#[source] Error),
    /// File without a track, or one whose duration is not to be found out.
    #[error("the file doesn't say how long it is")]
    NoDuration,
}

/// Measures a file of sound or video.
///
/// Memory is bounded by a packet; work by [`MAX_SECONDS`].
///
/// # Errors
///
/// [`SoundError`] for what can't be measured: an ordinary outcome of an upload.
pub fn measure<R: Read + Seek + Send + Sync>(source: R) -> Result<Sound, SoundError> {
    let source = Source::new(source).map_err(|error| SoundError::Unreadable(Error::IoError(error)))?;
    let stream = MediaSourceStream::new(Box::new(source), Default::default());
    let options = (FormatOptions::default(), MetadataOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, options.0, options.1)
        .map_err(SoundError::Unreadable)?;
    let has_video = format
        .tracks()
        .iter()
        .any(|track| track.track_type() == Some(TrackType::Video));
    let declared = declared_ms(&*format);
    if !has_video
        && let Some((track, decoder)) = decodable(&*format)
        && let Some(sound) = decode(&mut *format, track, decoder, declared)
    {
        return Ok(sound);
    }
    let duration_ms = declared
        .or_else(|| packets_ms(&mut *format))
        .ok_or(SoundError::NoDuration)?;
    Ok(Sound {
        duration_ms,
        waveform: None,
    })
}

/// Returns the first track with sound that can be decoded, by its number.
fn decodable(format: &dyn FormatReader) -> Option<(u32, Box<dyn AudioDecoder>)> {
    let track = format.default_track(TrackType::Audio)?;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return None;
    };
    let decoder = symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
    decoder.ok().map(|decoder| (track.id, decoder))
}

/// Decodes a track to its end, or to the limit. `None` if nothing could be decoded.
fn decode(
    format: &mut dyn FormatReader,
    track: u32,
    mut decoder: Box<dyn AudioDecoder>,
    declared: Option<u64>,
) -> Option<Sound> {
    let mut loudness = Loudness::default();
    let mut samples: Vec<f32> = Vec::new();
    let (mut rate, mut failures, mut is_whole) = (0, 0, false);
    for _ in 0..MAX_PACKETS {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // A file cut short ends with an error, and has the sound up to there.
            Ok(None) | Err(_) => {
                is_whole = true;
                break;
            }
        };
        if packet.track_id != track {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                let channels = decoded.spec().channels().count().max(1);
                rate = decoded.spec().rate();
                decoded.copy_to_vec_interleaved(&mut samples);
                samples.chunks(channels).for_each(|frame| loudness.push(frame));
            }
            Err(_) => failures += 1,
        }
        if failures > MAX_FAILURES || loudness.frames > MAX_SECONDS * u64::from(rate.max(1)) {
            break;
        }
    }
    if loudness.frames == 0 || rate == 0 {
        return None;
    }
    let decoded_ms = loudness.frames * 1_000 / u64::from(rate);
    let duration_ms = if is_whole { decoded_ms } else { declared? };
    Some(Sound {
        duration_ms,
        waveform: is_whole.then(|| loudness.points()),
    })
}

/// Returns the duration that the container states: of the whole, else of its longest track.
fn declared_ms(format: &dyn FormatReader) -> Option<u64> {
    let info = format.media_info();
    let of_track = |track: &Track| {
        millis(
            track.time_base?,
            track.duration.or(track.num_frames.map(Duration::new))?,
        )
    };
    let whole = info
        .time_base
        .zip(info.duration)
        .and_then(|(base, duration)| millis(base, duration));
    whole
        .or_else(|| format.tracks().iter().filter_map(of_track).max())
        .filter(|&duration| duration > 0)
}

/// Returns the end of the last packet: recordings of browsers don't state their duration.
fn packets_ms(format: &mut dyn FormatReader) -> Option<u64> {
    let bases: Vec<_> = format
        .tracks()
        .iter()
        .map(|track| (track.id, track.time_base))
        .collect();
    let mut end = 0;
    for _ in 0..MAX_PACKETS {
        let Ok(Some(packet)) = format.next_packet() else { break };
        let base = bases
            .iter()
            .find(|(id, _)| *id == packet.track_id)
            .and_then(|(_, base)| *base);
        let after = u64::try_from(packet.pts.get())
            .ok()
            .and_then(|start| start.checked_add(packet.dur.get()));
        if let (Some(base), Some(after)) = (base, after) {
            end = end.max(millis(base, Duration::new(after)).unwrap_or(0));
        }
    }
    (end > 0).then_some(end)
}

fn millis(base: TimeBase, duration: Duration) -> Option<u64> {
    u64::try_from(base.calc_duration(duration)?.as_millis()).ok()
}

/// Loudness in windows of equal length. Once there are too many, each two become one: the length of a sound need not be
/// known, and memory is bounded.
#[derive(Debug, Default)]
struct Loudness {
    /// Sums of squares of all full windows.
    windows: Vec<f64>,
    /// Frames in a window, as a power of two.
    exponent: u32,
    /// Sum and frames of the window that is being filled.
    sum: f64,
    filled: u64,
    /// All frames until now.
    frames: u64,
}

impl Loudness {
    /// Most windows: enough for a point to be the mean of eight or more.
    const MAX_WINDOWS: usize = 1_024;

    /// Adds one frame, which is a sample of each channel.
    fn push(&mut self, frame: &[f32]) {
        let squares: f64 = frame.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
        // Damaged files decode to anything.
        self.sum += if squares.is_finite() {
            squares / frame.len() as f64
        } else {
            0.0
        };
        self.filled += 1;
        self.frames += 1;
        if self.filled == 1 << self.exponent {
            self.windows.push(self.sum);
            (self.sum, self.filled) = (0.0, 0);
            if self.windows.len() == Self::MAX_WINDOWS {
                self.windows = self.windows.chunks(2).map(|pair| pair.iter().sum()).collect();
                self.exponent += 1;
            }
        }
    }

    /// Returns the root mean square of each part of the sound, relative to the loudest.
    fn points(&self) -> [u8; WAVEFORM_POINTS] {
        let part = |point: usize| {
            let start = point * self.windows.len() / WAVEFORM_POINTS;
            let end = ((point + 1) * self.windows.len() / WAVEFORM_POINTS).max(start + 1);
            let windows = self.windows.get(start..end.min(self.windows.len())).unwrap_or_default();
            (windows.iter().sum::<f64>() / windows.len().max(1) as f64).sqrt()
        };
        let parts: [f64; WAVEFORM_POINTS] = std::array::from_fn(part);
        let loudest = parts.iter().copied().fold(0.0, f64::max);
        parts.map(|part| {
            if loudest > 0.0 {
                (part / loudest * 100.0).round() as u8
            } else {
                0
            }
        })
    }
}

/// Seekable source of a known length.
struct Source<R> {
    inner: R,
    length: u64,
}

impl<R: Read + Seek> Source<R> {
    fn new(mut inner: R) -> io::Result<Self> {
        let length = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        Ok(Self { inner, length })
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Source<R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
