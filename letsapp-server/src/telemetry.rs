//! Logs to standard error, and Prometheus metrics.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Upper bounds of the histogram buckets for request durations, in seconds: from a cached read to a password hash under
/// load.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Metrics that are updated for every frame. Looking them up by name each time would take a hash and a lock.
pub(crate) struct Meters {
    /// Number of open sockets.
    pub(crate) sockets: Gauge,
    /// Number of frames received on sockets.
    pub(crate) frames_received: Counter,
    /// Number of events and replies sent on sockets.
    pub(crate) frames_sent: Counter,
}

impl Meters {
    /// Looks the metrics up.
    pub(crate) fn new() -> Self {
        // Installs the recorder first: a metric looked up without one discards what is counted.
        metrics();
        Self {
            sockets: gauge!("letsapp_sockets"),
            frames_received: counter!("letsapp_frames_received_total"),
            frames_sent: counter!("letsapp_frames_sent_total"),
        }
    }
}

/// Records an answered request and its duration.
pub(crate) fn count_request(method: &http::Method, route: &'static str, status: u16, took: Duration) {
    let method = method_word(method);
    counter!("letsapp_http_requests_total", "method" => method, "route" => route, "status" => status.to_string())
        .increment(1);
    histogram!("letsapp_http_request_duration_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
}

/// Returns the handle that renders the metrics. A process has one, however many servers it runs.
///
/// # Panics
/// If another library in the process has installed a metrics recorder.
pub(crate) fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)
            .expect("there are buckets")
            .install_recorder()
            .expect("nothing else records metrics");
        describe_gauge!("letsapp_sockets", "Open sockets.");
        describe_gauge!(
            "letsapp_users_online",
            "Users who are online, or disconnected within the presence grace period."
        );
        describe_gauge!(
            "letsapp_commit_waiting_bytes",
            "Size of the changes of conversations that wait or are being carried out."
        );
        describe_counter!(
            "letsapp_commit_refused_total",
            "Changes of conversations refused because too many were waiting."
        );
        describe_gauge!(
            "letsapp_sqlite_waiting_bytes",
            "Size of the work that waits for SQLite's writer, readers and searchers or is being carried out, by queue."
        );
        describe_counter!(
            "letsapp_sqlite_refused_total",
            "Work refused because too much was waiting for SQLite, by queue."
        );
        describe_counter!("letsapp_frames_received_total", "Frames received on sockets.");
        describe_counter!("letsapp_frames_sent_total", "Frames sent on sockets.");
        describe_counter!(
            "letsapp_http_requests_total",
            "HTTP requests answered, by method, route and status."
        );
        describe_histogram!(
            "letsapp_http_request_duration_seconds",
            "Time to answer an HTTP request, by method and route."
        );
        handle
    })
}

/// Starts logging to standard error, filtered by `RUST_LOG`, or from level `info` on if it is not set.
pub(crate) fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    // Fails if the process has set up logging already, as tests do; then that setup is kept.
    let _ = match format {
        LogFormat::Text => logs.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
}

/// Logs panics as one line each. The default hook would print a stack trace, of tens of kilobytes for a request, with
/// `RUST_BACKTRACE` set, and past the format of the log.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("no message");
        let message: String = message.chars().take(MAX_PANIC_CHARS).collect();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, message, "a panic");
    }));
}

/// Maximum length of a panic's message in the log, in characters: a failed comparison can hold whole requests.
const MAX_PANIC_CHARS: usize = 1_000;

/// Returns a method as a metric label. Methods that clients invent share `other`, so that they can't create metrics at
/// will.
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
