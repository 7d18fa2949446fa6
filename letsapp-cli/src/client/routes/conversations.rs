//! Routes of conversations and their members.

use letsapp_core::domain::id::{ConversationId, UserId};
use letsapp_core::protocol::requests::{
    AddMembers, ChangeRole, CreateConversation, UpdateConversation, UpdateMyConversation,
};
use letsapp_core::protocol::{Conversation, Items, List, Member, Receipt, Sync, SyncRequest};

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns the user's conversations, the most recently active first, with those that the user has left.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn conversations(&self, page: Page) -> Result<List<Conversation>, ClientError> {
        page.apply_to(self.http.get(&["conversations"])).reply().await
    }

    /// Returns the direct conversation with a user, and creates it if there is none.
    ///
    /// # Errors
    /// `validation_failed` for the user's own id, or if there is no such user.
    pub async fn direct_conversation(&self, user_id: UserId) -> Result<Conversation, ClientError> {
        self.create_conversation(&CreateConversation::Direct { user_id }).await
    }

    /// Creates a conversation. Repeating the request with the same `id` returns the same group, so that it is safe to
    /// retry.
    ///
    /// # Errors
    /// `validation_failed` for unknown users, `forbidden` for users who don't let this one add them to groups,
    /// `rate_limited` after too many strangers, `conflict` if the id belongs to a different conversation.
    pub async fn create_conversation(&self, request: &CreateConversation) -> Result<Conversation, ClientError> {
        self.http.post(&["conversations"], request).reply().await
    }

    /// Returns a conversation.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, ClientError> {
        self.http.get(&["conversations", &id.to_string()]).reply().await
    }

    /// Changes a group's title, description or picture.
    ///
    /// # Errors
    /// `forbidden` unless the user is an admin or the owner.
    pub async fn update_conversation(
        &self,
        id: ConversationId,
        request: &UpdateConversation,
    ) -> Result<Conversation, ClientError> {
        self.http
            .patch(&["conversations", &id.to_string()], request)
            .reply()
            .await
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// `forbidden` unless the user is the owner.
    pub async fn delete_conversation(&self, id: ConversationId) -> Result<(), ClientError> {
        self.http.delete(&["conversations", &id.to_string()]).no_content().await
    }

    /// Changes the user's own settings of a conversation: muted, archived, pinned.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn update_my_conversation(
        &self,
        id: ConversationId,
        request: &UpdateMyConversation,
    ) -> Result<Conversation, ClientError> {
        self.http
            .patch(&["conversations", &id.to_string(), "me"], request)
            .reply()
            .await
    }

    /// Removes a conversation that the user has left from the user's list.
    ///
    /// # Errors
    /// `forbidden` while the user is a member.
    pub async fn unlist_conversation(&self, id: ConversationId) -> Result<(), ClientError> {
        self.http
            .delete(&["conversations", &id.to_string(), "me"])
            .no_content()
            .await
    }

    /// Returns each member's delivery and read watermarks.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn receipts(&self, id: ConversationId) -> Result<Vec<Receipt>, ClientError> {
        let list: Items<_> = self
            .http
            .get(&["conversations", &id.to_string(), "receipts"])
            .reply()
            .await?;
        Ok(list.items)
    }

    /// Returns the members of a conversation.
    ///
    /// # Errors
    /// `not_found` unless the user is or was a member.
    pub async fn members(&self, id: ConversationId, page: Page) -> Result<List<Member>, ClientError> {
        page.apply_to(self.http.get(&["conversations", &id.to_string(), "members"]))
            .reply()
            .await
    }

    /// Adds members to a group and returns the new ones.
    ///
    /// # Errors
    /// `forbidden` unless the user is an admin or the owner, and for users who don't let this one add them to groups;
    /// `rate_limited` after too many strangers.
    pub async fn add_members(&self, id: ConversationId, user_ids: Vec<UserId>) -> Result<Vec<Member>, ClientError> {
        let path = ["conversations", &id.to_string(), "members"];
        let list: Items<_> = self.http.post(&path, &AddMembers { user_ids }).reply().await?;
        Ok(list.items)
    }

    /// Changes a member's role.
    ///
    /// # Errors
    /// `forbidden` unless the user is the owner.
    pub async fn change_role(
        &self,
        id: ConversationId,
        user_id: UserId,
        request: ChangeRole,
    ) -> Result<Member, ClientError> {
        let path = ["conversations", &id.to_string(), "members", &user_id.to_string()];
        self.http.patch(&path, &request).reply().await
    }

    /// Removes a member from a group. With the user's own id, leaves the group.
    ///
    /// # Errors
    /// `forbidden` if the user's role does not allow it.
    pub async fn remove_member(&self, id: ConversationId, user_id: UserId) -> Result<(), ClientError> {
        let path = ["conversations", &id.to_string(), "members", &user_id.to_string()];
        self.http.delete(&path).no_content().await
    }

    /// Returns what has changed since the positions in the request. [`Live`](crate::Live) does this by itself.
    ///
    /// # Errors
    /// Only those common to all requests.
    pub async fn sync(&self, request: &SyncRequest) -> Result<Sync, ClientError> {
        self.http.post(&["sync"], request).reply().await
    }
}
