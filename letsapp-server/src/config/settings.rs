//! The table of all settings, and the types of their values.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;

use letsapp_core::domain::limit::Class;
use letsapp_core::domain::media::AllowList;
use letsapp_core::engine::media::Unscanned;

use super::rate_limits::{escalation, limit, limit_class};
use super::setting::{Setting, positive};
use super::urls::without_secrets;
use super::{Config, ConfigError, duration};

/// Every setting of the server.
pub(super) const ALL: &[Setting] = &[
    Setting {
        name: "listen",
        flag: Some("listen"),
        form: "ADDR",
        help: "Address for clients [default: 127.0.0.1:8080]",
        read: |config, value| address(value).map(|it| config.listen = it),
    },
    Setting {
        name: "admin_listen",
        flag: Some("admin-listen"),
        form: "ADDR",
        help: "Address for operators: /metrics and health checks [default: 127.0.0.1:8081]",
        read: |config, value| address(value).map(|it| config.admin_listen = it),
    },
    Setting {
        name: "admin_hosts",
        flag: None,
        form: "NAMES",
        help: "",
        read: |config, value| names(value).map(|it| config.admin_hosts = it),
    },
    Setting {
        name: "store",
        flag: Some("store"),
        form: "URL",
        help: "Store: memory:, sqlite:PATH or mongodb://…/DATABASE [default: SQLite in the data directory]",
        read: |config, value| value.parse().map(|it| config.store = Some(it)),
    },
    Setting {
        name: "bus",
        flag: Some("bus"),
        form: "BUS",
        help: "Bus between servers: local: (a single one), redis://HOST or mongodb: [default: local:]",
        read: |config, value| value.parse().map(|it| config.bus = it),
    },
    Setting {
        name: "data_dir",
        flag: Some("data-dir"),
        form: "DIR",
        help: "Directory for the server's files [default: ./letsapp-data]",
        read: |config, value| path(value).map(|it| config.data_dir = it),
    },
    Setting {
        name: "limits",
        flag: Some("limits"),
        form: "on|off",
        help: "Rate limits; off is for load tests only [default: on]",
        read: |config, value| value.parse().map(|it| config.limits = it),
    },
    Setting {
        name: "log_format",
        flag: None,
        form: "text|json",
        help: "",
        read: |config, value| value.parse().map(|it| config.log_format = it),
    },
    Setting {
        name: "http_max_connections",
        flag: None,
        form: "NUMBER",
        help: "",
        read: |config, value| count(value).map(|it| config.max_connections = it),
    },
    Setting {
        name: "http_max_connections_per_address",
        flag: None,
        form: "NUMBER",
        help: "",
        read: |config, value| count(value).map(|it| config.max_connections_per_address = it),
    },
    Setting {
        name: "max_sockets_per_user",
        flag: None,
        form: "NUMBER",
        help: "",
        read: |config, value| count(value).map(|it| config.max_sockets_per_user = it),
    },
    Setting {
        name: "http_trusted_proxies",
        flag: None,
        form: "NETWORKS",
        help: "",
        read: |config, value| value.parse().map(|it| config.trusted_proxies = it),
    },
    Setting {
        name: "http_forwarded_header",
        flag: None,
        form: "x-forwarded-for|forwarded",
        help: "",
        read: |config, value| value.parse().map(|it| config.forwarded_header = it),
    },
    Setting {
        name: "blobs",
        flag: Some("blobs"),
        form: "PLACE",
        help: "Place for uploaded files: store:, file:PATH or s3://BUCKET/PREFIX [default: store:]",
        read: |config, value| value.parse().map(|it| config.blobs = it),
    },
    Setting {
        name: "media_scanner",
        flag: None,
        form: "tcp://HOST:PORT|unix:PATH",
        help: "",
        read: |config, value| value.parse().map(|it| config.media_scanner = Some(it)),
    },
    Setting {
        name: "media_unscanned",
        flag: None,
        form: "refuse|take",
        help: "",
        read: |config, value| unscanned(value).map(|it| config.media_unscanned = it),
    },
    Setting {
        name: "media_types",
        flag: None,
        form: "TYPES",
        help: "",
        read: |config, value| media_types(value).map(|it| config.media_types = it),
    },
    Setting {
        name: "media_quota",
        flag: None,
        form: "BYTES",
        help: "",
        read: |config, value| bytes(value).map(|it| config.rules.media_quota = it),
    },
    limit("limits_credentials", |config, value| {
        limit_class(config, Class::Credentials, value)
    }),
    limit("limits_refreshes", |config, value| {
        limit_class(config, Class::Refreshes, value)
    }),
    limit("limits_connections", |config, value| {
        limit_class(config, Class::Connections, value)
    }),
    limit("limits_requests", |config, value| {
        limit_class(config, Class::Requests, value)
    }),
    limit("limits_searches", |config, value| {
        limit_class(config, Class::Searches, value)
    }),
    limit("limits_syncs", |config, value| limit_class(config, Class::Syncs, value)),
    limit("limits_writes", |config, value| {
        limit_class(config, Class::Writes, value)
    }),
    limit("limits_additions", |config, value| {
        limit_class(config, Class::Additions, value)
    }),
    limit("limits_strangers", |config, value| {
        limit_class(config, Class::Strangers, value)
    }),
    limit("limits_reads", |config, value| limit_class(config, Class::Reads, value)),
    limit("limits_signals", |config, value| {
        limit_class(config, Class::Signals, value)
    }),
    limit("limits_frames", |config, value| {
        limit_class(config, Class::Frames, value)
    }),
    limit("limits_refusals", |config, value| {
        limit_class(config, Class::Refusals, value)
    }),
    Setting {
        name: "limits_failures",
        flag: None,
        form: "NUMBER/DURATION/DURATION",
        help: "",
        read: |config, value| escalation(value).map(|it| config.limit_table.failures = it),
    },
    Setting {
        name: "limits_account_failures",
        flag: None,
        form: "NUMBER/DURATION/DURATION",
        help: "",
        read: |config, value| escalation(value).map(|it| config.limit_table.account_failures = it),
    },
    Setting {
        name: "auth_access_ttl",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| positive(value).map(|it| config.rules.access_ttl = it),
    },
    Setting {
        name: "auth_refresh_ttl",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| positive(value).map(|it| config.rules.refresh_ttl = it),
    },
    Setting {
        name: "messages_edit_window",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| duration::parse(value).map(|it| config.rules.edit_window = it),
    },
    Setting {
        name: "calls_ring_timeout",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| duration::parse(value).map(|it| config.calls_ring_timeout = it),
    },
    Setting {
        name: "calls_disconnect_grace",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| duration::parse(value).map(|it| config.calls_disconnect_grace = it),
    },
    Setting {
        name: "presence_grace",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| duration::parse(value).map(|it| config.rules.presence_grace = it),
    },
    Setting {
        name: "typing_timeout",
        flag: None,
        form: "DURATION",
        help: "",
        read: |config, value| duration::parse(value).map(|it| config.rules.typing_timeout = it),
    },
];

