//! CPU time and memory of a process, read from `/proc` (Linux only).

use std::{fs, io, time::Duration};

/// Ticks per second in `/proc/PID/stat`: 100 on every common Linux, as part of the kernel's ABI.
const TICKS_PER_SECOND: u64 = 100;

/// Running process, watched from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// Names the process with this id.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Names the calling process.
    pub fn current() -> Self {
        Self::new(std::process::id())
    }

    /// Returns the CPU time of all threads so far, user and system.
    ///
    /// # Errors
    /// Fails if the process has ended.
    pub fn cpu(self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        cpu_of_stat(&stat).ok_or_else(|| malformed("stat"))
    }

    /// Returns the resident memory, in bytes.
    ///
    /// # Errors
    /// Fails if the process has ended.
    pub fn resident_bytes(self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        bytes_of_status(&status, "VmRSS:").ok_or_else(|| malformed("status"))
    }

    /// Returns the most memory that was resident since the last [reset](Self::reset_peak), in bytes.
    ///
    /// # Errors
    /// Fails if the process has ended.
    pub fn peak_bytes(self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        bytes_of_status(&status, "VmHWM:").ok_or_else(|| malformed("status"))
    }

    /// Begins a new peak of resident memory.
    ///
    /// # Errors
    /// Fails if the process has ended, or is somebody else's.
    pub fn reset_peak(self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5")
    }

    /// Returns the number of files that the process may have open.
    ///
    /// # Errors
    /// Fails if the process has ended.
    pub fn open_files_limit(self) -> io::Result<u64> {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid))?;
        open_files_of_limits(&limits).ok_or_else(|| malformed("limits"))
    }
}

/// Returns the CPU time that this computer wanted and did not get so far, because the host of a virtual machine gave it to
/// others.
///
/// # Errors
/// Fails if `/proc/stat` can't be read.
pub fn stolen() -> io::Result<Duration> {
    stolen_of_stat(&fs::read_to_string("/proc/stat")?).ok_or_else(|| malformed("stat"))
}

/// Reads the eighth number of the first line, that of all processors.
fn stolen_of_stat(stat: &str) -> Option<Duration> {
    let ticks: u64 = stat
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .nth(7)?
        .parse()
        .ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Reads the CPU time. The second field, the program's name, may hold spaces and parentheses, so the fields are counted
/// from the last `)`.
fn cpu_of_stat(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

fn bytes_of_status(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

fn open_files_of_limits(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

fn malformed(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/PID/{file} has an unknown format"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 3 0 100 1 2";
        assert_eq!(cpu_of_stat(stat), Some(Duration::from_millis(1_750)));
    }

    #[test]
    fn stolen_time_is_that_of_all_processors() {
        let stat = "cpu  100 2 30 400 5 0 7 25 0 0\ncpu0 50 1 15 200 2 0 3 12 0 0\n";
        assert_eq!(stolen_of_stat(stat), Some(Duration::from_millis(250)));
        assert!(stolen().is_ok());
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(
            bytes_of_status("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n", "VmRSS:"),
            Some(2_097_152)
        );
    }

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit    Soft Limit   Hard Limit   Units\nMax open files            1024      20000     files\n";
        assert_eq!(open_files_of_limits(limits), Some(1_024));
    }

    #[test]
    fn the_calling_process_can_be_watched() {
        let current = Process::current();
        assert!(current.cpu().is_ok());
        assert!(current.resident_bytes().expect("it runs") > 0);
    }
}
