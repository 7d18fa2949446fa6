//! The command `group`.

use clap::Subcommand;
use letsapp_core::domain::id::ConversationId;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::protocol::Member;
use letsapp_core::protocol::requests::CreateConversation;

use super::confirm::Confirmation;
use super::context::Context;
use super::failure::Failure;
use super::output::Style;
use super::render::name_of;
use super::sanitize::one_line;
use super::target::Target;
use crate::client::new_id;
use crate::collect_pages;

#[derive(Debug, Subcommand)]
pub(super) enum Group {
    /// Create a group and become its owner
    Create {
        /// The title of the group
        title: String,
        /// The other members: usernames or ids
        #[arg(value_name = "USER")]
        users: Vec<Target>,
    },
    /// Add members
    Add {
        /// The group's title or id
        group: Target,
        /// The new members: usernames or ids
        #[arg(value_name = "USER", required = true)]
        users: Vec<Target>,
    },
    /// Remove a member
    Remove {
        /// The group's title or id
        group: Target,
        /// The member: a username or an id
        user: Target,
    },
    /// Leave a group
    Leave {
        /// The group's title or id
        group: Target,
    },
    /// Remove a group that you have left from your list (`letsapp chats --left`)
    Unlist {
        /// The group's title or id
        group: Target,
    },
    /// Delete a group and its messages for all members, present and former
    Delete {
        /// The group's title or id
        group: Target,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// List the members
    Members {
        /// The group's title or id
        group: Target,
    },
}

impl Group {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = &context.client;
        let explain = |error| context.explain(error);
        match self {
            Self::Create { title, users } => {
                let refused = |error| Failure::Refused(format!("the title {error}"));
                let title = Title::parse(title).map_err(refused)?;
                let mut member_ids = Vec::new();
                for user in users {
                    member_ids.push(user.user(context).await?);
                }
                let id = Some(ConversationId::from_uuid(new_id()));
                let request = CreateConversation::Group {
                    id,
                    title,
                    about: None,
                    member_ids,
                };
                let group = client.create_conversation(&request).await.map_err(explain)?;
                context.output.show(&group, || group.id.to_string())
            }
            Self::Add { group, users } => {
                let group = group.group(context).await?;
                let mut user_ids = Vec::new();
                for user in users {
                    user_ids.push(user.user(context).await?);
                }
                let added = client.add_members(group, user_ids).await.map_err(explain)?;
                added.iter().try_for_each(|member| show(context, member))
            }
            Self::Remove { group, user } => {
                let (group, user) = (group.group(context).await?, user.user(context).await?);
                client.remove_member(group, user).await.map_err(explain)?;
                context.output.status("removed")
            }
            Self::Leave { group } => {
                let group = group.group(context).await?;
                let me = client.me().await.map_err(explain)?.user.id;
                client.remove_member(group, me).await.map_err(explain)?;
                context.output.status("left")
            }
            Self::Unlist { group } => {
                let group = group.left_group(context).await?;
                client.unlist_conversation(group).await.map_err(explain)?;
                context.output.status("no longer listed")
            }
            Self::Delete { group, confirmation } => {
                let group = group.group(context).await?;
                let title = client.conversation(group).await.map_err(explain)?.title;
                let title = one_line(&title.unwrap_or_default());
                confirmation.require(&format!("Delete the group {title} and all its messages?"))?;
                client.delete_conversation(group).await.map_err(explain)?;
                context.output.status("deleted")
            }
            Self::Members { group } => {
                let group = group.group(context).await?;
                let members = collect_pages(|page| client.members(group, page))
                    .await
                    .map_err(explain)?;
                members.iter().try_for_each(|member| show(context, member))
            }
        }
    }
}

fn show(context: &Context, member: &Member) -> Result<(), Failure> {
    context.output.show(member, || {
        let role = match member.role {
            Role::Owner => ", owner",
            Role::Admin => ", admin",
            Role::Member => "",
        };
        let id = context.output.colours().apply(Style::Dim, &member.user.id.to_string());
        format!("{}{role}  {id}", name_of(&member.user))
    })
}
