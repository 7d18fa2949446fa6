//! The headers `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-11.

use std::fmt::Write;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use letsapp_core::domain::limit::LimitState;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Adds the headers: `RateLimit-Policy` with the quota (`q`) and window in seconds (`w`) of each limit, `RateLimit`
/// with the remaining requests (`r`) and the seconds until there are more (`t`).
pub(super) fn write(states: &[LimitState], headers: &mut HeaderMap) {
    if states.is_empty() {
        return;
    }
    let (mut policy, mut left) = (String::with_capacity(64), String::with_capacity(48));
    for (place, state) in states.iter().enumerate() {
        let LimitState { class, quota, decision } = state;
        let comma = if place == 0 { "" } else { ", " };
        let (name, amount, window) = (class.as_str(), quota.amount(), seconds(quota.window()).max(1));
        let more = seconds(decision.retry_after);
        write!(policy, "{comma}\"{name}\";q={amount};w={window}").expect("text takes text");
        write!(left, "{comma}\"{name}\";r={};t={more}", decision.remaining).expect("text takes text");
    }
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
        let value = HeaderValue::try_from(value).expect("names and numbers are visible ASCII");
        headers.insert(name, value);
    }
}

/// Returns whole seconds, rounded up: a client that waits for them is not too early.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use letsapp_core::domain::limit::{Class, Pace};
    use letsapp_core::domain::steady_time::SteadyTime;

    use super::*;

    #[test]
    fn limit_states_are_structured_fields() {
        let now = SteadyTime::from_millis(0);
        let state = |class: Class, cost: u32| {
            let quota = class.default_quota();
            let (_, decision) = Pace::default().step(quota, cost, now);
            LimitState { class, quota, decision }
        };
        let mut headers = HeaderMap::new();
        write(&[], &mut headers);
        assert!(headers.is_empty());
        write(
            &[state(Class::Requests, 1), state(Class::Credentials, 60)],
            &mut headers,
        );
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            "\"requests\";q=12000;w=60, \"credentials\";q=60;w=600"
        );
        assert_eq!(
            headers[RATE_LIMIT],
            "\"requests\";r=11999;t=1, \"credentials\";r=0;t=10"
        );
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, expected) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
