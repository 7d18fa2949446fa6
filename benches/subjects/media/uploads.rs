//! Memory of the server while large files are uploaded.

use std::{io, time::Duration};

use crate::{
    report::{Goal, Report, Row},
    scale::Scale,
    subjects::media::sides::Side,
    target::Store,
};

/// Uploads at once.
const UPLOADS: usize = 8;

/// Size of the files before, with which the server allocates what it keeps.
const SMALL: u64 = 1 << 20;

/// Measures by how much the server grows while it takes eight large files at once.
///
/// # Errors
/// Fails if the server doesn't start, or refuses a file.
pub(super) async fn memory(scale: Scale, report: &mut Report) -> io::Result<()> {
    let size: u64 = match scale {
        Scale::Check => 8 << 20,
        Scale::Quick | Scale::Full => 64 << 20,
    };
    let side = Side::letsapp(&Store::Sqlite, UPLOADS).await?;
    let server = side.target().process();
    side.upload(SMALL, scale.warm_up()).await?;
    let before = server.resident_bytes()?;
    server.reset_peak()?;
    // Each client at least once, and so exactly once.
    side.upload(size, Duration::ZERO).await?;
    let grown = server.peak_bytes()?.saturating_sub(before);
    let label = format!("memory of {UPLOADS} uploads of {} MiB at once", size >> 20);
    report.row(
        Row::new(label, "MiB")
            .letsapp(mebibytes(grown as f64))
            .goal(Goal::AtMost(16.0)),
    )
}

pub(super) fn mebibytes(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}
