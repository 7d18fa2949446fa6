//! A window of the web client, driven as a user would.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::Locator;
use fantoccini::elements::Element;
use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen, Window};
use letsapp_testkit::until_some;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::people::password;

/// Time limit for a change on the page. Includes a reconnect of the client after a restart of the server.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// A browser window with the web client.
pub(super) struct Page {
    pub(super) device: &'static str,
    screen: Screen,
    pub(super) window: Window,
}

/// A message as the window shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Seen {
    pub(super) seq: u64,
    pub(super) body: String,
    pub(super) edited: bool,
    pub(super) deleted: bool,
    pub(super) reactions: Vec<(String, u64)>,
}

/// Delivery state of a message, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tick {
    Sending,
    Sent,
    Delivered,
    Read,
    Failed,
}

/// Script that returns every message with a `seq`, so every acknowledged one. `innerText` contains the visible text
/// only.
const SEEN: &str = "
    return [...document.querySelectorAll('[data-testid=message][data-seq]')].map((message) => ({
        seq: Number(message.dataset.seq),
        body: message.querySelector('[data-testid=body]')?.innerText ?? '',
        edited: message.querySelector('[data-testid=edited]') !== null,
        deleted: message.dataset.deleted === 'true',
        reactions: [...message.querySelectorAll('[data-testid=reaction]')]
            .map(({ dataset }) => [dataset.emoji, Number(dataset.count)]),
    }));";

impl Page {
    /// Opens a window with a separate browser profile, and the client in it.
    pub(super) async fn open(chromium: &Chromium, screen: Screen, device: &'static str, url: &str) -> Self {
        let window = chromium.window(screen).await;
        window.prefer(ColorScheme::Light).await;
        let page = Self { device, screen, window };
        page.window.goto(url).await.expect("the server is there");
        page
    }

    pub(super) async fn sign_up(&self, username: &str, display_name: &str) {
        self.find("username").await;
        for scheme in [ColorScheme::Dark, ColorScheme::Light] {
            self.picture_in("sign in", scheme).await;
        }
        self.click("switch-mode").await;
        for (field, text) in [
            ("username", username),
            ("display_name", display_name),
            ("password", &password(username)),
        ] {
            self.find(field)
                .await
                .send_keys(text)
                .await
                .expect("a field can be typed in");
        }
        self.picture("sign up").await;
        self.click("submit").await;
        self.await_connection("online").await;
    }

    /// Leaves the page, like a phone that closes the app.
    pub(super) async fn leave(&self) {
        self.window.goto("about:blank").await.expect("the window is open");
    }

    pub(super) async fn enter(&self, url: &str) {
        self.window.goto(url).await.expect("the server is there");
        self.await_connection("online").await;
    }

    pub(super) async fn reload(&self) {
        self.window.refresh().await.expect("the server is there");
        self.await_connection("online").await;
        self.find("timeline").await;
    }

    /// Searches for a user and opens the conversation with them.
    pub(super) async fn find_person(&self, query: &str, username: &str) {
        self.find("search")
            .await
            .send_keys(query)
            .await
            .expect("a field can be typed in");
        let result = format!("[data-testid=result][data-username='{username}']");
        self.tap(&result).await;
        self.find("composer").await;
    }

    pub(super) async fn open_chat(&self, title: &str) {
        self.tap(&conversation(title)).await;
        self.find("timeline").await;
    }

    /// Goes back to the list of chats on a phone, where list and chat are separate screens.
    pub(super) async fn to_list(&self) {
        if self.screen == Screen::Phone {
            self.click("back").await;
        }
    }

    /// Writes a message and sends it, with Enter on a desktop and the button on a phone.
    pub(super) async fn write(&self, text: &str) {
        let composer = self.find("composer").await;
        for (place, line) in text.split('\n').enumerate() {
            if place > 0 {
                // Presses Shift and Enter, then releases Shift.
                composer
                    .send_keys("\u{e008}\u{e007}\u{e000}")
                    .await
                    .expect("a field can be typed in");
            }
            composer.send_keys(line).await.expect("a field can be typed in");
        }
        self.send(&composer).await;
    }

