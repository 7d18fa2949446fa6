//! Runs the `letsapp-server` binary as a process: starts it, reads its output, and ends it by a signal.

use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::Process;
use crate::until_some;

/// Time that a server has to listen. It takes less than a second, but not on a machine that is busy with a build.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Time that a process has to end, which takes seconds if the server waits for its connections.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// Command that starts a server, as often as a test needs it.
///
/// `LETSAPP_…` variables in the environment of the tests aren't passed on.
///
/// # Examples
///
/// ```no_run
/// # async fn test() {
/// use letsapp_testkit::server::Binary;
///
/// # const CARGO_BIN_EXE: &str = "";
/// let binary = Binary::new(CARGO_BIN_EXE) // env!("CARGO_BIN_EXE_letsapp-server")
///     .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "memory:"]);
/// let mut server = binary.start().await;
/// let page = format!("{}/", server.url());
/// assert!(server.terminate().await.success());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
}

/// Running server. Killed when dropped, and when the test process ends.
#[derive(Debug)]
pub struct Running {
    /// Address of the public listener.
    pub address: SocketAddr,
    /// Address of the admin listener.
    pub admin_address: SocketAddr,
    output: Output,
}

/// Result of a process that ended by itself.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit status.
    pub status: ExitStatus,
    /// Complete standard output.
    pub stdout: String,
    /// Complete standard error.
    pub stderr: String,
}

impl Binary {
    /// Creates the command for the program at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory, in which the server keeps its data by default.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Starts the server, and waits until it announces its addresses.
    ///
    /// # Panics
    ///
    /// Panics if the server ends instead, or doesn't listen within a minute. The message has its standard error.
    pub async fn start(&self) -> Running {
        let mut output = Output::of(self);
        let addresses = until_some(START_TIMEOUT, || {
            let ended = output.process.status();
            let addresses = output.stdout.text().lines().find_map(ready_line);
            if let (Some(status), None) = (ended, addresses) {
                panic!(
                    "the server ended ({status}) before it listened:\n{}",
                    output.stderr.finish()
                );
            }
            std::future::ready(addresses)
        });
        let (address, admin_address) = addresses.await;
        Running {
            address,
            admin_address,
            output,
        }
    }

    /// Starts the program, and waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// Panics if the program still runs after half a minute.
    pub async fn run(&self) -> Ended {
        let mut output = Output::of(self);
        let status = output.ended().await;
        Ended {
            status,
            stdout: output.stdout.finish(),
            stderr: output.stderr.finish(),
        }
    }
}

impl Running {
    /// Returns the base URL of the public listener, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the base URL of the admin listener, without a slash at the end.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin_address)
    }

    /// Returns the process id, for reading its CPU time and memory.
    pub fn id(&self) -> u32 {
        self.output.process.id()
    }

    /// Returns the standard output so far.
    pub fn stdout(&self) -> String {
        self.output.stdout.text()
    }

    /// Returns the standard error so far.
    pub fn stderr(&self) -> String {
        self.output.stderr.text()
    }

    /// Kills the server, as a power cut would.
    pub fn kill9(&mut self) {
        self.output.process.kill();
    }

    /// Stops the server with SIGSTOP: its connections stay open, but it does nothing.
    pub fn pause(&mut self) {
        self.output.process.signal(Signal::STOP);
    }

    /// Continues a paused server.
    pub fn resume(&mut self) {
        self.output.process.signal(Signal::CONT);
    }

    /// Sends SIGTERM, and waits until the server has ended.
    ///
    /// # Panics
    ///
    /// Panics if the server still runs after half a minute.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.output.process.signal(Signal::TERM);
        self.output.ended().await
    }
}

/// Process with its output.
#[derive(Debug)]
struct Output {
    process: Process,
    stdout: Collector,
    stderr: Collector,
}

impl Output {
    fn of(binary: &Binary) -> Self {
        let mut command = Command::new(&binary.path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LETSAPP_") {
                command.env_remove(name);
            }
        }
        command.args(&binary.arguments).envs(binary.environment.iter().cloned());
        if let Some(directory) = &binary.directory {
            command.current_dir(directory);
        }
        let started = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut process = started.unwrap_or_else(|failure| panic!("{}: {failure}", binary.path.display()));
        let stdout = Collector::of(process.child().stdout.take().expect("it is piped"));
        let stderr = Collector::of(process.child().stderr.take().expect("it is piped"));
        Self {
            process,
            stdout,
            stderr,
        }
    }

    async fn ended(&mut self) -> ExitStatus {
        until_some(END_TIMEOUT, || std::future::ready(self.process.status())).await
    }
}

/// Reads a pipe to its end on a thread, so that the process never blocks on writing.
#[derive(Debug)]
struct Collector {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                sink.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&chunk[..length]);
            }
        });
        Self {
            text,
            thread: Some(thread),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits for the end of the pipe, and returns the whole text.
    fn finish(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.text()
    }
}

/// Reads the two addresses from the line that the server writes once it listens.
fn ready_line(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (address, admin) = line
        .strip_prefix("letsapp-server listening on http://")?
        .split_once(", admin on http://")?;
    Some((address.parse().ok()?, admin.trim_end().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;

    const READY: &str = "letsapp-server listening on http://127.0.0.1:8080, admin on http://127.0.0.1:8081";

    fn shell(script: &str) -> Binary {
        Binary::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn a_server_runs_from_its_ready_line_to_its_end() {
        block_on(async {
            let script = format!("trap 'echo bye >&2; exit 7' TERM; echo {READY:?}; while :; do sleep 0.01; done");
            let mut server = shell(&script).start().await;
            assert_eq!(server.url(), "http://127.0.0.1:8080");
            assert_eq!(server.admin_url(), "http://127.0.0.1:8081");
            assert_eq!(server.terminate().await.code(), Some(7));
            until_some(END_TIMEOUT, || {
                std::future::ready(server.stderr().contains("bye").then_some(()))
            })
            .await;
        });
    }

    #[test]
    fn half_a_ready_line_is_not_ready() {
        assert_eq!(ready_line(&READY[..READY.len() - 10]), None);
        assert!(ready_line(READY).is_some());
    }

    #[test]
    #[should_panic(expected = "before it listened:\nno such store")]
    fn a_server_that_fails_to_start_says_why() {
        // On this thread, as the harness doesn't see the message of a panic on another one.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { shell("echo 'no such store' >&2; exit 2").start().await });
    }

    #[test]
    fn a_program_that_ends_by_itself_leaves_all_it_wrote() {
        let ended = block_on(async { shell("echo out; echo err >&2; exit 3").run().await });
        assert_eq!(
            (ended.status.code(), &*ended.stdout, &*ended.stderr),
            (Some(3), "out\n", "err\n")
        );
    }

    #[test]
    fn what_it_started_is_killed_with_it() {
        let mut pipe = block_on(async {
            let script = format!("sleep 1000 & echo {READY:?}; wait");
            let mut server = shell(&script).start().await;
            server.kill9();
            std::mem::replace(
                &mut server.output.stderr,
                Collector {
                    text: Arc::default(),
                    thread: None,
                },
            )
        });
        // The pipe only ends once the grandchild, which inherited it, has ended too.
        assert_eq!(pipe.finish(), "");
    }
}
