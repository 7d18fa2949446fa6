//! The commands `register`, `login` and `logout`.

use std::io::{self, IsTerminal};

use clap::Args;
use letsapp_core::domain::user::{DisplayName, Email, Username};
use letsapp_core::protocol::User;
use letsapp_core::protocol::requests::{self, Password};

use super::context::Context;
use super::failure::Failure;
use super::render::name_of;
use crate::ClientError;

#[derive(Debug, Args)]
pub(super) struct Register {
    /// Your username, to sign in with and to be found by: 3 to 32 characters of a-z 0-9 _ .
    username: String,
    /// The name that others see [default: the username]
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// An email address to sign in with. Not shown to others
    #[arg(long)]
    email: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
}

#[derive(Debug, Args)]
pub(super) struct Login {
    /// Your username or email address
    username: String,
    #[command(flatten)]
    credentials: Credentials,
}

#[derive(Debug, Args)]
struct Credentials {
    #[command(flatten)]
    password_input: PasswordInput,
    /// A name for this device, shown in the list of your sessions
    #[arg(long, value_name = "NAME", default_value_t = default_device_name())]
    device: String,
}

/// Source of the password: a prompt on the terminal, or standard input for programs. Never an argument, because other
/// users of the computer can see those.
#[derive(Debug, Args)]
pub(super) struct PasswordInput {
    /// Read the password from standard input instead of prompting for it
    #[arg(long)]
    password_stdin: bool,
}

impl Register {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let invalid =
            |what: &str, error: letsapp_core::domain::text::TextError| Failure::Refused(format!("the {what} {error}"));
        let username = Username::parse(&self.username).map_err(|error| invalid("username", error))?;
        let display_name = self.display_name.map(DisplayName::parse).transpose();
        let email = self.email.map(Email::parse).transpose();
        let display_name = display_name.map_err(|error| invalid("display name", error))?;
        let email = email.map_err(|error| invalid("email", error))?;
        let Credentials { password_input, device } = self.credentials;
        let password = password_input.password("Password (8 to 128 characters): ")?;
        if !password_input.password_stdin && password != password_input.password("Once more: ")? {
            return Err(Failure::Refused("the two passwords differ".to_owned()));
        }
        let refused = |_| Failure::Refused("the password must have 8 to 128 characters".to_owned());
        let password = Password::parse(password).map_err(refused)?;
        let device_name = Some(device);
        let request = requests::Register {
            username,
            password,
            display_name,
            email,
            device_name,
        };
        let user = context.client.register(&request).await?;
        report_sign_in(context, &user)
    }
}

impl Login {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let password = self.credentials.password_input.password("Password: ")?;
        let refused = |_| Failure::Refused("the username or the password is wrong".to_owned());
        let password = Password::presented(password).map_err(refused)?;
        let request = requests::Login {
            username: self.username,
            password,
            device_name: Some(self.credentials.device),
        };
        let user = context.client.login(&request).await?;
        report_sign_in(context, &user)
    }
}

/// Signs out. Not an error if nobody is signed in.
pub(super) async fn logout(context: &Context) -> Result<(), Failure> {
    match context.client.logout().await {
        Ok(()) => context.output.status("signed out"),
        Err(ClientError::SignedOut) => context.output.status("not signed in"),
        Err(error) => Err(error.into()),
    }
}

fn report_sign_in(context: &Context, user: &User) -> Result<(), Failure> {
    let server = context.client.server();
    context.config_dir.save_server(server)?;
    context
        .output
        .show(user, || format!("signed in at {server} as {}", name_of(user)))
}

impl PasswordInput {
    pub(super) fn password(&self, prompt: &str) -> Result<String, Failure> {
        if self.password_stdin {
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            let length = line.trim_end_matches(['\n', '\r']).len();
            line.truncate(length);
            return Ok(line);
        }
        if !io::stdin().is_terminal() {
            let line = "there is no terminal to read the password from: use --password-stdin";
            return Err(Failure::Usage(line.to_owned()));
        }
        rpassword::prompt_password(prompt).map_err(Failure::local)
    }
}

fn default_device_name() -> String {
    format!("letsapp on {}", std::env::consts::OS)
}
