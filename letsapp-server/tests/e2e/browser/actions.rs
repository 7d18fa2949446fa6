//! Actions that involve other users, as methods of [`Page`]: groups, replies, searches, blocks.

use serde_json::json;

use super::page::{Page, Seen, conversation};
use crate::people::password;

impl Page {
    pub(super) async fn sign_in(&self, username: &str) {
        self.type_in("username", username).await;
        self.type_in("password", &password(username)).await;
        self.click("submit").await;
        self.await_connection("online").await;
    }

    /// Opens a page of the settings.
    pub(super) async fn open_settings(&self, page: &str) {
        self.click("account").await;
        self.click("settings").await;
        self.picture("settings").await;
        self.click(&format!("to-{page}")).await;
    }

    pub(super) async fn close_settings(&self) {
        self.click("drawer-back").await;
        self.click("drawer-back").await;
        self.await_absent("[data-testid=settings-drawer]").await;
    }

    /// Creates a group with the users of these names.
    pub(super) async fn make_group(&self, title: &str, usernames: &[&str]) {
        self.click("new-group").await;
        self.type_in("group-title", title).await;
        self.pick_people(usernames).await;
        self.picture("new group").await;
        self.click("create-group").await;
        self.find("timeline").await;
    }

    /// Opens the list of a group's members.
    pub(super) async fn show_members(&self) {
        self.click("members").await;
        self.locate("[data-testid=member]").await;
    }

    pub(super) async fn add_members(&self, usernames: &[&str]) {
        self.show_members().await;
        self.click("add-members").await;
        self.pick_people(usernames).await;
        self.click("add-members-confirm").await;
        self.await_absent("[data-testid=add-members-dialog]").await;
        self.click("panel-close").await;
    }

    /// Chooses an action for a member in the list of members: `promote`, `demote`, `hand-over` or `remove`.
    pub(super) async fn choose_for_member(&self, username: &str, action: &str) {
        self.show_members().await;
        self.tap(&format!("{} [data-testid=member-menu]", member(username)))
            .await;
        self.picture("member menu").await;
        self.tap(&format!("[data-testid=member-actions] [data-testid={action}]"))
            .await;
        if action == "remove" || action == "hand-over" {
            self.click("confirm-yes").await;
        }
        self.click("panel-close").await;
    }

    /// Waits until the list of members shows exactly these users and roles.
    pub(super) async fn await_members(&self, expected: &[(&str, &str)]) {
        self.show_members().await;
        let script = "return [...document.querySelectorAll('[data-testid=member]')]
            .map(({ dataset }) => [dataset.username, dataset.role])";
        let expected = json!(expected);
        let told = async || (self.ask(script, vec![]).await == expected).then_some(());
        self.wait(&format!("the members {expected}"), told).await;
        self.click("panel-close").await;
    }

    pub(super) async fn rename_group(&self, title: &str, about: &str) {
        self.show_members().await;
        self.click("edit-group").await;
        let name = self.find("title").await;
        name.clear().await.expect("a field can be typed in");
        name.send_keys(title).await.expect("a field can be typed in");
        self.type_in("about", about).await;
        self.picture("edit group").await;
        self.click("edit-group-save").await;
        self.await_absent("[data-testid=edit-group-dialog]").await;
        self.click("panel-close").await;
    }

    pub(super) async fn leave_group(&self) {
        self.show_members().await;
        self.click("leave").await;
        self.click("confirm-yes").await;
        self.await_absent("[data-testid=chat]").await;
    }

    /// Waits until a system message with this text is shown.
    pub(super) async fn await_told(&self, words: &str) {
        let script = "return [...document.querySelectorAll('[data-testid=system-message]')]
            .some((message) => message.innerText.trim() === arguments[0])";
        let told = async || (self.ask(script, vec![json!(words)]).await == true).then_some(());
        self.wait(words, told).await;
    }

    pub(super) async fn reply(&self, to: &str, text: &str) {
        self.tool(to, "reply").await;
        self.find("replying").await;
        self.picture("replying").await;
        self.write(text).await;
        self.await_body(text).await;
    }

