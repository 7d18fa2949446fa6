//! Child processes and temporary directories that never outlive the test process.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

/// Child process that can't outlive the process that started it.
///
/// The child is in the process group of a watchdog, which reads from a pipe that only this process holds open. However
/// this process ends, the pipe is closed, and the watchdog kills the group: the child, the child's children, and itself.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watchdog: Child,
}

impl Process {
    /// Starts a command, with nothing on its standard input.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut watchdog = sentinel("kill -KILL 0", &[])?;
        let group = i32::try_from(watchdog.id()).expect("process ids are positive and fit an i32");
        match command.process_group(group).stdin(Stdio::null()).spawn() {
            Ok(child) => Ok(Self { child, watchdog }),
            Err(failure) => {
                let _ = watchdog.kill().and_then(|()| watchdog.wait());
                Err(failure)
            }
        }
    }

    /// Returns the child of the standard library.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status, or `None` while the process runs.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("only this handle waits for the child")
    }

    /// Sends a signal, unless the process has ended already.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.status().is_none() {
            // Not reaped yet, so the id is still the child's own.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    /// Kills the process with SIGKILL, as a power cut would end it, and waits until it has ended.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("only this handle waits for the child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog leads the group and isn't reaped yet, so the group is still the right one.
        let _ = kill_process_group(Pid::from_child(&self.watchdog), Signal::KILL);
        let _ = self.child.wait();
        let _ = self.watchdog.wait();
    }
}

/// Temporary directory that is removed when this process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
    cleaner: Child,
}

impl Scratch {
    pub(crate) fn new(purpose: &str) -> Self {
        let directory = tempfile::Builder::new()
            .prefix(&format!("letsapp-testkit-{purpose}-"))
            .tempdir()
            .expect("the system's directory for temporary files is writable");
        // Twice, because services writing to it are killed at the same moment.
        let cleaner = sentinel(r#"rm -rf -- "$1"; sleep 1; rm -rf -- "$1""#, &[directory.path()])
            .expect("every Unix has /bin/sh");
        Self { directory, cleaner }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.cleaner.kill().and_then(|()| self.cleaner.wait());
    }
}

/// Returns a free TCP port on loopback, for a service that is restarted at the same address. Others listen on port 0.
///
/// The port is below the range that the system uses for outgoing connections: within it, a client that retries could
/// occupy the port of a service that restarts.
///
/// # Panics
///
/// Panics if every port is taken.
pub fn free_port() -> u16 {
    let random = RandomState::new();
    (0_u32..)
        .map(|attempt| 10_000 + u16::try_from(random.hash_one(attempt) % 20_000).expect("below 20,000"))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of 20,000 ports is free")
}

/// Returns the path of a program on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Starts a shell that waits until this process ends, then runs `script` with `arguments`.
///
/// The shell leads a process group of its own, so that Ctrl-C in a terminal doesn't end it first.
fn sentinel(script: &str, arguments: &[&Path]) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args([
            "-c",
            &format!("while read -r _; do :; done; {script}"),
            "letsapp-testkit",
        ])
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
