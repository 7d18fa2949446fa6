//! Runs scripts of Node that need packages from npm.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::missing::skip;
use crate::process::{Process, on_path};

/// Result of a script that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit status.
    pub status: ExitStatus,
    /// Complete standard output. Standard error is the test's own.
    pub stdout: String,
}

/// Runs a script in a directory with a `package.json`, and blocks until it ends. `None` if Node is not on the path, or
/// the directory lacks the package that the script is about.
///
/// # Panics
///
/// Panics if Node cannot be started, or prints what is not UTF-8.
pub fn run(directory: &Path, package: &str, script: &str, arguments: &[&str]) -> Option<Ended> {
    let remedy = "Install it, and run `npm ci` beside the `package.json`.";
    let Some(node) = on_path("node") else {
        skip("Node", "there is no `node` on the path", remedy);
        return None;
    };
    if !directory.join("node_modules").join(package).is_dir() {
        skip(package, format!("it is not in {}", directory.display()), remedy);
        return None;
    }
    let mut command = Command::new(node);
    command
        .current_dir(directory)
        .arg(script)
        .args(arguments)
        .stdout(Stdio::piped());
    let mut process = Process::spawn(&mut command).expect("the program is there");
    let mut output = process.child().stdout.take().expect("it is piped");
    let mut stdout = String::new();
    output.read_to_string(&mut stdout).expect("scripts print UTF-8");
    let status = process.child().wait().expect("only this handle waits for the child");
    Some(Ended { status, stdout })
}
