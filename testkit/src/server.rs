//! Our own binary as a process: started, listened to, ended politely or not.

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

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(30);

/// How to start a server: the same again and again, if a test asks for it.
///
/// The `LETSAPP_…` variables of whoever runs the tests don't reach it.
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

/// A server that listens. Killed when dropped, and when the test process ends.
#[derive(Debug)]
pub struct Running {
    /// Where it serves its users.
    pub address: SocketAddr,
    /// Where it serves its operator.
    pub admin_address: SocketAddr,
    output: Output,
}

/// What is left of a process that ended by itself.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: String,
    /// All it wrote to standard error.
    pub stderr: String,
}

impl Binary {
    /// Names the program.
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

    /// Sets the working directory, where the server keeps its data unless told otherwise.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Starts the server, and waits until it says that it listens.
    ///
    /// # Panics
    ///
    /// If it ends instead, or doesn't listen within a minute; the message has what it wrote to standard error.
    pub async fn start(&self) -> Running {
        let mut output = Output::of(self);
        let addresses = until_some(START, || {
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
    /// If it still runs after half a minute.
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
    /// The base of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base of the URLs on its admin listener, without a slash at the end.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin_address)
    }

    /// The process's id, for measuring it.
    pub fn id(&self) -> u32 {
        self.output.process.id()
    }

    /// All it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.output.stdout.text()
    }

    /// All it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.output.stderr.text()
    }

    /// Kills it as a power cut would.
    pub fn kill9(&mut self) {
        self.output.process.kill();
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    ///
    /// If it still runs after half a minute.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.output.process.signal(Signal::TERM);
        self.output.ended().await
    }
}

/// A process and what it writes.
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
        until_some(END, || std::future::ready(self.process.status())).await
    }
}

/// Reads a pipe to its end, so that the process never blocks on it.
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

    /// All of it, once the process has ended.
    fn finish(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.text()
    }
}

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
            until_some(END, || {
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
        // Not the kit's runtime: the panic's message must reach the harness.
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
        // The grandchild held the other end.
        assert_eq!(pipe.finish(), "");
    }
}
