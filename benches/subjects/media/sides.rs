//! Files up and down, through the server and through the bare endpoint.

use std::{
    cell::{Cell, RefCell},
    io,
    time::Duration,
};

use letsapp_core::ports::BoxError;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    compare::{Rates, Throughput, compare_rates},
    load::{Content, Transfer, repeat},
    report::{Goal, Report, Row},
    sample::unix_milliseconds,
    scale::Scale,
    subjects::media::uploads::mebibytes,
    target::{Store, Target},
};

/// Clients that send or receive at once.
const CLIENTS: usize = 4;

/// A server for files, with the clients that are connected to it.
pub(super) struct Side {
    target: Target,
    /// Path that files are posted to, and below which they are found.
    path: &'static str,
    /// Clients, each of a user of its own.
    clients: RefCell<Vec<Transfer>>,
    content: Content,
    next: Cell<u64>,
}

impl Side {
    /// Starts LetsApp.
    ///
    /// # Errors
    /// Fails if the server doesn't start.
    pub(super) async fn letsapp(store: &Store, clients: usize) -> io::Result<Self> {
        let target = Target::letsapp(store)?;
        let users = target.endpoints(clients, clients).await?;
        let tokens = users.into_iter().map(|user| user.token).collect();
        Self::new(target, "/v1/media", tokens).await
    }

    async fn bare(store: &Store, clients: usize) -> io::Result<Self> {
        Self::new(Target::files(store)?, "", vec![String::new(); clients]).await
    }

    async fn new(target: Target, path: &'static str, tokens: Vec<String>) -> io::Result<Self> {
        let mut clients = Vec::new();
        for token in tokens {
            clients.push(Transfer::connect(target.address(), token).await?);
        }
        Ok(Self {
            target,
            path,
            clients: RefCell::new(clients),
            content: Content::new(),
            // Differs from run to run, as a MongoDB server may outlive one.
            next: Cell::new(unix_milliseconds() << 20),
        })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Uploads files of `size` bytes for about `duration`, and deletes them, which is not timed.
    #[expect(clippy::await_holding_refcell_ref, reason = "one turn at a time uses the clients")]
    pub(super) async fn upload(&self, size: u64, duration: Duration) -> io::Result<Throughput> {
        let clients = &mut *self.clients.borrow_mut();
        let uploaded = repeat(clients, duration, async |client| {
            let id = self.upload_one(client, size).await?;
            client.note(id);
            Ok(size)
        });
        let uploaded = uploaded.await?;
        for client in clients {
            for id in client.noted() {
                self.delete(client, &id).await?;
            }
        }
        Ok(uploaded)
    }

    async fn upload_one(&self, client: &mut Transfer, size: u64) -> io::Result<String> {
        let number = self.next.get();
        self.next.set(number + 1);
        let path = if self.path.is_empty() { "/" } else { self.path };
        let answer = client.post(path, &self.content, number, size).await?;
        string(&answer.json()?, "id")
    }

    async fn delete(&self, client: &mut Transfer, id: &str) -> io::Result<()> {
        let path = format!("{}/{id}", self.path);
        client.request("DELETE", &path).await.map(drop)
    }

    /// Downloads a file for about `duration`.
    #[expect(clippy::await_holding_refcell_ref, reason = "one turn at a time uses the clients")]
    async fn download(&self, path: &str, duration: Duration) -> io::Result<Throughput> {
        let clients = &mut *self.clients.borrow_mut();
        let got = repeat(clients, duration, async |client| {
            Ok(client.request("GET", path).await?.length)
        });
        got.await
    }

    /// Uploads a file, and returns its id and the path to download it from.
    #[expect(clippy::await_holding_refcell_ref, reason = "one turn at a time uses the clients")]
    async fn file(&self, size: u64) -> io::Result<(String, String)> {
        let client = &mut self.clients.borrow_mut()[0];
        let id = self.upload_one(client, size).await?;
        let path = format!("{}/{id}", self.path);
        if self.path.is_empty() {
            return Ok((id, path));
        }
        let link = client.request("POST", &format!("{path}/url")).await?;
        Ok((id, string(&link.json()?, "url")?))
    }
}

/// Measures uploads and downloads of several sizes.
///
/// # Errors
/// Fails if a server doesn't start, or refuses a file.
pub(super) fn transfers(
    runtime: &Runtime,
    scale: Scale,
    report: &mut Report,
    name: &str,
    letsapp: &Store,
    baseline: &Store,
) -> Result<(), BoxError> {
    let letsapp = runtime.block_on(Side::letsapp(letsapp, CLIENTS))?;
    let baseline = runtime.block_on(Side::bare(baseline, CLIENTS))?;
    for size in sizes(scale) {
        let rates = compare_rates(
            scale.measure(),
            |turn| Ok(runtime.block_on(letsapp.upload(size, turn))?),
            |turn| runtime.block_on(baseline.upload(size, turn)),
        )?;
        report.row(row(name, "up", size, rates))?;
        let (ours, our_path) = runtime.block_on(letsapp.file(size))?;
        let (theirs, their_path) = runtime.block_on(baseline.file(size))?;
        let rates = compare_rates(
            scale.measure(),
            |turn| Ok(runtime.block_on(letsapp.download(&our_path, turn))?),
            |turn| runtime.block_on(baseline.download(&their_path, turn)),
        )?;
        report.row(row(name, "down", size, rates))?;
        for (side, id) in [(&letsapp, ours), (&baseline, theirs)] {
            runtime.block_on(side.delete(&mut side.clients.borrow_mut()[0], &id))?;
        }
    }
    Ok(())
}

fn row(name: &str, direction: &str, size: u64, rates: Rates) -> Row {
    let size = match size >> 20 {
        0 => format!("{} KiB", size >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    };
    let label = format!("{name}: {CLIENTS} clients, {size} {direction}, beside a bare endpoint");
    Row::new(label, "MiB/s")
        .letsapp(mebibytes(rates.letsapp.rate()))
        .baseline(mebibytes(rates.baseline.rate()))
        .goal(Goal::RatioAtLeast(0.6))
}

fn sizes(scale: Scale) -> [u64; 3] {
    match scale {
        Scale::Check => [100 << 10, 1 << 20, 4 << 20],
        Scale::Quick | Scale::Full => [100 << 10, 8 << 20, 64 << 20],
    }
}

fn string(value: &Value, field: &str) -> io::Result<String> {
    let text = value[field].as_str().map(str::to_owned);
    text.ok_or_else(|| io::Error::other(format!("no {field} in {value}")))
}
