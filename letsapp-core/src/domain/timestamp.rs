//! Points in time, as milliseconds since the Unix epoch.
//!
//! The current time comes from a [`Clock`](crate::ports::Clock), so that tests can set it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Point in time in UTC, with a precision of one millisecond. In JSON an RFC 3339 string.
///
/// ```
/// # use letsapp_core::domain::timestamp::Timestamp;
/// let moment = Timestamp::from_millis(1_795_338_000_000);
/// assert_eq!(moment.to_string(), "2026-11-22T09:00:00.000Z");
/// assert_eq!("2026-11-22T10:00:00+01:00".parse::<Timestamp>().unwrap(), moment);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00.000Z"))]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time elapsed from `earlier` to this timestamp; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns this timestamp plus a duration, saturating at the maximum.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns this timestamp minus a duration, saturating at the minimum.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years outside of 1 to 9999 need a sign or more digits, and are rare enough for the slower formatter.
        if let Some(text) = written(self.0) {
            return f.write_str(text.as_str());
        }
        const PRINTER: jiff::fmt::temporal::DateTimePrinter =
            jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
        let moment = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        let mut text = String::with_capacity(27);
        PRINTER.print_timestamp(&moment, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match written(self.0) {
            Some(text) => serializer.serialize_str(text.as_str()),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| de::Error::custom("not an RFC 3339 time such as 2026-11-22T09:00:00.000Z"))
    }
}

/// Timestamp as text: `2026-11-22T09:00:00.000Z`.
struct Written([u8; 24]);

impl Written {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and punctuation are ASCII")
    }
}

/// Formats a timestamp within the years 1 to 9999; `None` outside of them.
///
/// Each message is serialised twice, in its reply and in its event. A general-purpose formatter takes as long for the
/// one timestamp in it as serde takes for all other fields together.
fn written(millis: i64) -> Option<Written> {
    const DAY: i64 = 86_400_000;
    let (year, month, day) = civil(millis.div_euclid(DAY));
    if !(1..=9_999).contains(&year) {
        return None;
    }
    let of_day = millis.rem_euclid(DAY);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let numbers = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, of_day / 3_600_000),
        (14, 2, of_day / 60_000 % 60),
        (17, 2, of_day / 1_000 % 60),
        (20, 3, of_day % 1_000),
    ];
    for (at, digits, mut number) in numbers {
        for digit in text[at..at + digits].iter_mut().rev() {
            *digit = b"0123456789"[usize::try_from(number % 10).expect("it is not negative")];
            number /= 10;
        }
    }
    Some(Written(text))
}

/// Returns the year, month and day for a number of days since 1970-01-01. Years are counted from March, so that the
/// leap day comes last: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
const fn civil(days: i64) -> (i64, i64, i64) {
    // Days in 400 years, after which the calendar repeats.
    const ERA: i64 = 146_097;
    // Days from 0000-03-01 to 1970-01-01.
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn years_without_four_digits_are_written_too() {
        let moment = Timestamp::from_millis(-62_198_755_200_000);
        assert_eq!(moment.to_string(), "-000001-01-01T00:00:00.000Z");
        assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
    }

    #[test]
    fn a_moment_is_the_same_in_json() {
        let moment = Timestamp::from_millis(951_782_400_001);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2000-02-29T00:00:00.001Z\"");
    }

    proptest! {
        #[test]
        fn the_fast_formatter_agrees_with_jiff(millis in -62_135_596_800_000..253_402_300_800_000_i64) {
            let moment = jiff::Timestamp::from_millisecond(millis).unwrap();
            prop_assert_eq!(Timestamp::from_millis(millis).to_string(), format!("{moment:.3}"));
        }
    }
}
