//! The scanner ClamAV, by the command `INSTREAM` of its daemon `clamd`
//! (<https://docs.clamav.net/manual/Usage/Scanning.html#clamd>).

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::ports::{Scan, Scanner, ScannerError, Verdict};

/// A `clamd`, with a connection for each file.
///
/// `StreamMaxLength` in its configuration must be at least the maximum size of a file: `clamd` refuses longer ones.
#[derive(Clone, Debug)]
pub struct Clamd {
    address: ClamdAddress,
}

/// The address of a `clamd`: `tcp://HOST:PORT` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAddress {
    /// Host and port.
    Tcp(String),
    /// Path of a socket.
    Unix(PathBuf),
}

/// Longest wait for the connection, and for each write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for the verdict after the last byte.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum length of an answer in bytes.
const MAX_ANSWER: u64 = 4096;

impl Clamd {
    /// Creates a client of a `clamd`. It connects for each file.
    pub const fn new(address: ClamdAddress) -> Self {
        Self { address }
    }
}

impl FromStr for ClamdAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_address = |address: &&str| {
            let (host, port) = address.rsplit_once(':').unwrap_or_default();
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        if let Some(address) = text.strip_prefix("tcp://").filter(is_address) {
            return Ok(Self::Tcp(address.to_owned()));
        }
        match text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Unix(path.into())),
            None => Err("tcp://HOST:PORT or unix:PATH".to_owned()),
        }
    }
}

impl fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

struct Stream(Box<dyn Connection>);

#[async_trait]
impl Scanner for Clamd {
    async fn begin(&self) -> Result<Box<dyn Scan>, ScannerError> {
        let connect = async {
            let mut connection: Box<dyn Connection> = match &self.address {
                ClamdAddress::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                #[cfg(unix)]
                ClamdAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
                #[cfg(not(unix))]
                ClamdAddress::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
            };
            connection.write_all(b"zINSTREAM\0").await?;
            Ok(connection)
        };
        let connection = within(WRITE_TIMEOUT, connect).await?;
        Ok(Box::new(Stream(connection)))
    }
}

#[async_trait]
impl Scan for Stream {
    async fn push(&mut self, bytes: Bytes) -> Result<(), ScannerError> {
        // A chunk of no bytes would be the end.
        for chunk in bytes.chunks(u32::MAX as usize) {
            let length = u32::try_from(chunk.len()).expect("chunks are at most this long");
            let write = async {
                self.0.write_all(&length.to_be_bytes()).await?;
                self.0.write_all(chunk).await
            };
            within(WRITE_TIMEOUT, write).await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Verdict, ScannerError> {
        let answer = async {
            self.0.write_all(&[0; 4]).await?;
            let mut answer = Vec::new();
            (&mut self.0).take(MAX_ANSWER).read_to_end(&mut answer).await?;
            Ok(answer)
        };
        let answer = within(VERDICT_TIMEOUT, answer).await?;
        verdict(&answer).map_err(|error| ScannerError(error.into()))
    }
}

/// Reads the answer: `stream: OK`, `stream: NAME FOUND` or an error.
fn verdict(answer: &[u8]) -> Result<Verdict, String> {
    let answer = String::from_utf8_lossy(answer);
    let answer = answer.trim_end_matches(['\0', '\n']).trim();
    match answer.strip_prefix("stream: ") {
        Some("OK") => Ok(Verdict::Clean),
        Some(found) if found.ends_with(" FOUND") => Ok(Verdict::Infected {
            signature: found.trim_end_matches(" FOUND").to_owned(),
        }),
        _ => Err(format!("clamd answered {answer:?}")),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, ScannerError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| ScannerError(error.into())),
        Err(_) => Err(ScannerError("clamd does not answer".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(verdict(b"stream: OK\0"), Ok(Verdict::Clean));
        let infected = Verdict::Infected {
            signature: "Eicar-Test-Signature".to_owned(),
        };
        assert_eq!(verdict(b"stream: Eicar-Test-Signature FOUND\0"), Ok(infected));
        for error in [&b"INSTREAM size limit exceeded. ERROR\0"[..], b"", b"stream: odd"] {
            assert!(verdict(error).is_err(), "{error:?}");
        }
    }

    #[test]
    fn addresses_are_read_and_written() {
        for address in [
            "tcp://127.0.0.1:3310",
            "tcp://clamav:3310",
            "unix:/run/clamav/clamd.ctl",
        ] {
            assert_eq!(
                address.parse::<ClamdAddress>().map(|it| it.to_string()).as_deref(),
                Ok(address)
            );
        }
        for wrong in [
            "127.0.0.1:3310",
            "tcp://",
            "tcp://host",
            "tcp://:1",
            "tcp://host:0",
            "unix:",
            "",
        ] {
            assert!(wrong.parse::<ClamdAddress>().is_err(), "{wrong}");
        }
    }
}