    /// Waits until a reply shows the message that it quotes.
    pub(super) async fn await_quote(&self, answer: &str, quoted: &str) {
        let script = "return [...document.querySelectorAll('[data-testid=message]')]
            .find((message) => message.querySelector('[data-testid=body]')?.innerText === arguments[0])
            ?.querySelector('[data-testid=quote] .quote-text')?.innerText === arguments[1]";
        let told = async || (self.ask(script, vec![json!(answer), json!(quoted)]).await == true).then_some(());
        self.wait(&format!("{quoted:?} above {answer:?}"), told).await;
    }

    /// Types `typed`, which ends with an `@` and the start of a name, chooses a user from the list that it opens, and
    /// sends the message with `rest`.
    pub(super) async fn mention(&self, typed: &str, username: &str, rest: &str) {
        self.type_in("composer", typed).await;
        let option = format!("[data-testid=mention-option][data-username='{username}']");
        self.locate(&option).await;
        self.picture("mention").await;
        self.tap(&option).await;
        self.write(rest).await;
    }

    pub(super) async fn await_mention(&self, username: &str) {
        self.locate(&format!("[data-testid=mention][data-username='{username}']"))
            .await;
    }

    /// Inserts an emoji into the composer, found by its name.
    pub(super) async fn pick_emoji(&self, name: &str, emoji: &str) {
        self.click("insert-emoji").await;
        self.type_in("emoji-search", name).await;
        self.picture("emoji search").await;
        self.tap(&format!("[data-testid=emoji][data-emoji='{emoji}']")).await;
    }

    pub(super) async fn begin_to_write(&self, text: &str) {
        self.type_in("composer", text).await;
    }

    /// Waits until the header of the chat shows this typing indicator, or none.
    pub(super) async fn await_typing(&self, words: Option<&str>) {
        let script = "return document.querySelector('[data-testid=typing]')?.innerText ?? null";
        let told = async || (self.ask(script, vec![]).await.as_str() == words).then_some(());
        self.wait(&format!("{words:?} in the head"), told).await;
    }

    /// Waits until the header of a direct chat shows a presence that starts with this text.
    pub(super) async fn await_presence(&self, beginning: &str) {
        let script =
            "return document.querySelector('[data-testid=head-note]')?.innerText.startsWith(arguments[0]) ?? false";
        let told = async || (self.ask(script, vec![json!(beginning)]).await == true).then_some(());
        self.wait(beginning, told).await;
    }

    /// Searches the open chat and opens the first result; waits until the message is in view and highlighted.
    pub(super) async fn search_here(&self, words: &str, body: &str) {
        self.click("search-chat").await;
        self.type_in("chat-search-field", words).await;
        self.locate("[data-testid=found-message] mark").await;
        self.picture("search in chat").await;
        self.click("found-message").await;
        self.await_target(body).await;
    }

    /// Searches all chats and opens the first result.
    pub(super) async fn search_everywhere(&self, words: &str, body: &str) {
        self.type_in("search", words).await;
        self.locate("[data-testid=found-message] mark").await;
        self.picture("search everywhere").await;
        self.click("found-message").await;
        self.await_target(body).await;
    }

    /// Pins a chat in the search results, checks that the search goes on, and ends it.
    pub(super) async fn pin_in_search(&self, title: &str) {
        self.type_in("search", title).await;
        let more = format!(".found {} + [data-testid=conversation-more]", conversation(title));
        self.locate(&more).await;
        // The button is hidden until the mouse is over the chat.
        self.ask("document.querySelector(arguments[0]).click()", vec![json!(more)])
            .await;
        self.tap("[data-testid=conversation-menu] [data-testid=pin]").await;
        self.locate(&format!(".found {}[data-pinned=true]", conversation(title)))
            .await;
        self.stop_searching().await;
    }

