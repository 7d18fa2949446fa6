//! The program `letsapp-server`. Exits with status 2 on a configuration error, 1 on any other error.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use letsapp_server::config::Invocation;
use letsapp_server::signals::stop_request;
use letsapp_server::{Config, Listeners, commands, compose, prepare_process, run};
use mimalloc::MiMalloc;

/// The allocator. One thread allocates a message when it reads it, another frees it once it is stored; mimalloc is made
/// for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let (config, command) = match Config::load(env::args_os(), |name| env::var_os(name)) {
        Ok(Invocation::Serve(config)) => (config, None),
        Ok(Invocation::Run(command, config)) => (config, Some(command)),
        Ok(Invocation::Answer(answer)) => {
            let _ = answer.print();
            return u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
        Err(error) => return report(&error, ExitCode::from(2)),
    };
    prepare_process(&config);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let ended = runtime.enable_all().build().map_err(Into::into);
    let ended = ended.and_then(|runtime| match command {
        None => runtime.block_on(serve(&config)),
        Some(command) => runtime.block_on(commands::run(command, &config)),
    });
    ended.unwrap_or_else(|error| report(&*error, ExitCode::FAILURE))
}

async fn serve(config: &Config) -> Result<ExitCode, Box<dyn std::error::Error>> {
    // Registered before anything else: until then a signal kills the process at once, without a shutdown.
    let shutdown = stop_request()?;
    let listeners = Listeners::bind(config).await?;
    let app = compose::open(config).await?;
    writeln!(io::stdout(), "{}", listeners.announcement()?)?;
    run(app, config, listeners, shutdown).await;
    Ok(ExitCode::SUCCESS)
}

fn report(error: &dyn std::error::Error, code: ExitCode) -> ExitCode {
    let _ = writeln!(io::stderr(), "letsapp-server: {error}");
    code
}
