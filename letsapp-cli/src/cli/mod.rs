//! The command line `letsapp`: parses arguments, calls [`Client`](crate::Client) and prints the results.

mod account;
mod auth;
mod chat;
mod chats;
mod completions;
mod config;
mod confirm;
mod contacts;
mod context;
mod failure;
mod files;
mod groups;
mod listen;
mod messages;
mod output;
mod presence;
mod profile;
mod progress;
mod render;
mod sanitize;
mod search;
mod sessions;
mod target;
mod users;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::Server;
use context::Context;
use failure::Failure;
use output::{Format, Output};

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the server refused, or there is no such user or conversation
  2  invalid usage
  3  not signed in
  4  the server can't be reached or is unavailable
  5  local failure, such as a file that can't be written

Environment:
  LETSAPP_SERVER      the URL of the server, unless --server is given
  LETSAPP_CONFIG_DIR  directory for configuration and tokens, instead of the user's default one
  NO_COLOR            turns off colours";

/// Chat from the command line
#[derive(Debug, Parser)]
#[command(name = "letsapp", version, after_help = EXIT_CODES)]
struct Arguments {
    /// The URL of the server [default: the last one signed in at, or http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL", env = "LETSAPP_SERVER", hide_env = true)]
    server: Option<Server>,
    /// Print JSON, one object per line, for use by programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an account and sign in
    Register(auth::Register),
    /// Sign in
    Login(auth::Login),
    /// Sign out
    Logout,
    /// Show who is signed in
    Whoami,
    /// Find users whose names start with a text
    Users(users::Users),
    /// List conversations, the most recently active first
    Chats(chats::Chats),
    /// Open a conversation: show the latest messages, then chat
    Chat(chat::Chat),
    /// Send a message, with files if you like
    Send(messages::Send),
    /// Show the messages of a conversation, the oldest first
    History(messages::History),
    /// Download a file of a message
    Download(files::Download),
    /// Search messages
    Search(search::Search),
    /// Show events as they happen
    Listen(listen::Listen),
    /// Create and change groups
    #[command(subcommand)]
    Group(groups::Group),
    /// List and change your contacts
    Contacts(contacts::Contacts),
    /// Block a user: neither of you can write in your direct chat, and they are not notified
    Block(contacts::UserArgument),
    /// Remove a block
    Unblock(contacts::UserArgument),
    /// List the users you have blocked
    Blocks,
    /// Show or change your profile
    Profile(profile::Profile),
    /// Show or change your privacy settings
    Settings(profile::Settings),
    /// Show which users are online, or when they were last seen
    Presence(presence::Presence),
    /// Delete your account
    #[command(subcommand)]
    Account(account::Account),
    /// List the devices that are signed in, or sign one out
    Sessions(sessions::Sessions),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Runs the command given by `arguments`, which start with the program's name. `letsapp --help` documents the exit
/// codes.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // If even this output fails, there is no way left to report it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    let output = Output::new(if arguments.json { Format::Json } else { Format::Text });
    match execute(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.message() {
                output.error(&line);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn execute(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    let Arguments {
        server,
        json: _,
        command,
    } = arguments;
    if let Command::Completions(command) = command {
        return command.run::<Arguments>(output);
    }
    let context = Context::open(server, output)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::local)?;
    runtime.block_on(async {
        match command {
            Command::Register(command) => command.run(&context).await,
            Command::Login(command) => command.run(&context).await,
            Command::Logout => auth::logout(&context).await,
            Command::Whoami => users::whoami(&context).await,
            Command::Users(command) => command.run(&context).await,
            Command::Chats(command) => command.run(&context).await,
            Command::Chat(command) => command.run(&context).await,
            Command::Send(command) => command.run(&context).await,
            Command::History(command) => command.run(&context).await,
            Command::Download(command) => command.run(&context).await,
            Command::Search(command) => command.run(&context).await,
            Command::Listen(command) => command.run(&context).await,
            Command::Group(command) => command.run(&context).await,
            Command::Contacts(command) => command.run(&context).await,
            Command::Block(user) => contacts::block(user, &context).await,
            Command::Unblock(user) => contacts::unblock(user, &context).await,
            Command::Blocks => contacts::blocks(&context).await,
            Command::Profile(command) => command.run(&context).await,
            Command::Settings(command) => command.run(&context).await,
            Command::Presence(command) => command.run(&context).await,
            Command::Account(command) => command.run(&context).await,
            Command::Sessions(command) => command.run(&context).await,
            Command::Completions(_) => unreachable!("handled above, since it needs no server"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_flags_are_accepted_before_and_after_the_command() {
        for line in [
            "letsapp --json --server http://x whoami",
            "letsapp whoami --server http://x --json",
        ] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert!(arguments.json);
            assert_eq!(arguments.server.unwrap().to_string(), "http://x");
        }
    }

    #[test]
    fn a_password_is_never_an_argument() {
        let line = "letsapp login ana --password secret";
        assert!(Arguments::try_parse_from(line.split(' ')).is_err());
    }

    #[test]
    fn an_invalid_server_url_is_a_usage_error() {
        let error = Arguments::try_parse_from(["letsapp", "--server", "nonsense", "whoami"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(failure::USAGE));
        assert!(error.to_string().contains("not the URL of a server"), "{error}");
    }
}
