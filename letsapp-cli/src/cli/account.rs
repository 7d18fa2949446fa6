//! The command `account`.

use clap::Subcommand;
use letsapp_core::protocol::requests::{DeleteAccount, Password};

use super::auth::PasswordInput;
use super::confirm::Confirmation;
use super::context::Context;
use super::failure::Failure;
use super::render::name_of;

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Delete your account. Your username is never given to anyone else, and your messages stay, as those of a deleted
    /// user
    Delete {
        #[command(flatten)]
        confirmation: Confirmation,
        #[command(flatten)]
        password_input: PasswordInput,
    },
}

impl Account {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self::Delete {
            confirmation,
            password_input,
        } = self;
        let explain = |error| context.explain(error);
        let me = context.client.me().await.map_err(explain)?.user;
        let name = name_of(&me);
        confirmation.require(&format!("Delete the account {name} permanently?"))?;
        let refused = |_| Failure::Refused("the password is wrong".to_owned());
        let password = Password::presented(password_input.password("Password: ")?).map_err(refused)?;
        let request = DeleteAccount { password };
        context.client.delete_account(&request).await.map_err(explain)?;
        context.output.status("deleted")
    }
}
