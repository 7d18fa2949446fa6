//! Parses rate limits: `100/1m` for 100 requests per minute, `5/1s/15m` for failed logins, `off` for no limit.
//!
//! The login limit is `LETSAPP_LIMITS_CREDENTIALS` per address; waits after failed logins are `LETSAPP_LIMITS_FAILURES`
//! and `LETSAPP_LIMITS_ACCOUNT_FAILURES`.

use letsapp_core::domain::limit::{Class, Escalation, Quota};

use super::setting::{Setting, positive};
use super::{Config, duration};

/// Returns the setting for the limit of one class, such as `100/1m`.
pub(super) const fn limit(name: &'static str, read: fn(&mut Config, &str) -> Result<(), String>) -> Setting {
    Setting {
        name,
        flag: None,
        form: "NUMBER/DURATION",
        help: "",
        read,
    }
}

/// Parses the limit of a class and sets it in `config`.
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

/// Parses the rule for failed logins: the number of failures without a wait, the first wait, and the longest.
pub(super) fn escalation(value: &str) -> Result<Option<Escalation>, String> {
    let expected = || "failures without a wait, first wait and longest wait, such as 5/1s/15m, or off".to_owned();
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
