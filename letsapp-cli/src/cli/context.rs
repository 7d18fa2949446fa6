//! The context in which commands run.

use std::sync::Arc;

use super::config::ConfigDir;
use super::failure::Failure;
use super::output::Output;
use crate::{Client, ClientError, Server};

/// The client, the configuration and the output of a command.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) config_dir: ConfigDir,
    pub(super) output: Output,
}

impl Context {
    pub(super) fn open(server: Option<Server>, output: &Output) -> Result<Self, Failure> {
        let config_dir = ConfigDir::locate()?;
        let server = match server {
            Some(server) => server,
            None => config_dir.server()?,
        };
        let client = Client::builder(server.to_string())
            .tokens(Arc::new(config_dir.tokens(&server)))
            .user_agent(concat!("letsapp-cli/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            config_dir,
            output: *output,
        })
    }

    /// Converts an error of the client. If nobody is signed in, the message names the server.
    pub(super) fn explain(&self, error: ClientError) -> Failure {
        match error {
            ClientError::SignedOut => Failure::SignedOut(self.client.server().clone()),
            error => Failure::Client(error),
        }
    }
}
