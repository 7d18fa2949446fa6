//! Conversations and their members.

use letsapp_core::id::{ConversationId, UserId};
use letsapp_core::protocol::requests::{
    AddMembers, ChangeRole, CreateConversation, UpdateConversation, UpdateMyConversation,
};
use letsapp_core::protocol::{Conversation, Items, List, Member, Receipt, Sync, SyncRequest};

use crate::{Client, ClientError, Page};

impl Client {
    /// Returns one's conversations, the latest activity first.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn conversations(&self, page: Page) -> Result<List<Conversation>, ClientError> {
        page.apply_to(self.http.get(&["conversations"])).reply().await
    }

    /// Returns the one conversation with somebody, made if it was not there.
    ///
    /// # Errors
    /// `validation_failed` with oneself, or when there is no such user.
    pub async fn direct_conversation(&self, user_id: UserId) -> Result<Conversation, ClientError> {
        self.create_conversation(&CreateConversation::Direct { user_id }).await
    }

    /// Makes a conversation. A group with an `id` of one's own choice is made once, however often this is asked.
    ///
    /// # Errors
    /// `validation_failed` for unknown users, `conflict` when the id stands for something else.
    pub async fn create_conversation(&self, request: &CreateConversation) -> Result<Conversation, ClientError> {
        self.http.post(&["conversations"], request).reply().await
    }

    /// Returns a conversation.
    ///
    /// # Errors
    /// `not_found` when one was never in it.
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, ClientError> {
        self.http.get(&["conversations", &id.to_string()]).reply().await
    }

    /// Changes a group's title, description or picture.
    ///
    /// # Errors
    /// `forbidden` unless one is an admin or the owner.
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
    /// `forbidden` unless one is the owner.
    pub async fn delete_conversation(&self, id: ConversationId) -> Result<(), ClientError> {
        self.http.delete(&["conversations", &id.to_string()]).no_content().await
    }

    /// Changes what one has set for oneself: muted, archived, pinned.
    ///
    /// # Errors
    /// `forbidden` when one is no longer in it.
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

    /// Returns how far each member has received and read.
    ///
    /// # Errors
    /// `not_found` when one was never in it.
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
    /// `not_found` when one was never in it.
    pub async fn members(&self, id: ConversationId, page: Page) -> Result<List<Member>, ClientError> {
        page.apply_to(self.http.get(&["conversations", &id.to_string(), "members"]))
            .reply()
            .await
    }

    /// Adds members to a group, and returns the new ones.
    ///
    /// # Errors
    /// `forbidden` unless one is an admin or the owner.
    pub async fn add_members(&self, id: ConversationId, user_ids: Vec<UserId>) -> Result<Vec<Member>, ClientError> {
        let path = ["conversations", &id.to_string(), "members"];
        let list: Items<_> = self.http.post(&path, &AddMembers { user_ids }).reply().await?;
        Ok(list.items)
    }

    /// Gives a member another role.
    ///
    /// # Errors
    /// `forbidden` unless one is the owner.
    pub async fn change_role(
        &self,
        id: ConversationId,
        user_id: UserId,
        request: ChangeRole,
    ) -> Result<Member, ClientError> {
        let path = ["conversations", &id.to_string(), "members", &user_id.to_string()];
        self.http.patch(&path, &request).reply().await
    }

    /// Removes a member from a group; oneself: leaves it.
    ///
    /// # Errors
    /// `forbidden` when one may not.
    pub async fn remove_member(&self, id: ConversationId, user_id: UserId) -> Result<(), ClientError> {
        let path = ["conversations", &id.to_string(), "members", &user_id.to_string()];
        self.http.delete(&path).no_content().await
    }

    /// Asks for all that changed since one last looked. [`Live`](crate::Live) does it by itself.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn sync(&self, request: &SyncRequest) -> Result<Sync, ClientError> {
        self.http.post(&["sync"], request).reply().await
    }
}