impl Setting {
    /// Returns the name of the environment variable.
    pub(super) fn variable(&self) -> String {
        format!("LETSAPP_{}", self.name.to_uppercase())
    }

    /// Parses a value and sets it; `origin` names its source in errors, such as `--listen`.
    pub(super) fn set(&self, config: &mut Config, origin: &str, value: &OsStr) -> Result<(), ConfigError> {
        let value = value.to_str().ok_or_else(|| ConfigError::new(origin, "is not UTF-8"))?;
        (self.read)(config, value)
            .map_err(|expected| ConfigError::new(origin, format!("'{}' is not {expected}", without_secrets(value))))
    }
}

/// Switch for all rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// Limits requests by the table of limits.
    On,
    /// Limits nothing, for load tests.
    Off,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// A JSON object per line.
    Json,
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => Err("on or off".to_owned()),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json".to_owned()),
        }
    }
}

/// Checks that a value is a host and a port. The host is resolved later, when the address is bound.
fn address(value: &str) -> Result<String, String> {
    let expected = || "an address such as 127.0.0.1:8080".to_owned();
    let (host, port) = value.rsplit_once(':').ok_or_else(expected)?;
    let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || !bare || port.parse::<u16>().is_err() {
        return Err(expected());
    }
    Ok(value.to_owned())
}

/// Splits host names at commas.
fn names(value: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        let mut characters = name.bytes();
        !name.is_empty() && characters.all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let names: Vec<_> = value.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().all(|name| is_name(name)) {
        Ok(names)
    } else {
        Err("host names such as letsapp,metrics.internal, without ports".to_owned())
    }
}

fn path(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        Err("a directory".to_owned())
    } else {
        Ok(PathBuf::from(value))
    }
}

fn bytes(value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| "a whole number of bytes".to_owned())
}

fn unscanned(value: &str) -> Result<Unscanned, String> {
    match value {
        "refuse" => Ok(Unscanned::Refused),
        "take" => Ok(Unscanned::Taken),
        _ => Err("refuse or take".to_owned()),
    }
}

fn media_types(value: &str) -> Result<AllowList, String> {
    let expected = |error| format!("a list of media types such as image/*,!image/svg+xml: {error}");
    value.parse().map_err(expected)
}

fn count(value: &str) -> Result<usize, String> {
    let expected = || "a whole number from 1 to 1000000".to_owned();
    value
        .parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or_else(expected)
}