    pub(super) async fn edit(&self, body: &str, to: &str) {
        self.choose(body, "edit").await;
        self.find("editing").await;
        self.picture("editing").await;
        let composer = self.find("composer").await;
        composer.clear().await.expect("a field can be typed in");
        composer.send_keys(to).await.expect("a field can be typed in");
        self.send(&composer).await;
        self.await_body(to).await;
    }

    pub(super) async fn react(&self, body: &str, emoji: &str) {
        self.tool(body, "react").await;
        self.find("emoji-picker").await;
        self.picture("emoji picker").await;
        self.tap(&format!("[data-testid=emoji][data-emoji='{emoji}']")).await;
    }

    pub(super) async fn delete(&self, body: &str) {
        self.choose(body, "delete").await;
        self.find("confirm").await;
        self.picture("confirm").await;
        self.click("confirm-yes").await;
    }

    /// Scrolls back until the first message of the conversation is in view.
    pub(super) async fn scroll_to_start(&self, body: &str) {
        let script = "
            document.querySelector('[data-testid=timeline]').scrollTop = 0;
            const first = document.querySelector('[data-testid=message]');
            return first.dataset.seq === '1' && first.querySelector('[data-testid=body]').innerText === arguments[0]
                && first.getBoundingClientRect().top > 0";
        let scroll = async || (self.ask(script, vec![json!(body)]).await == true).then_some(());
        self.wait("the beginning", scroll).await;
    }

    pub(super) async fn scroll_to_end(&self) {
        self.run("const list = document.querySelector('[data-testid=timeline]'); list.scrollTop = list.scrollHeight")
            .await;
    }

    pub(super) async fn seen(&self) -> Vec<Seen> {
        serde_json::from_value(self.ask(SEEN, vec![]).await).expect("the script returns messages")
    }

    /// Returns the delivery states of all own messages.
    pub(super) async fn ticks(&self) -> Vec<Tick> {
        let script = "return [...document.querySelectorAll('[data-testid=message] [data-testid=tick]')]
            .map(({ dataset }) => dataset.state)";
        serde_json::from_value(self.ask(script, vec![]).await).expect("the script returns ticks")
    }

    /// Returns the previews in the list of chats, once no typing indicator replaces one.
    pub(super) async fn previews(&self) -> Vec<String> {
        self.await_absent("[data-testid=list-typing]").await;
        // The sender's own preview starts with "You: "; without it, both windows must be equal.
        let script = "return [...document.querySelectorAll('[data-testid=last-message]')]
            .map((preview) => preview.textContent.replace(/^You: /, ''))";
        serde_json::from_value(self.ask(script, vec![]).await).expect("the script returns text")
    }

    /// Waits until the list shows this number of unread messages for a conversation.
    pub(super) async fn await_unread(&self, title: &str, count: Option<&str>) {
        let script = "return document.querySelector(arguments[0] + ' [data-testid=unread]')?.textContent ?? null";
        let told = async || {
            let unread = self.ask(script, vec![json!(conversation(title))]).await;
            (unread.as_str() == count).then_some(())
        };
        self.wait(&format!("{count:?} at {title}"), told).await;
    }

    pub(super) async fn await_connection(&self, state: &str) {
        self.locate(&format!("[data-testid=messenger][data-connection={state}]"))
            .await;
    }

    /// Waits until a message that starts with this text is shown and acknowledged by the server.
    pub(super) async fn await_body(&self, beginning: &str) {
        self.await_seen(|seen| seen.body.starts_with(beginning)).await;
    }

    pub(super) async fn await_seen(&self, wanted: impl Fn(&Seen) -> bool) {
        self.wait("a message", async || self.seen().await.into_iter().find(&wanted))
            .await;
    }

    pub(super) async fn await_tick(&self, beginning: &str, tick: Tick) {
        let script = "return [...document.querySelectorAll('[data-testid=message]')]
            .findLast((message) => message.querySelector('[data-testid=body]')?.innerText.startsWith(arguments[0]))
            ?.querySelector('[data-testid=tick]')?.dataset.state ?? null";
        let what = format!("{tick:?} at {beginning:?}");
        self.wait(&what, async || {
            let state = self.ask(script, vec![json!(beginning)]).await;
            let state: Option<Tick> = serde_json::from_value(state).expect("the script returns a tick");
            state.filter(|state| *state == tick)
        })
        .await;
    }

