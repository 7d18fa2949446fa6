//! Loudness of a sound over time, for display.

/// Loudness of a sound over time: 64 values from 0 (silence) to 100, for equal parts of its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waveform([u8; Self::POINTS]);

impl Waveform {
    /// Number of values.
    pub const POINTS: usize = 64;

    /// Largest value.
    pub const LOUDEST: u8 = 100;

    /// Makes a waveform of these values; `None` if one of them is above [`LOUDEST`](Self::LOUDEST).
    pub fn new(points: [u8; Self::POINTS]) -> Option<Self> {
        points
            .iter()
            .all(|point| *point <= Self::LOUDEST)
            .then_some(Self(points))
    }

    /// Wraps stored values. Values above the largest count as it.
    pub fn from_stored(points: [u8; Self::POINTS]) -> Self {
        Self(points.map(|point| point.min(Self::LOUDEST)))
    }

    /// Returns the values.
    pub const fn points(&self) -> &[u8; Self::POINTS] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_above_the_largest_makes_no_waveform() {
        let mut points = [100; 64];
        assert_eq!(Waveform::new(points).unwrap().points(), &points);
        points[63] = 101;
        assert_eq!(Waveform::new(points), None);
        assert_eq!(Waveform::from_stored(points), Waveform([100; 64]));
    }
}
