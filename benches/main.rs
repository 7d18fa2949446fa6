//! Measures LetsApp beside plain baselines, and prints one table: `cargo bench`, `cargo bench -- append --quick`.
//!
//! Absolute times don't hold from one machine to the next, so each measurement is also made of the least code that does
//! the same work, in the same run, and the table shows the ratio. Each subject runs in a process of its own, since it
//! may count that process's CPU time, and shouldn't inherit what another one left in memory.

#![allow(
    unused_imports,
    reason = "cargo sets `cfg(test)` for benches too, where the tests of the modules are left without a harness"
)]
#![allow(
    unreachable_pub,
    reason = "the modules are private here, so that the compiler finds what nothing uses, and public in `tests.rs`"
)]

mod arguments;
mod baseline;
mod compare;
mod embedded;
mod fill;
mod load;
mod process;
mod report;
mod sample;
mod scale;
mod subjects;
mod target;

use std::{
    env,
    io::{self, Write},
    process::{Command, ExitCode},
};

use clap::Parser;
use letsapp_core::ports::BoxError;

use crate::{
    arguments::Arguments,
    report::{Report, Table},
    subjects::{Run, SUBJECTS, Server, Subject},
};

fn main() -> Result<ExitCode, BoxError> {
    let arguments = Arguments::parse();
    let chosen: Vec<_> = SUBJECTS
        .iter()
        .filter(|subject| arguments.subjects.is_empty() || arguments.subjects.iter().any(|name| name == subject.name))
        .collect();
    if arguments.relay {
        baseline::relay::run()?;
    } else if let Some(place) = &arguments.files {
        baseline::files::run(place)?;
    } else if arguments.list {
        list(&chosen)?;
    } else if arguments.in_this_process {
        for subject in chosen {
            measure(subject, &arguments)?;
        }
    } else {
        return measure_each_in_a_process(&chosen, &arguments);
    }
    Ok(ExitCode::SUCCESS)
}

fn list(subjects: &[&Subject]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for subject in subjects {
        writeln!(out, "{:<10} {}", subject.name, subject.question)?;
    }
    Ok(())
}

fn measure(subject: &Subject, arguments: &Arguments) -> Result<(), BoxError> {
    (subject.run)(Run {
        scale: arguments.scale().for_this_build(),
        mongodb_history: arguments.million.then_some(1_000_000),
        report: Report::create(subject.name)?,
    })
}

/// Runs the subjects one after the other, as they would disturb each other, and prints the table of all.
fn measure_each_in_a_process(subjects: &[&Subject], arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let program = env::current_exe()?;
    let options = [
        (arguments.bench, "--bench"),
        (arguments.quick, "--quick"),
        (arguments.million, "--million"),
    ];
    let options = options.into_iter().filter_map(|(is_set, name)| is_set.then_some(name));
    let needs_server = subjects.iter().any(|subject| subject.server == Server::Needed);
    let server = needs_server.then(target::build_server).transpose()?;

    let mut table = Table::default();
    for subject in subjects {
        // A subject that fails at once would otherwise leave the rows of an earlier run.
        Report::remove(subject.name)?;
        let mut process = Command::new(&program);
        process.args(options.clone()).args(["--in-this-process", subject.name]);
        if let Some(server) = &server {
            process.env(target::SERVER_VARIABLE, server);
        }
        let status = process.status()?;
        table.add(subject.name, Report::read(subject.name)?);
        if !status.success() {
            table.failed(subject.name, &status.to_string());
        }
    }
    write!(io::stdout().lock(), "{table}")?;
    let failed = table.has_failures() || arguments.strict && table.has_missed_goals();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
