//! The server's configuration. A flag overrides an environment variable, which overrides the file, which overrides the
//! default.

mod command;
mod duration;
mod file;
mod flags;
mod rate_limits;
mod setting;
mod settings;
mod urls;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use letsapp_core::Rules;
use letsapp_core::adapters::clamd::ClamdAddress;
use letsapp_core::domain::limit::Table;
use letsapp_core::domain::media::AllowList;
use letsapp_core::engine::media::Unscanned;

pub use crate::rate_limits::{ForwardedHeader, TrustedProxies};
pub use command::{Command, Report};
pub use settings::{Limits, LogFormat};
pub use urls::{BlobsUrl, BusUrl, StoreUrl};

/// Default maximum number of sockets of one user: every device of a person with several browser windows each.
pub(crate) const DEFAULT_MAX_SOCKETS_PER_USER: usize = 32;

/// All settings of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address for clients, as `HOST:PORT`; port 0 picks a free one.
    pub listen: String,
    /// Address for operators, with `/metrics` and health checks.
    pub admin_listen: String,
    /// Names by which the admin listener may be addressed, beside addresses, `localhost` and `admin_listen`'s host.
    pub admin_hosts: Vec<String>,
    /// Store to use; `None` for SQLite in the data directory.
    pub store: Option<StoreUrl>,
    /// Bus that connects this server with others on the same store.
    pub bus: BusUrl,
    /// Directory for the server's files: its keys, and the database unless `store` names another place.
    pub data_dir: PathBuf,
    /// Switch for all rate limits, login attempts included.
    pub limits: Limits,
    /// Quota of each class of requests, and the waits after failed logins. Ignored if `limits` is off.
    pub limit_table: Table,
    /// Proxies that are trusted to name the client's address. Behind a proxy that isn't listed, all clients share its
    /// limits.
    pub trusted_proxies: TrustedProxies,
    /// Header in which these proxies name the client.
    pub forwarded_header: ForwardedHeader,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Maximum number of concurrent connections for clients, from 1 to 1,000,000. Where there are as many, an idle one
    /// ends for the next; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Maximum number of concurrent connections of one client address (of IPv6, the upper 64 bits), from 1 to
    /// 1,000,000. Further ones are closed. Behind a trusted proxy, the address that it names counts, and a request
    /// beyond it is refused. Holds whatever `limits` is.
    pub max_connections_per_address: usize,
    /// Maximum number of open sockets of one user, from 1 to 1,000,000: the oldest is closed for one more. Holds
    /// whatever `limits` is.
    pub max_sockets_per_user: usize,
    /// Place for the bytes of uploaded files.
    pub blobs: BlobsUrl,
    /// Scanner that uploaded files must pass; `None` for none.
    pub media_scanner: Option<ClamdAddress>,
    /// Decision on uploaded files when the scanner gives no verdict.
    pub media_unscanned: Unscanned,
    /// Media types that may be uploaded.
    pub media_types: AllowList,
    /// Lifetimes of tokens, the time in which messages may be edited, and the timeouts of presence and typing.
    pub rules: Rules,
    /// Time that a call rings until it is missed. Has no effect yet.
    pub calls_ring_timeout: Duration,
    /// Time that a participant of a call may be without a socket until they leave it. Has no effect yet.
    pub calls_disconnect_grace: Duration,
}

/// An invalid setting. Its display begins with where it was set: a flag, a variable, or a file and its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {fault}")]
pub struct ConfigError {
    origin: String,
    fault: String,
}

/// The action that a command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Serve with this configuration.
    Serve(Box<Config>),
    /// Carry out a command with this configuration, and exit.
    Run(Command, Box<Config>),
    /// Print clap's answer, which is the help, the version, or an error about a flag, and exit.
    Answer(clap::Error),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            admin_listen: "127.0.0.1:8081".to_owned(),
            admin_hosts: Vec::new(),
            store: None,
            bus: BusUrl::Local,
            data_dir: PathBuf::from("./letsapp-data"),
            limits: Limits::On,
            limit_table: Table::default(),
            trusted_proxies: TrustedProxies::default(),
            forwarded_header: ForwardedHeader::default(),
            log_format: LogFormat::Text,
            max_connections: 16 * 1024,
            // An office or a school behind one address has room, and sixty-four of them fill the server.
            max_connections_per_address: 256,
            max_sockets_per_user: DEFAULT_MAX_SOCKETS_PER_USER,
            blobs: BlobsUrl::Store,
            media_scanner: None,
            media_unscanned: Unscanned::Refused,
            media_types: AllowList::default(),
            rules: Rules::default(),
            calls_ring_timeout: Duration::from_secs(45),
            calls_disconnect_grace: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// Loads the configuration from command-line arguments (the program's name first), environment variables and the
    /// file named by `--config`.
    ///
    /// ```
    /// # use std::ffi::OsString;
    /// # use letsapp_server::config::{Config, Invocation};
    /// let arguments = ["letsapp-server", "--listen", "127.0.0.1:9000"].map(OsString::from);
    /// let environment = |name: &str| (name == "LETSAPP_LISTEN").then(|| OsString::from("127.0.0.1:9999"));
    /// let Ok(Invocation::Serve(config)) = Config::load(arguments, environment) else { panic!("no configuration") };
    /// assert_eq!(config.listen, "127.0.0.1:9000", "a flag overrides the environment");
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if a value is invalid, or the file can't be read or has an unknown key.
    pub fn load(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Invocation, ConfigError> {
        let flags = match flags::parse(arguments) {
            Ok(flags) => flags,
            Err(answer) => return Ok(Invocation::Answer(answer)),
        };
        let mut config = Self::default();
        if let Some(path) = flags.config() {
            file::apply(path, &mut config)?;
        }
        for setting in settings::ALL {
            let variable = setting.variable();
            if let Some(value) = environment(&variable) {
                setting.set(&mut config, &variable, &value)?;
            }
            if let Some((flag, value)) = setting.flag.and_then(|flag| Some((flag, flags.value(flag)?))) {
                setting.set(&mut config, &format!("--{flag}"), value)?;
            }
        }
        let config = Box::new(config);
        Ok(match flags.command() {
            Some(command) => Invocation::Run(command, config),
            None => Invocation::Serve(config),
        })
    }

    /// Returns the limits that hold: those of the table, or none if they are switched off.
    pub fn limits_in_force(&self) -> Table {
        match self.limits {
            Limits::On => self.limit_table,
            Limits::Off => Table::UNLIMITED,
        }
    }

    /// Returns the store to open: `store`, or SQLite in the data directory.
    pub fn store(&self) -> StoreUrl {
        let default = || StoreUrl::Sqlite(self.data_dir.join("letsapp.db"));
        self.store.clone().unwrap_or_else(default)
    }
}

impl ConfigError {
    fn new(origin: impl Into<String>, fault: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            fault: fault.into(),
        }
    }
}

#[cfg(test)]
mod tests;
