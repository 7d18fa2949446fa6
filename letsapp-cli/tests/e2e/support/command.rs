//! The program, run by somebody with a configuration directory of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use letsapp_testkit::until_some;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::TEST_TIMEOUT;

/// Somebody's configuration directory.
pub(crate) struct Cli {
    directory: TempDir,
    server: String,
}

/// The program while it runs. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
}

/// What is left of the program.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
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

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str], input: &str) -> Finished {
        let (mut command, input) = (self.command(arguments), input.to_owned());
        let run = move || -> std::io::Result<Output> {
            let mut child = command.spawn()?;
            // Who needs no input may have ended before it is written.
            let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
            child.wait_with_output()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
        Finished {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that is expected to do what it is asked, and returns what it wrote.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments, "").await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}");
        ended.stdout
    }

    /// The same, reading what it wrote as JSON, an object a line.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let lines = self.ok(&[arguments, &["--json"]].concat()).await;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Signs somebody up.
    pub(crate) async fn register(&self, username: &str) {
        let ended = self
            .run(&["register", username, "--password-stdin"], "a long password\n")
            .await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }

    /// Starts a command that goes on until it is told to end.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
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
        writeln!(self.stdin.as_mut().expect("the input is open"), "{line}").unwrap();
    }

    /// Waits for a line that contains this, and returns it.
    pub(crate) async fn shows(&mut self, words: &str) -> String {
        let mut seen = Vec::new();
        let found = async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(words) {
                    return Some(line);
                }
                seen.push(line);
            }
            None
        };
        let found = tokio::time::timeout(TEST_TIMEOUT, found).await.unwrap_or_default();
        found.unwrap_or_else(|| panic!("{words:?} is not among {seen:?}"))
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Ends the input, and waits for the program to end.
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
