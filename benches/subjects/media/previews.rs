//! Previews of pictures: their cost beside Pillow's, and what messages notice of a hundred at once.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use letsapp_core::{engine::media::preview::preview, ports::BoxError};
use tokio::runtime::Runtime;

use crate::{
    load::{Outcome, Pace, Pair, PairLoad, Receipts, Transfer},
    process,
    report::{Goal, Report, Row},
    sample::{Sample, SplitMix},
    scale::Scale,
    subjects::sync_disks,
    target::{Store, Target, scratch_directory},
};

/// Version of Pillow that is installed where Python has none.
const PILLOW: &str = "Pillow==12.0.0";

/// Measures `thumbnail()` on a file, as many times as it is told, and prints the least CPU time in seconds.
const SCRIPT: &str = "
import io, sys, time
from PIL import Image
data = open(sys.argv[1], 'rb').read()
def once():
    begin = time.process_time()
    Image.open(io.BytesIO(data)).thumbnail((640, 640))
    return time.process_time() - begin
print(min(once() for _ in range(int(sys.argv[2]))))
";

/// Pictures that are uploaded at once.
const PICTURES: usize = 100;

/// Pairs that talk meanwhile, and their messages per second: a small part of what the server can do.
const PAIRS: usize = 50;
const PACE: Pace = Pace::PerSecond(500.0);

/// Part of the measured time, as a divisor, that the host of a virtual machine may take from it: more than one message in
/// a hundred then waits for the host, whatever the server does.
const STOLEN: u32 = 100;

/// Measures the CPU time of the preview of a picture of 12 megapixels.
///
/// # Errors
/// Fails if the picture can't be drawn.
pub(super) fn cost(scale: Scale, report: &mut Report) -> Result<(), BoxError> {
    let directory = tempfile::tempdir_in(scratch_directory()?)?;
    let (file, jpeg) = (directory.path().join("photo.jpg"), photo(scale)?);
    fs::write(&file, &jpeg)?;
    let times = match scale {
        Scale::Check => 1,
        Scale::Quick => 5,
        Scale::Full => 20,
    };
    // The least of several runs on one thread: its time is the processor's, unless it was interrupted.
    let mut least = Duration::MAX;
    for _ in 0..times {
        let start = Instant::now();
        preview(&jpeg)?;
        least = least.min(start.elapsed());
    }
    let row = Row::new(
        "preview of a JPEG of 12 megapixels, beside Pillow's thumbnail()",
        "ms CPU",
    );
    let row = row.letsapp(least.as_secs_f64() * 1e3);
    match pillow(&file, times) {
        Ok(seconds) => report.row(row.baseline(seconds * 1e3).goal(Goal::RatioAtMost(2.0)))?,
        Err(reason) => {
            report.row(row)?;
            report.note(&format!("Pillow skipped, install it for Python 3: {reason}"))?;
        }
    }
    Ok(())
}

/// Measures the latency of messages while the previews of a hundred pictures are made, and when nothing else happens.
///
/// # Errors
/// Fails if the server doesn't start, or refuses something.
pub(super) fn sends(runtime: &Runtime, scale: Scale, report: &mut Report) -> Result<(), BoxError> {
    let jpeg = photo(scale)?;
    let target = Target::letsapp(&Store::Sqlite)?;
    let (pairs, sample) = (runtime.block_on(target.pairs(PAIRS))?, Sample::new());
    // Of as many users: the same picture of one user would be made one.
    let owners = runtime.block_on(target.endpoints(PICTURES, PICTURES))?;
    let load = Load {
        runtime,
        target: &target,
        pairs: &pairs,
        scale,
        sample: &sample,
    };
    sync_disks();
    let idle = load.run()?;
    let mut last = None;
    for owner in owners {
        let mut client = runtime.block_on(Transfer::connect(target.address(), owner.token))?;
        let answer = runtime.block_on(client.post_bytes("/v1/media", &jpeg))?.json()?;
        last = Some((client, answer["id"].as_str().unwrap_or_default().to_owned()));
    }
    sync_disks();
    let stolen = process::stolen()?;
    let busy = load.run()?;
    let stolen = process::stolen()?.saturating_sub(stolen);
    let (mut client, id) = last.expect("there are pictures");
    let found = runtime.block_on(client.request("GET", &format!("/v1/media/{id}")))?;
    if found.json()?["status"] != "processing" {
        report.note("all previews were made before the messages were sent: the row of their latency is too good")?;
    }
    if stolen > scale.span().measure / STOLEN {
        let detail =
            "the host took CPU time from this computer while previews were made: the row of their latency is too bad";
        report.note(&format!("{detail} ({stolen:.0?})"))?;
    }
    for (percentile, goal) in [(50.0, None), (99.0, Some(Goal::RatioAtMost(1.5)))] {
        let label = format!("SQLite: {PICTURES} previews at once, beside none: latency at 500/s, p{percentile}");
        let millis = |outcome: &Outcome| outcome.delivery_millis(percentile / 100.0);
        let row = Row::new(label, "ms").letsapp(millis(&busy)).baseline(millis(&idle));
        report.row(row.goal(goal))?;
    }
    Ok(())
}

struct Load<'a> {
    runtime: &'a Runtime,
    target: &'a Target,
    pairs: &'a [Pair],
    scale: Scale,
    sample: &'a Sample,
}

impl Load<'_> {
    fn run(&self) -> io::Result<Outcome> {
        let load = PairLoad {
            pairs: self.pairs,
            pace: PACE,
            receipts: Receipts::None,
            span: self.scale.span(),
            sample: self.sample,
            server: self.target.process(),
        };
        self.runtime.block_on(load.run())
    }
}

/// Draws a picture and encodes it as a camera would: soft shades, edges and noise.
fn photo(scale: Scale) -> Result<Vec<u8>, BoxError> {
    let (width, height): (u32, u32) = match scale {
        Scale::Check => (800, 600),
        Scale::Quick | Scale::Full => (4_000, 3_000),
    };
    let mut random = SplitMix::new(3);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let noise = random.next_u64();
            let edge = if (x / 97 + y / 61) % 5 == 0 { 40 } else { 0 };
            let shade = |base: u32, at: u32| (base + edge + at) as u8;
            pixels.push(shade((noise & 7) as u32, x * 160 / width));
            pixels.push(shade((noise >> 8 & 7) as u32, y * 160 / height));
            pixels.push(shade((noise >> 16 & 7) as u32, (x + y) * 160 / (width + height)));
        }
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 85).encode(&pixels, width, height, ExtendedColorType::Rgb8)?;
    Ok(jpeg)
}

/// Returns the CPU time of Pillow's `thumbnail()` in seconds.
fn pillow(file: &Path, times: u32) -> Result<f64, String> {
    let installed = || -> Result<PathBuf, String> {
        let folder = scratch_directory().map_err(|error| error.to_string())?.join("pillow");
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
        ]);
        output(pip.arg(&folder).arg(PILLOW)).map(|_| folder)
    };
    let measure = |folder: &Path| {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).arg(file).arg(times.to_string());
        if folder.is_dir() {
            python.env("PYTHONPATH", folder);
        }
        output(&mut python)
    };
    let measured = measure(Path::new("")).or_else(|_| measure(&installed()?))?;
    measured.trim().parse().map_err(|_| format!("it printed {measured}"))
}

fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().map_err(|error| error.to_string())?;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    } else {
        let errors = String::from_utf8_lossy(&stderr);
        Err(errors.lines().last().unwrap_or("it wrote no error").to_owned())
    }
}