    /// Ends the search, which shows the list of chats again.
    pub(super) async fn stop_searching(&self) {
        self.type_in("search", "\u{e00c}").await;
        self.await_absent("[data-testid=found-messages]").await;
    }

    /// Waits until the message of a search result is in view, with the found words highlighted.
    async fn await_target(&self, body: &str) {
        let script = "
            const target = document.querySelector('[data-target=true]');
            const frame = document.querySelector('[data-testid=timeline]').getBoundingClientRect();
            const at = target?.getBoundingClientRect();
            return target?.querySelector('[data-testid=body]').innerText === arguments[0] && target.querySelector('mark') !== null
                && at.top >= frame.top && at.bottom <= frame.bottom";
        let there = async || (self.ask(script, vec![json!(body)]).await == true).then_some(());
        self.wait(&format!("{body:?} in view"), there).await;
        self.picture("jumped to").await;
    }

    /// Scrolls down until a message is in the document.
    pub(super) async fn scroll_down_to(&self, body: &str) {
        let found = async || {
            self.scroll_to_end().await;
            self.seen().await.into_iter().find(|seen| seen.body == body)
        };
        self.wait(body, found).await;
    }

    /// Chooses an item from the menu of the open chat.
    pub(super) async fn choose_for_chat(&self, item: &str) {
        self.click("chat-menu").await;
        self.picture("chat menu").await;
        self.tap(&format!("[data-testid=conversation-menu] [data-testid={item}]"))
            .await;
    }

    pub(super) async fn block_peer(&self) {
        self.choose_for_chat("block").await;
        self.click("confirm-yes").await;
        self.find("peer-blocked").await;
        self.picture("blocked").await;
    }

    pub(super) async fn unblock_peer(&self) {
        self.click("unblock-here").await;
        self.find("composer").await;
    }

    /// Waits until a message is marked as failed, with this reason.
    pub(super) async fn await_refused(&self, why: &str) {
        let script =
            "return document.querySelector('[data-testid=not-sent]')?.innerText.includes(arguments[0]) ?? false";
        let told = async || (self.ask(script, vec![json!(why)]).await == true).then_some(());
        self.wait(why, told).await;
        self.picture("refused").await;
    }

    pub(super) async fn try_again(&self) {
        self.click("retry").await;
        self.await_absent("[data-testid=not-sent]").await;
    }

    /// Waits for a notification of a message in another chat, and clicks it.
    pub(super) async fn follow_notice(&self, title: &str) {
        let script = "return document.querySelector('[data-testid=toast-open] strong')?.innerText === arguments[0]";
        let told = async || (self.ask(script, vec![json!(title)]).await == true).then_some(());
        self.wait(&format!("a notice of {title:?}"), told).await;
        self.picture("notice").await;
        self.click("toast-open").await;
        self.find("timeline").await;
    }

    pub(super) async fn await_listed(&self, title: &str) {
        self.locate(&conversation(title)).await;
    }

    pub(super) async fn await_unlisted(&self, title: &str) {
        self.await_absent(&conversation(title)).await;
    }

    pub(super) async fn await_absent(&self, css: &str) {
        let script = "return document.querySelector(arguments[0]) === null";
        let absent = async || (self.ask(script, vec![json!(css)]).await == true).then_some(());
        self.wait(&format!("the end of {css}"), absent).await;
    }

    /// Returns the last `count` messages that are shown.
    pub(super) async fn last_seen(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen().await;
        seen.split_off(seen.len().saturating_sub(count))
    }

    async fn pick_people(&self, usernames: &[&str]) {
        let search = self.find("people-search").await;
        for username in usernames {
            search.clear().await.expect("a field can be typed in");
            search.send_keys(username).await.expect("a field can be typed in");
            self.tap(&format!("[data-testid=person-option][data-username='{username}']"))
                .await;
        }
    }

    async fn type_in(&self, testid: &str, text: &str) {
        let field = self.find(testid).await;
        field.send_keys(text).await.expect("a field can be typed in");
    }
}

fn member(username: &str) -> String {
    format!("[data-testid=member][data-username='{username}']")
}
