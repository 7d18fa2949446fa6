//! Starts the scanner `clamd` with a signature for the EICAR test file alone: ClamAV's own signatures would have to be
//! downloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::missing::skip;
use crate::process::{Process, Scratch, free_port, on_path};
use crate::{block_on, until};

/// Time that the scanner has to answer. A second or two, but the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// The EICAR test file in hexadecimal, as a signature at offset 0 of files of any type.
const SIGNATURES: &str = "Eicar-Test-Signature:0:0:58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d\
5354414e444152442d414e544956495255532d544553542d46494c452124482b482a\n";

/// Scanner for one test. Ends when dropped, or with the process.
#[derive(Debug)]
pub struct Clamd {
    port: u16,
    _process: Process,
    /// Last, so that it goes after the scanner that works in it.
    _directory: Scratch,
}

impl Clamd {
    /// Starts a scanner, and blocks until it answers.
    ///
    /// Without `clamd` on this machine, a message is written to standard error and the result is `None`: the test should
    /// return.
    ///
    /// # Panics
    ///
    /// Panics if `clamd` is installed but doesn't start, or isn't installed and `CI` is set.
    pub fn start() -> Option<Self> {
        // Debian has it where only administrators look for programs.
        let elsewhere = || Some(PathBuf::from("/usr/sbin/clamd")).filter(|path| path.exists());
        let Some(program) = on_path("clamd").or_else(elsewhere) else {
            skip("ClamAV", "clamd isn't on PATH", "Install clamav-daemon");
            return None;
        };
        // Another process may be quicker to take the port.
        let started = (0..3).find_map(|_| Self::launch(&program));
        Some(started.expect("clamd doesn't start"))
    }

    fn launch(program: &Path) -> Option<Self> {
        let (port, directory) = (free_port(), Scratch::new("clamd"));
        let path = directory.path();
        fs::write(path.join("eicar.ndb"), SIGNATURES).expect("the directory can be written to");
        let settings = format!(
            "Foreground yes\nTCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {0}\nTemporaryDirectory {0}\n\
             StreamMaxLength 100M\nMaxThreads 4\n",
            path.display()
        );
        let config = path.join("clamd.conf");
        fs::write(&config, settings).expect("the directory can be written to");
        let mut command = Command::new(program);
        command
            .arg("--config-file")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::spawn(&mut command).expect("clamd can be executed");
        block_on(async move {
            let (mut process, mut up) = (process, false);
            let settled = || {
                up = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
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

    /// Returns the address of the scanner, as `tcp://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }
}
