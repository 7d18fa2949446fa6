//! Clients that mean harm: silent connections, connections that are never read, and guesses at passwords.

use std::{
    cell::Cell,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    sync::oneshot,
    task::LocalSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{Http, dial::dial, loopback};

/// Connections of one address: as many as a server allows by default.
const OF_ADDRESS: usize = 256;

/// Connections over which the guesses are spread, all of one address.
const GUESSERS: u32 = 50;

/// Pause before a connection that the server has closed is opened again.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// Time that the attackers have to take their positions.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Size of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attack {
    /// Connections that send nothing, and are opened again when the server closes them.
    pub silent: usize,
    /// Connections that ask for large files and never read.
    pub unread: usize,
    /// Attempts to log in per second.
    pub guesses: u32,
}

/// An attack in progress, on a thread of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Attackers {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    /// Attacks a server. Returns once all connections are open, and the first guesses are made.
    ///
    /// # Errors
    /// Fails if the attackers can't connect.
    pub fn start(self, server: SocketAddr) -> io::Result<Attackers> {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            if let Err(error) = yield_to_others() {
                ready.send(Err(error)).ok();
                return;
            }
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    ready.send(Err(error)).ok();
                    return;
                }
            };
            let attackers = LocalSet::new();
            // The timer needs the runtime from its beginning, so it is made within.
            let opened = attackers.block_on(&runtime, async { timeout(START_TIMEOUT, self.open(server)).await });
            let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let has_opened = opened.is_ok();
            ready.send(opened).ok();
            if has_opened {
                let _dropped = attackers.block_on(&runtime, stopped);
            }
        });
        let attackers = Attackers {
            stop: Some(stop),
            thread: Some(thread),
        };
        is_ready
            .recv()
            .map_err(|_| io::Error::other("the attackers did not start"))??;
        Ok(attackers)
    }

    async fn open(self, server: SocketAddr) -> io::Result<()> {
        for number in 0..self.unread {
            let mut stream = dial(address(2, number), server).await?;
            let request = format!("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: {server}\r\n\r\n");
            stream.write_all(request.repeat(50).as_bytes()).await?;
            tokio::task::spawn_local(async move {
                std::future::pending::<()>().await;
                drop(stream);
            });
        }
        let guessed = Rc::new(Cell::new(0_u32));
        for number in 0..GUESSERS {
            tokio::task::spawn_local(guess(server, number, self.guesses, Rc::clone(&guessed)));
        }
        for number in 0..self.silent {
            let stream = dial(address(3, number), server).await?;
            tokio::task::spawn_local(stay_silent(server, address(3, number), stream));
        }
        // The free attempts of the address are over, and its further ones are refused.
        while guessed.get() < self.guesses {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Has the current thread run only when no other wants to, where the system knows such threads. Attackers have computers
/// of their own, so they take what server and users leave of this one.
fn yield_to_others() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy::Idle, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let policy = ThreadSchedulePolicy::Normal(Idle);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Returns the address of a block that a connection comes from.
fn address(block: u8, number: usize) -> Ipv4Addr {
    loopback(block, number / OF_ADDRESS)
}

/// Holds a connection open without a word, and opens it again whenever the server ends it.
async fn stay_silent(server: SocketAddr, from: Ipv4Addr, mut stream: TcpStream) {
    loop {
        // The server sends nothing, or a refusal, before it closes the connection.
        while matches!(stream.read(&mut [0; 16]).await, Ok(1..)) {}
        drop(stream);
        stream = loop {
            sleep(REOPEN_PAUSE).await;
            if let Ok(opened) = dial(from, server).await {
                break opened;
            }
        };
    }
}

/// Guesses passwords at a steady pace, whatever the answers are.
async fn guess(server: SocketAddr, number: u32, guesses: u32, guessed: Rc<Cell<u32>>) {
    let mut due = interval(Duration::from_secs(1) * GUESSERS / guesses.max(1));
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Ok(mut http) = Http::connect_from(address(4, 0), server).await else {
            sleep(REOPEN_PAUSE).await;
            continue;
        };
        let body = json!({"username": format!("nobody_{number}"), "password": "a guess that is wrong"});
        loop {
            due.tick().await;
            if http.try_post("/v1/auth/login", "", &body).await.is_err() {
                break;
            }
            guessed.set(guessed.get() + 1);
        }
    }
}
