//! Runs the program `letsapp` as a user.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use letsapp_testkit::until_some;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Server, TEST_TIMEOUT};

/// The command line of one user, with its own configuration directory.
pub(crate) struct Cli {
    directory: TempDir,
    server: String,
}

/// A running program. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

/// Result of a program that has ended.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Registers two users, each with a configuration directory.
pub(crate) async fn ana_and_ben(server: &Server) -> (Cli, Cli) {
    let (ana, ben) = (Cli::at(&server.url()), Cli::at(&server.url()));
    ana.register("ana").await;
    ben.register("ben").await;
    (ana, ben)
}

impl Cli {
    pub(crate) fn at(server: &str) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            server: server.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a command until it ends.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Finished {
        let (mut command, input) = (self.command(arguments), input.to_owned());
        let run = move || -> std::io::Result<Output> {
            let mut child = command.spawn()?;
            // Fails if the program ends without reading its input.
            let _ = child
                .stdin
                .take()
                .expect("stdin and stdout are pipes")
                .write_all(input.as_bytes());
            child.wait_with_output()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
        Finished {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed, and returns its output.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments, "").await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}");
        ended.stdout
    }

    /// Runs a command with `--json`, and returns the objects it prints.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let lines = self.ok(&[arguments, &["--json"]].concat()).await;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Registers a user.
    pub(crate) async fn register(&self, username: &str) {
        let ended = self
            .run(&["register", username, "--password-stdin"], "a long password\n")
            .await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }

    /// Starts a command that runs until it is stopped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let stdout = BufReader::new(child.stdout.take().expect("stdin and stdout are pipes"));
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Running {
            stdin: child.stdin.take(),
            child,
            lines,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_letsapp"));
        command
            .args(arguments)
            .env_remove("NO_COLOR")
            .env("LETSAPP_SERVER", &self.server)
            .env("LETSAPP_CONFIG_DIR", self.path().join("letsapp"))
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Running {
    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().expect("stdin is open"), "{line}").unwrap();
    }

    /// Waits for a line that contains `text`, and returns the line.
    pub(crate) async fn shows(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let line = async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(text) {
                    return Some(line);
                }
                seen.push(line);
            }
            None
        };
        let line = tokio::time::timeout(TEST_TIMEOUT, line).await.unwrap_or_default();
        line.unwrap_or_else(|| panic!("{text:?} is not in {seen:?}"))
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Closes the input and waits until the program ends. Returns its exit code.
    pub(crate) async fn end(mut self) -> i32 {
        self.stdin = None;
        let status = until_some(TEST_TIMEOUT, || std::future::ready(self.child.try_wait().unwrap())).await;
        status.code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
