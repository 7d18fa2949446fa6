//! How limits are written: `100/1m` for so many in so long, `5/1s/15m` for failures, `off` for none.

use letsapp_core::domain::limit::{Class, Escalation, Quota};

use super::setting::{Setting, positive};
use super::{Config, duration};

/// One limit of the table, such as `100/1m`: so many in so long.
pub(super) const fn limit(name: &'static str, read: fn(&mut Config, &str) -> Result<(), String>) -> Setting {
    Setting {
        name,
        flag: None,
        form: "NUMBER/DURATION",
        help: "",
        read,
    }
}

/// Reads a limit of a class.
pub(super) fn limit_class(config: &mut Config, class: Class, value: &str) -> Result<(), String> {
    let expected = || "a limit such as 100/1m, or off".to_owned();
    let quota = match value {
        "off" => None,
        value => {
            let (amount, window) = value.split_once('/').ok_or_else(expected)?;
            let amount = amount.parse().map_err(|_| expected())?;
            Some(Quota::new(amount, duration::parse(window)?).ok_or_else(expected)?)
        }
    };
    config.limit_table.set(class, quota);
    Ok(())
}

/// Reads how many failures are free, how long the first wait is, and how long the longest.
pub(super) fn escalation(value: &str) -> Result<Option<Escalation>, String> {
    let expected = || "failures that are free, the first wait and the longest, such as 5/1s/15m, or off".to_owned();
    if value == "off" {
        return Ok(None);
    }
    let (free, waits) = value.split_once('/').ok_or_else(expected)?;
    let (first, longest) = waits.split_once('/').ok_or_else(expected)?;
    let escalation = Escalation {
        free: free.parse().map_err(|_| expected())?,
        first: positive(first)?,
        longest: positive(longest)?,
    };
    if escalation.first <= escalation.longest {
        Ok(Some(escalation))
    } else {
        Err(expected())
    }
}
