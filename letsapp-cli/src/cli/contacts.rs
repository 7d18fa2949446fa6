//! The commands `contacts`, `block`, `unblock` and `blocks`.

use clap::{Args, Subcommand};
use letsapp_core::domain::contact::Alias;
use letsapp_core::protocol::Contact;
use letsapp_core::protocol::requests::PutContact;

use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render::{local_time, name_of};
use super::sanitize::one_line;
use super::target::Target;
use crate::{Page, collect_pages};

#[derive(Debug, Args)]
pub(super) struct Contacts {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List your contacts (the default)
    List,
    /// Add a contact, or change its name
    Add {
        /// The user: a username or an id
        user: Target,
        /// Your own name for the contact, instead of the user's display name
        #[arg(long = "as", value_name = "NAME")]
        alias: Option<String>,
    },
    /// Remove a contact
    Remove {
        /// The user: a username or an id
        user: Target,
    },
}

#[derive(Debug, Args)]
pub(super) struct UserArgument {
    /// The user: a username or an id
    user: Target,
}

impl Contacts {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = &context.client;
        match self.action {
            None | Some(Action::List) => {
                let all = collect_pages(|page: Page| client.contacts(page)).await;
                let mut all = all.map_err(|error| context.explain(error))?;
                all.sort_by_key(|contact| display_names(contact).to_lowercase());
                all.iter().try_for_each(|contact| show(context, contact))
            }
            Some(Action::Add { user, alias }) => {
                let refused = |error| Failure::Refused(format!("the name {error}"));
                let alias = alias.map(Alias::parse).transpose().map_err(refused)?;
                let user = user.user(context).await?;
                let contact = client.put_contact(user, &PutContact { alias }).await;
                show(context, &contact.map_err(|error| context.explain(error))?)
            }
            Some(Action::Remove { user }) => {
                let user = user.user(context).await?;
                let removed = client.remove_contact(user).await;
                removed.map_err(|error| context.explain(error))?;
                context.output.status("removed")
            }
        }
    }
}

/// Blocks a user.
pub(super) async fn block(argument: UserArgument, context: &Context) -> Result<(), Failure> {
    let user = argument.user.user(context).await?;
    let blocked = context.client.block(user).await;
    blocked.map_err(|error| context.explain(error))?;
    context.output.status("blocked")
}

/// Removes a block.
pub(super) async fn unblock(argument: UserArgument, context: &Context) -> Result<(), Failure> {
    let user = argument.user.user(context).await?;
    let unblocked = context.client.unblock(user).await;
    unblocked.map_err(|error| context.explain(error))?;
    context.output.status("unblocked")
}

/// Lists the blocked users.
pub(super) async fn blocks(context: &Context) -> Result<(), Failure> {
    let all = collect_pages(|page: Page| context.client.blocks(page)).await;
    for block in all.map_err(|error| context.explain(error))? {
        context.output.show(&block, || {
            let id = context.output.colours().apply(Style::Dim, &block.user.id.to_string());
            format!("{}, since {}  {id}", name_of(&block.user), local_time(block.blocked_at))
        })?;
    }
    Ok(())
}

fn show(context: &Context, contact: &Contact) -> Result<(), Failure> {
    context.output.show(contact, || {
        let id = context.output.colours().apply(Style::Dim, &contact.user.id.to_string());
        format!("{}  {id}", display_names(contact))
    })
}

/// Returns a contact's names, the user's own name for it first.
fn display_names(contact: &Contact) -> String {
    let name = name_of(&contact.user);
    match &contact.alias {
        Some(alias) => format!("{}: {name}", one_line(alias)),
        None => name,
    }
}
