//! What the server can be told: by a flag, an environment variable, or a key in a file, in this order, else by default.

mod duration;
mod file;
mod flags;
mod rate_limits;
mod setting;
mod settings;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use letsapp_core::Rules;
use letsapp_core::domain::limit::Table;

pub use crate::rate_limits::{ForwardedHeader, TrustedProxies};
pub use settings::{Limits, LogFormat, StoreUrl};

/// All settings of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where clients connect.
    pub listen: String,
    /// Where `/metrics` is.
    pub admin_listen: String,
    /// Which store; SQLite in the data directory where nobody says.
    pub store: Option<StoreUrl>,
    /// Where the server keeps its files.
    pub data_dir: PathBuf,
    /// Whether requests are limited.
    pub limits: Limits,
    /// How much there is of what, where they are.
    pub limit_table: Table,
    /// Which proxies are believed when they say for whom they ask.
    pub trusted_proxies: TrustedProxies,
    /// Where these proxies say it.
    pub forwarded_header: ForwardedHeader,
    /// What logs look like.
    pub log_format: LogFormat,
    /// How many connections there may be at once.
    pub max_connections: usize,
    /// How long tokens are good, messages may be edited, and presence and typing last.
    pub rules: Rules,
    /// How long a call rings.
    pub calls_ring_timeout: Duration,
    /// How long somebody in a call may be without a socket.
    pub calls_disconnect_grace: Duration,
}

/// A setting that can't be so; its display begins with the setting's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {fault}")]
pub struct ConfigError {
    origin: String,
    fault: String,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// To serve.
    Serve(Box<Config>),
    /// Something that clap answers by itself: help, the version, or a complaint about a flag.
    Answer(clap::Error),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            admin_listen: "127.0.0.1:8081".to_owned(),
            store: None,
            data_dir: PathBuf::from("./letsapp-data"),
            limits: Limits::On,
            limit_table: Table::default(),
            trusted_proxies: TrustedProxies::default(),
            forwarded_header: ForwardedHeader::default(),
            log_format: LogFormat::Text,
            max_connections: 16 * 1024,
            rules: Rules::default(),
            calls_ring_timeout: Duration::from_secs(45),
            calls_disconnect_grace: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// Puts the settings together from arguments (the program's name first) and environment variables.
    ///
    /// ```
    /// # use std::ffi::OsString;
    /// # use letsapp_server::config::{Config, Invocation};
    /// let arguments = ["letsapp-server", "--listen", "127.0.0.1:9000"].map(OsString::from);
    /// let environment = |name: &str| (name == "LETSAPP_LISTEN").then(|| OsString::from("127.0.0.1:9999"));
    /// let Ok(Invocation::Serve(config)) = Config::load(arguments, environment) else { panic!("it is well-formed") };
    /// assert_eq!(config.listen, "127.0.0.1:9000", "a flag goes over the environment");
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when a value can't be so, or the file has a key that is no setting.
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
        Ok(Invocation::Serve(Box::new(config)))
    }

    /// Returns the store to open.
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
