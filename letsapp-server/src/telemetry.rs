//! Logs and metrics.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Times of requests fall into these, in seconds.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What is counted so often that its counter is kept at hand.
pub(crate) struct Meters {
    /// Open sockets.
    pub(crate) sockets: Gauge,
    /// Frames that came in.
    pub(crate) frames_received: Counter,
    /// Frames that went out.
    pub(crate) frames_sent: Counter,
}

impl Meters {
    /// Finds the counters.
    pub(crate) fn new() -> Self {
        // What is counted before there is a recorder is counted nowhere.
        metrics();
        Self {
            sockets: gauge!("letsapp_sockets"),
            frames_received: counter!("letsapp_frames_received_total"),
            frames_sent: counter!("letsapp_frames_sent_total"),
        }
    }
}

/// Counts a request that was answered.
pub(crate) fn count_request(method: &http::Method, route: &'static str, status: u16, took: Duration) {
    let method = method_word(method);
    counter!("letsapp_http_requests_total", "method" => method, "route" => route, "status" => status.to_string())
        .increment(1);
    histogram!("letsapp_http_request_duration_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
}

/// Returns what writes the metrics down. There is one for each process, however many servers it runs.
///
/// # Panics
/// If something else in the process records metrics already.
pub(crate) fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)
            .expect("there are buckets")
            .install_recorder()
            .expect("nothing else records metrics");
        describe_gauge!("letsapp_sockets", "Open sockets.");
        describe_gauge!("letsapp_users_online", "Users who are online, or left a moment ago.");
        describe_counter!("letsapp_frames_received_total", "Frames that came in on sockets.");
        describe_counter!("letsapp_frames_sent_total", "Frames that went out on sockets.");
        describe_counter!("letsapp_http_requests_total", "Requests answered, by route and status.");
        describe_histogram!("letsapp_http_request_duration_seconds", "Time to answer, by route.");
        handle
    })
}

/// Starts to write logs to standard error: what `RUST_LOG` says, else everything from `info` on.
pub(crate) fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    // In a process that logs already, it goes on as it does.
    let _ = match format {
        LogFormat::Text => logs.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
}

/// A method as a label: whatever clients make up is one.
fn method_word(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
