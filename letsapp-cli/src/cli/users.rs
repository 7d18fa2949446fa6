//! The commands `whoami` and `users`.

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render::name_of;
use crate::Page;

#[derive(Debug, Args)]
pub(super) struct Users {
    /// The start of a username or display name
    query: String,
    /// List at most this many users
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=200))]
    limit: u8,
}

impl Users {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let page = Page::of(usize::from(self.limit));
        let found = context.client.find_users(&self.query, page).await;
        for user in found.map_err(|error| context.explain(error))?.items {
            let id = || context.output.colours().apply(Style::Dim, &user.id.to_string());
            context.output.show(&user, || format!("{}  {}", name_of(&user), id()))?;
        }
        Ok(())
    }
}

/// Shows who is signed in.
pub(super) async fn whoami(context: &Context) -> Result<(), Failure> {
    let profile = context.client.me().await.map_err(|error| context.explain(error))?;
    let server = context.client.server();
    context
        .output
        .show(&profile, || format!("{} at {server}", name_of(&profile.user)))
}
