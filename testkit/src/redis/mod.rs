//! Starts Redis: one server for all tests of a process, or servers for a single test that kills or pauses them.
//!
//! `LETSAPP_TEST_REDIS_URL` names a server to use for [`shared`] instead. Otherwise `redis-server` comes from `PATH`.

mod cluster;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::missing::skip;
use crate::process::{Process, Scratch, free_port, on_path};
use crate::{block_on, until};

pub use self::cluster::RedisCluster;

/// Time that a server has to answer or end. Redis takes milliseconds, but the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(30);

/// Returns the URL of a Redis server that all tests of this process share, started by the first call.
///
/// Tests have to use unique names for keys and channels. Without Redis on this machine, a message is written to standard
/// error and the result is `None`: the test should return.
///
/// # Panics
///
/// Panics if Redis is installed but doesn't start, or isn't installed and `CI` is set.
pub fn shared() -> Option<&'static str> {
    static EXTERNAL: OnceLock<Option<String>> = OnceLock::new();
    static OWN: OnceLock<Option<Redis>> = OnceLock::new();
    let external = EXTERNAL
        .get_or_init(|| {
            std::env::var("LETSAPP_TEST_REDIS_URL")
                .ok()
                .filter(|value| !value.is_empty())
        })
        .as_deref();
    external.or_else(|| OWN.get_or_init(Redis::start).as_ref().map(Redis::url))
}

/// Redis server for one test, without persistence. Ends when dropped, or with the process.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    /// Options beside those that every server has.
    options: Vec<String>,
    port: u16,
    url: String,
    process: Mutex<Option<Process>>,
    /// Last, so that it goes after the server that works in it.
    directory: Scratch,
}

impl Redis {
    /// Starts a server, and blocks for some milliseconds until it answers.
    ///
    /// Returns `None` as [`shared`] does.
    ///
    /// # Panics
    ///
    /// Panics if Redis is installed but doesn't start, or isn't installed and `CI` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(Vec::new())
    }

    /// Starts a server with more options.
    fn start_with(options: Vec<String>) -> Option<Self> {
        let Some(program) = on_path("redis-server") else {
            skip(
                "Redis",
                "redis-server isn't on PATH",
                "Install it, or set LETSAPP_TEST_REDIS_URL",
            );
            return None;
        };
        let directory = Scratch::new("redis");
        let mut redis = Self {
            program,
            options,
            port: 0,
            url: String::new(),
            process: Mutex::new(None),
            directory,
        };
        // Another process may be quicker to take the port.
        let started = (0..3).any(|_| {
            redis.port = free_port();
            redis.launch()
        });
        assert!(started, "redis-server doesn't start");
        redis.url = format!("redis://127.0.0.1:{}", redis.port);
        Some(redis)
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the id of the server's process.
    ///
    /// # Panics
    ///
    /// Panics if the server was killed.
    pub fn id(&self) -> u32 {
        self.with(|process| process.as_ref().map(Process::id))
            .expect("the server runs")
    }

    /// Returns how often a command was called, such as `spublish`, since the server started.
    ///
    /// # Errors
    ///
    /// Fails if the server does not answer.
    pub fn calls(&self, name: &str) -> std::io::Result<u64> {
        let statistics = command(self.port, "INFO commandstats")?;
        let line = format!("cmdstat_{name}:calls=");
        let calls = statistics.lines().find_map(|found| found.strip_prefix(&line));
        let calls = calls.and_then(|calls| calls.split(',').next()?.parse().ok());
        Ok(calls.unwrap_or(0))
    }

    /// Kills the server, as a power cut would. Its data is lost.
    pub fn kill(&self) {
        self.with(|process| *process = None);
    }

    /// Starts the server again at the same address, and blocks until it answers.
    ///
    /// # Panics
    ///
    /// Panics if the server doesn't start again.
    pub fn restart(&self) {
        self.kill();
        assert!(self.launch(), "redis-server doesn't start again");
    }

    /// Stops the server with SIGSTOP: its connections stay open, but no request is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues a paused server.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        self.with(|process| {
            if let Some(process) = process {
                process.signal(signal);
            }
        });
    }

    /// Starts the process, and returns whether it listens on its port.
    fn launch(&self) -> bool {
        let mut process = Process::spawn(
            Command::new(&self.program)
                .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
                .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
                .args(&self.options)
                .current_dir(self.directory.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )
        .expect("what is on PATH can be executed");
        let (port, id) = (self.port, process.id());
        let (mut process, up) = block_on(async move {
            let mut up = false;
            let settled = || {
                up = answers(port, id);
                std::future::ready(up || process.status().is_some())
            };
            until(DEADLINE, settled).await;
            (process, up)
        });
        let up = up && process.status().is_none();
        self.with(|slot| *slot = Some(process));
        up
    }

    fn with<T>(&self, action: impl FnOnce(&mut Option<Process>) -> T) -> T {
        action(&mut self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns whether the process with this id is the one that listens on the port.
fn answers(port: u16, id: u32) -> bool {
    let answer = command(port, "INFO server");
    answer.is_ok_and(|answer| answer.lines().any(|line| line == format!("process_id:{id}")))
}

/// Runs a command, and returns the text of its reply.
fn command(port: u16, command: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    connection.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(url: &str) -> std::io::Result<[u8; 5]> {
        let mut connection = TcpStream::connect(url.trim_start_matches("redis://"))?;
        connection.set_read_timeout(Some(Duration::from_millis(200)))?;
        connection.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).map(|()| answer)
    }

    #[test]
    fn a_server_can_be_killed_and_started_again_in_its_place() {
        let Some(redis) = Redis::start() else { return };
        assert_eq!(&ping(redis.url()).unwrap(), b"+PONG");
        redis.kill();
        assert!(ping(redis.url()).is_err());
        redis.restart();
        assert_eq!(&ping(redis.url()).unwrap(), b"+PONG");
    }

    #[test]
    fn calls_of_a_command_are_counted() {
        let Some(redis) = Redis::start() else { return };
        assert_eq!(redis.calls("ping").unwrap(), 0);
        ping(redis.url()).unwrap();
        ping(redis.url()).unwrap();
        assert_eq!(redis.calls("ping").unwrap(), 2);
    }

    #[test]
    fn a_paused_server_accepts_and_says_nothing() {
        let Some(redis) = Redis::start() else { return };
        redis.pause();
        assert!(ping(redis.url()).is_err());
        redis.resume();
        assert_eq!(&ping(redis.url()).unwrap(), b"+PONG");
    }
}
