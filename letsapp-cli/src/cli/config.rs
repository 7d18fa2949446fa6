//! The user's configuration directory. It holds the last server and the tokens for each server.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::client::{make_private_directory, replace_private_file};
use crate::{FileTokens, Server};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// The configuration directory.
#[derive(Clone, Debug)]
pub(super) struct ConfigDir {
    directory: PathBuf,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct ConfigFile {
    server: Option<String>,
}

impl ConfigDir {
    /// Returns the directory in `LETSAPP_CONFIG_DIR`, or the usual one of the operating system.
    pub(super) fn locate() -> Result<Self, Failure> {
        let from_env = std::env::var_os("LETSAPP_CONFIG_DIR")
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        let default_dir = || directories::ProjectDirs::from("", "", "letsapp").map(|dirs| dirs.config_dir().to_owned());
        let directory = from_env.or_else(default_dir);
        let missing = "there is no home directory: set LETSAPP_CONFIG_DIR to a directory for configuration and tokens";
        Ok(Self {
            directory: directory.ok_or_else(|| Failure::local(missing))?,
        })
    }

    /// Returns the server of the last sign-in, or the default one on this computer.
    pub(super) fn server(&self) -> Result<Server, Failure> {
        let path = self.config_path();
        let config = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| self.damaged(error.message()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => ConfigFile::default(),
            Err(error) => return Err(Failure::Local(format!("{}: {error}", path.display()))),
        };
        let server = config.server.as_deref().unwrap_or(DEFAULT_SERVER);
        server.parse().map_err(|error| self.damaged(error))
    }

    /// Saves the server as the default of later commands.
    pub(super) fn save_server(&self, server: &Server) -> Result<(), Failure> {
        let config = ConfigFile {
            server: Some(server.to_string()),
        };
        let text = toml::to_string(&config).map_err(Failure::local)?;
        make_private_directory(&self.directory).map_err(Failure::local)?;
        replace_private_file(&self.config_path(), text.as_bytes()).map_err(Failure::local)
    }

    /// Returns the token store for a server.
    pub(super) fn tokens(&self, server: &Server) -> FileTokens {
        FileTokens::new(
            self.directory
                .join("tokens")
                .join(format!("{}.json", file_name(server))),
        )
    }

    fn config_path(&self) -> PathBuf {
        self.directory.join("config.toml")
    }

    fn damaged(&self, error: impl std::fmt::Display) -> Failure {
        Failure::Local(format!("{}: {error}", self.config_path().display()))
    }
}

/// Returns a file name for a server. Escaping keeps the names of different servers different.
fn file_name(server: &Server) -> String {
    let address = server.to_string();
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    address.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenStore;

    fn config_dir() -> (tempfile::TempDir, ConfigDir) {
        let directory = tempfile::tempdir().unwrap();
        let config_dir = ConfigDir {
            directory: directory.path().join("letsapp"),
        };
        (directory, config_dir)
    }

    #[test]
    fn the_saved_server_is_used() {
        let (_directory, config_dir) = config_dir();
        assert_eq!(config_dir.server().unwrap().to_string(), DEFAULT_SERVER);
        let server = "https://chat.example.org".parse().unwrap();
        config_dir.save_server(&server).unwrap();
        assert_eq!(config_dir.server().unwrap(), server);
    }

    #[test]
    fn each_server_has_its_own_tokens() {
        let (_directory, config_dir) = config_dir();
        let paths = ["http://a", "https://a", "http://a:81", "http://a/b", "http://a_b"].map(|server| {
            let tokens = config_dir.tokens(&server.parse().unwrap());
            assert!(tokens.load().unwrap().is_none());
            tokens.path().to_owned()
        });
        let different: std::collections::BTreeSet<_> = paths.iter().collect();
        assert_eq!(different.len(), paths.len());
        assert!(
            paths
                .iter()
                .all(|path| path.parent() == Some(&*config_dir.directory.join("tokens")))
        );
    }

    #[test]
    fn an_invalid_configuration_file_is_named() {
        let (_directory, config_dir) = config_dir();
        make_private_directory(&config_dir.directory).unwrap();
        for text in ["server = ", "server = 'nonsense'"] {
            fs::write(config_dir.config_path(), text).unwrap();
            let line = config_dir.server().unwrap_err().message().unwrap();
            assert!(line.contains("config.toml"), "{line}");
        }
    }
}
