//! Parses durations such as `500ms`, `45s`, `15m`, `2h` and `30d`.

use std::time::Duration;

/// Parses a duration: a whole number and a unit, without a space.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "a duration such as 45s or 15m".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("45s", 45_000),
            ("15m", 900_000),
            ("2h", 7_200_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "45",
            "s",
            "-1s",
            "1.5s",
            "15 m",
            "15min",
            "99999999999999999999s",
            "99999999999999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
