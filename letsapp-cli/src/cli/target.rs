//! Arguments that name a user or a conversation, and finding the one that is meant.

use std::str::FromStr;

use letsapp_core::domain::conversation::Kind;
use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::protocol::{Code, Conversation, User};
use uuid::Uuid;

use super::context::Context;
use super::failure::Failure;
use crate::{ClientError, Page, collect_pages};

/// A user or a conversation, named by a username, `@username`, a group's title, or an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The id of a user or a conversation.
    Id(Uuid),
    /// A username, because it was written with `@`.
    Username(String),
    /// A username or a group's title.
    Name(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        match text.strip_prefix('@') {
            _ if text.trim_matches('@').trim().is_empty() => {
                Err("expected a username, a group's title or an id".to_owned())
            }
            Some(name) => Ok(Self::Username(name.to_owned())),
            None => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl Target {
    /// Returns the conversation that is meant. For a user, the direct one, which is created if there is none.
    pub(super) async fn conversation(&self, context: &Context) -> Result<Conversation, Failure> {
        let client = &context.client;
        let found = match self {
            Self::Id(id) => {
                let conversation = client.conversation(ConversationId::from_uuid(*id)).await;
                if let Some(conversation) = unless_missing(context, conversation)? {
                    return Ok(conversation);
                }
                self.find_user(context).await?
            }
            Self::Username(_) => self.find_user(context).await?,
            Self::Name(name) => match self.find_user(context).await? {
                Some(user) => Some(user),
                None => return group(context, name, Meant::Present).await,
            },
        };
        let user = found.ok_or_else(|| self.unknown())?;
        client
            .direct_conversation(user.id)
            .await
            .map_err(|error| context.explain(error))
    }

    /// Returns the group that is meant.
    pub(super) async fn group(&self, context: &Context) -> Result<ConversationId, Failure> {
        self.group_meant(context, Meant::Present).await
    }

    /// Returns the group that is meant, rather one that the user has left.
    pub(super) async fn left_group(&self, context: &Context) -> Result<ConversationId, Failure> {
        self.group_meant(context, Meant::Left).await
    }

    async fn group_meant(&self, context: &Context, meant: Meant) -> Result<ConversationId, Failure> {
        match self {
            Self::Id(id) => Ok(ConversationId::from_uuid(*id)),
            Self::Name(name) => Ok(group(context, name, meant).await?.id),
            Self::Username(_) => Err(Failure::Usage("expected a group, not a user".to_owned())),
        }
    }

    /// Returns the user that is meant.
    pub(super) async fn user(&self, context: &Context) -> Result<UserId, Failure> {
        match self {
            Self::Id(id) => Ok(UserId::from_uuid(*id)),
            _ => self
                .find_user(context)
                .await?
                .map(|user| user.id)
                .ok_or_else(|| self.unknown()),
        }
    }

    async fn find_user(&self, context: &Context) -> Result<Option<User>, Failure> {
        match self {
            Self::Id(id) => unless_missing(context, context.client.user(UserId::from_uuid(*id)).await),
            Self::Username(name) | Self::Name(name) => {
                let wanted = name.to_lowercase();
                let found = collect_pages(|page: Page| context.client.find_users(name, page)).await;
                // The server rejects queries that can't be the start of a name. The text may still be a group's title.
                let found = match found {
                    Err(error) if error.code() == Some(Code::ValidationFailed) => Vec::new(),
                    found => found.map_err(|error| context.explain(error))?,
                };
                Ok(found.into_iter().find(|user| user.username.as_ref() == Some(&wanted)))
            }
        }
    }

    fn unknown(&self) -> Failure {
        let name = match self {
            Self::Id(id) => id.to_string(),
            Self::Username(name) | Self::Name(name) => name.clone(),
        };
        Failure::Refused(format!("there is no user {name}"))
    }
}

/// The groups that a title rather means; others only if there is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Present,
    Left,
}

/// Returns the user's group with this title, ignoring case.
async fn group(context: &Context, title: &str, rather: Meant) -> Result<Conversation, Failure> {
    let all = collect_pages(|page| context.client.conversations(page)).await;
    let wanted = title.to_lowercase();
    let is_meant = |conversation: &Conversation| {
        conversation.kind == Kind::Group
            && conversation
                .title
                .as_ref()
                .is_some_and(|title| title.to_lowercase() == wanted)
    };
    let meant = all
        .map_err(|error| context.explain(error))?
        .into_iter()
        .filter(is_meant);
    let (preferred, others): (Vec<_>, Vec<_>) =
        meant.partition(|group| group.me.left_at.is_some() == (rather == Meant::Left));
    let mut meant = if preferred.is_empty() { others } else { preferred }.into_iter();
    match (meant.next(), meant.next()) {
        (Some(group), None) => Ok(group),
        (Some(_), Some(_)) => Err(Failure::Refused(format!(
            "several groups are called {title}: use an id from `letsapp chats`"
        ))),
        (None, _) => Err(Failure::Refused(format!("there is no user and no group {title}"))),
    }
}

fn unless_missing<T>(context: &Context, result: Result<T, ClientError>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(Code::NotFound) => Ok(None),
        Err(error) => Err(context.explain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_id_a_username_or_a_title() {
        let id = "0198a5b8-0000-7000-8000-000000000001";
        assert_eq!(id.parse(), Ok(Target::Id(id.parse().unwrap())));
        assert_eq!("@ana".parse(), Ok(Target::Username("ana".to_owned())));
        assert_eq!("The Club".parse(), Ok(Target::Name("The Club".to_owned())));
        for text in ["", "@", "  "] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
