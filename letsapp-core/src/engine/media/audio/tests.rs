use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name)).unwrap()
}

fn measured(name: &str) -> Sound {
    measure(Cursor::new(sample(name))).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// A WAV file of 16-bit samples at 8 kHz.
fn wav(samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let size = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    [
        &b"RIFF"[..],
        &size(36 + data.len()),
        b"WAVEfmt ",
        &size(16),
        &[1, 0, 1, 0],
        &size(8_000),
        &size(16_000),
        &[2, 0, 16, 0],
        b"data",
        &size(data.len()),
        &data,
    ]
    .concat()
}

#[test]
fn sound_is_measured_and_drawn() {
    // The samples are quiet for 0.8 s, then loud for 0.8 s.
    for name in ["tone.ogg", "tone.mp3"] {
        let sound = measured(name);
        assert!(
            (1_550..=1_750).contains(&sound.duration_ms),
            "{name}: {}",
            sound.duration_ms
        );
        let waveform = sound.waveform.unwrap_or_else(|| panic!("{name} is decoded"));
        assert_eq!(waveform.iter().max(), Some(&100), "{name}");
        assert!(waveform[4..26].iter().all(|&point| point < 25), "{name}: {waveform:?}");
        assert!(waveform[36..58].iter().all(|&point| point > 75), "{name}: {waveform:?}");
    }
    assert_eq!(measured("tone.wav").duration_ms, 1_000);
}

#[test]
fn what_is_not_decoded_still_has_a_duration() {
    for (name, least, most) in [
        ("tone.opus", 1_590, 1_640),
        ("voice.webm", 1_450, 1_550),
        ("voice.m4a", 1_450, 1_650),
        ("video.mp4", 1_400, 1_600),
        ("video.webm", 1_350, 1_600),
    ] {
        let sound = measured(name);
        assert!(
            (least..=most).contains(&sound.duration_ms),
            "{name}: {}",
            sound.duration_ms
        );
        assert_eq!(sound.waveform, None, "{name}");
    }
}

#[test]
fn a_waveform_has_a_point_for_each_sixty_fourth() {
    let ramp: Vec<i16> = (0..64_000)
        .map(|i: i32| i16::try_from(i / 1_000 * 500).unwrap())
        .collect();
    let waveform = measure(Cursor::new(wav(&ramp))).unwrap().waveform.unwrap();
    assert_eq!((waveform[0], waveform[63]), (0, 100));
    assert!(waveform.is_sorted(), "{waveform:?}");
    let silence = measure(Cursor::new(wav(&[0; 8_000]))).unwrap();
    assert_eq!((silence.duration_ms, silence.waveform), (1_000, Some([0; 64])));
    let short = measure(Cursor::new(wav(&[1_000; 8]))).unwrap();
    assert_eq!((short.duration_ms, short.waveform), (1, Some([100; 64])));
}

#[test]
fn windows_are_merged_without_a_loss() {
    let mut loudness = Loudness::default();
    (0..1_000_000).for_each(|_| loudness.push(&[0.5, 0.5]));
    assert!(loudness.windows.len() < Loudness::MAX_WINDOWS);
    assert_eq!(loudness.frames, 1_000_000);
    assert_eq!(loudness.points(), [100; 64]);
}

#[test]
fn what_is_no_sound_is_an_ordinary_error() {
    for bytes in [&b""[..], b"just text", &[0; 5_000], &sample("texts.png")] {
        assert!(measure(Cursor::new(bytes)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_corrupted_file_is_measured_or_refused(
        of in prop::sample::select(vec![
            "tone.wav", "tone.ogg", "tone.opus", "tone.mp3", "voice.webm", "voice.m4a", "video.mp4", "video.webm",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 4]>(), any::<bool>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = sample(of);
        for (at, random, in_head) in edits {
            // Headers are where the lengths are.
            let within = if in_head { 400.min(bytes.len()) } else { bytes.len() };
            let at = at.index(within);
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&random[..end - at]);
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(sound) = measure(Cursor::new(bytes)) {
            prop_assert!(sound.waveform.is_none_or(|points| points.iter().all(|&point| point <= 100)));
        }
    }
}