    /// Takes a screenshot for review by a person.
    pub(super) async fn picture(&self, what: &str) {
        self.picture_in(what, ColorScheme::Light).await;
    }

    pub(super) async fn picture_in(&self, what: &str, scheme: ColorScheme) {
        self.window.prefer(scheme).await;
        // Skips running animations to their end, so that every picture shows the final state.
        self.run("document.getAnimations().forEach((animation) => { try { animation.finish() } catch {} })")
            .await;
        let name = format!("{what}-{}-{scheme:?}.png", self.device)
            .to_lowercase()
            .replace(' ', "-");
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        self.window.save_screenshot(directory.join(name)).await;
        self.window.prefer(ColorScheme::Light).await;
    }

    /// Checks that the browser's console shows no errors or warnings since the last check.
    pub(super) async fn assert_console_is_clean(&self) {
        let console_problems = self.console_problems().await;
        assert!(
            console_problems.is_empty(),
            "on the {}: {console_problems:#?}",
            self.device
        );
    }

    /// Like [`Page::assert_console_is_clean`], but allows errors about lost connections, as after a restart of the
    /// server.
    pub(super) async fn assert_console_shows_only_lost_connections(&self) {
        let mut console_problems = self.console_problems().await;
        console_problems.retain(|line| !line.contains("net::ERR_CONNECTION_"));
        assert!(
            console_problems.is_empty(),
            "on the {}: {console_problems:#?}",
            self.device
        );
    }

    async fn console_problems(&self) -> Vec<String> {
        let mut lines = self.window.console().await;
        lines.retain(|line| line.starts_with("SEVERE") || line.starts_with("WARNING"));
        lines
    }

    async fn send(&self, composer: &Element) {
        match self.screen {
            Screen::Desktop => composer.send_keys("\u{e007}").await.expect("a field can be typed in"),
            Screen::Phone => self.click("send").await,
        }
    }

    /// Chooses an item from the menu of a message.
    pub(super) async fn choose(&self, body: &str, item: &str) {
        self.tool(body, "more").await;
        self.picture("message menu").await;
        self.tap(&format!("[data-testid=message-menu] [data-testid={item}]"))
            .await;
    }

    /// Clicks a button of a message's toolbar, which appears when the message is clicked.
    pub(super) async fn tool(&self, body: &str, tool: &str) {
        let script = "return [...document.querySelectorAll('[data-testid=message][data-seq]')]
            .findLast((message) => message.querySelector('[data-testid=body]')?.innerText === arguments[0]).dataset.seq";
        let seq = self.ask(script, vec![json!(body)]).await;
        let message = format!(
            "[data-testid=message][data-seq='{}']",
            seq.as_str().expect("it is there")
        );
        self.tap(&format!("{message} [data-testid=body]")).await;
        self.picture("tools").await;
        self.tap(&format!("{message} [data-testid={tool}]")).await;
    }

    pub(super) async fn click(&self, testid: &str) {
        self.tap(&format!("[data-testid={testid}]")).await;
    }

    /// Clicks an element as soon as it can be clicked; one that is still sliding into view can't.
    pub(super) async fn tap(&self, css: &str) {
        let click = async || self.window.find(Locator::Css(css)).await.ok()?.click().await.ok();
        self.wait(css, click).await;
    }

    pub(super) async fn find(&self, testid: &str) -> Element {
        self.locate(&format!("[data-testid={testid}]")).await
    }

    pub(super) async fn locate(&self, css: &str) -> Element {
        let find = async || self.window.find(Locator::Css(css)).await.ok();
        self.wait(css, find).await
    }

    /// Waits until `look` returns a value. Takes a screenshot and panics if that takes too long.
    pub(super) async fn wait<T, F>(&self, what: &str, look: impl FnMut() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        let waited = tokio::time::timeout(PAGE_TIMEOUT, until_some(PAGE_TIMEOUT * 2, look)).await;
        if waited.is_err() {
            self.picture("failure").await;
        }
        waited.unwrap_or_else(|_| panic!("on the {}: still waiting for {what}", self.device))
    }

    async fn run(&self, script: &str) {
        self.ask(script, vec![]).await;
    }

    pub(super) async fn ask(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.window.execute(script, arguments).await.expect("the script runs")
    }
}

pub(super) fn conversation(title: &str) -> String {
    format!("[data-testid=conversation][data-title='{title}']")
}
