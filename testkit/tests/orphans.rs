//! Tests that services end when the test process is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use letsapp_testkit::mongodb::ReplicaSet;
use letsapp_testkit::{block_on, until};

/// Environment variable that is set in the process to be killed, which runs this same test.
const VICTIM: &str = "LETSAPP_TESTKIT_VICTIM";
/// Start of the line by which that process announces its `mongod`.
const ADDRESS: &str = "mongod at ";

#[test]
fn mongod_and_its_files_go_with_a_killed_test_process() {
    if std::env::var_os(VICTIM).is_some() {
        return hold_a_mongod();
    }
    let files = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "mongod_and_its_files_go_with_a_killed_test_process",
            "--nocapture",
        ])
        .env(VICTIM, "yes")
        .env("TMPDIR", files.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let address = lines
        .into_iter()
        .find_map(|line| line.strip_prefix(ADDRESS).map(str::to_owned));

    victim.kill().unwrap();
    victim.wait().unwrap();

    // Without an address, there is no MongoDB on this machine, and the victim has reported that.
    let Some(uri) = address else { return };
    let address = uri
        .trim_start_matches("mongodb://")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    block_on(async move {
        until(Duration::from_secs(10), || async {
            TcpStream::connect(&address).is_err()
        })
        .await;
        let left = || std::fs::read_dir(files.path()).unwrap().count();
        until(Duration::from_secs(10), || async { left() == 0 }).await;
    });
}

fn hold_a_mongod() {
    let Some(mongodb) = ReplicaSet::of(1) else { return };
    let line = format!("\n{ADDRESS}{}\n", mongodb.uri());
    std::io::stdout().write_all(line.as_bytes()).expect("the test reads it");
    // Until killed.
    let _ = std::io::stdin().read(&mut [0]);
}
