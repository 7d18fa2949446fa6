//! Starts Chromium, and controls it through chromedriver and [`fantoccini`].

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::missing::skip;
use crate::process::{Process, Scratch, on_path};

/// Flags for a browser that does nothing but show the page under test: no first-run dialogues, no background requests. Its
/// microphone and camera are simulated, and allowed.
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-proxy-server",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--window-size=1280,800",
];

/// Running chromedriver. Its windows are closed when it is dropped, or with the process.
///
/// # Examples
///
/// ```no_run
/// # async fn test() -> Result<(), fantoccini::error::CmdError> {
/// use letsapp_testkit::chromium::{Chromium, Screen};
///
/// let Some(chromium) = Chromium::start() else { return Ok(()) };
/// let (alice, bob) = (chromium.window(Screen::Desktop).await, chromium.window(Screen::Phone).await);
/// alice.goto("http://127.0.0.1:8080/").await?;
/// alice.save_screenshot("target/screenshots/sign-in.png").await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Chromium {
    _driver: Process,
    url: String,
    browser: PathBuf,
    windows: AtomicUsize,
    /// Dropped last, after the browsers that write to it have ended.
    profiles: Scratch,
}

/// Browser window with a profile of its own, so that two windows are two users.
///
/// Dereferences to fantoccini's client.
#[derive(Clone, Debug)]
pub struct Window(Client);

/// Screen that a window is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// 1280 by 800 pixels, with a mouse.
    Desktop,
    /// 390 by 844 pixels, with touch.
    Phone,
}

/// Preferred colour scheme of the system, which the page sees as `prefers-color-scheme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorScheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Chromium {
    /// Starts chromedriver, and blocks for a fraction of a second until it listens.
    ///
    /// Without Chromium or chromedriver on this machine, a message is written to standard error and the result is `None`.
    ///
    /// # Panics
    ///
    /// Panics if chromedriver is installed but doesn't start, or isn't installed and `CI` is set.
    pub fn start() -> Option<Self> {
        let browsers = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
        let (Some(driver), Some(browser)) = (on_path("chromedriver"), browsers.into_iter().find_map(on_path)) else {
            let remedy = "Install both (Debian: chromium, chromium-driver)";
            skip("Chromium", "chromium or chromedriver isn't on PATH", remedy);
            return None;
        };
        let profiles = Scratch::new("chromium");
        let mut driver = Process::spawn(
            Command::new(driver)
                .args(["--port=0", "--log-level=SEVERE"])
                // The browser writes crash dumps and the like there.
                .env("HOME", profiles.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )
        .expect("what is on PATH can be executed");
        let mut lines = BufReader::new(driver.child().stdout.take().expect("it is piped"))
            .lines()
            .map_while(Result::ok);
        let port = lines
            .find_map(|line| {
                Some(
                    line.split_once("successfully on port ")?
                        .1
                        .trim_end_matches('.')
                        .to_owned(),
                )
            })
            .expect("chromedriver announces its port");
        // Read to the end: chromedriver would block on a full pipe, or fail on a closed one.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://127.0.0.1:{port}");
        Some(Self {
            _driver: driver,
            url,
            browser,
            windows: AtomicUsize::new(0),
            profiles,
        })
    }

    /// Opens a window with a fresh profile.
    ///
    /// # Panics
    ///
    /// Panics if the browser doesn't start.
    pub async fn window(&self, screen: Screen) -> Window {
        let number = self.windows.fetch_add(1, Ordering::Relaxed);
        let profile = self.profiles.path().join(format!("profile-{number}"));
        let profile = format!("--user-data-dir={}", profile.display());
        let mut options = json!({
            "binary": self.browser,
            "args": FLAGS.into_iter().chain([profile.as_str()]).collect::<Vec<_>>(),
        });
        if screen == Screen::Phone {
            let metrics = json!({"width": 390, "height": 844, "pixelRatio": 2, "touch": true, "mobile": true});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let capabilities = Capabilities::from_iter([
            ("goog:chromeOptions".to_owned(), options),
            ("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"})),
        ]);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.url)
            .await;
        Window(client.unwrap_or_else(|failure| panic!("the browser doesn't start: {failure}")))
    }
}

impl Window {
    /// Saves a screenshot of the page as PNG, and creates the directory if needed.
    ///
    /// # Panics
    ///
    /// Panics if the window is closed, or the file can't be written.
    pub async fn save_screenshot(&self, file: impl AsRef<Path>) {
        let file = file.as_ref();
        let picture = self.0.screenshot().await.expect("the window is open");
        let directory = file.parent().unwrap_or(Path::new("."));
        let saved = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(file, picture));
        saved.unwrap_or_else(|failure| panic!("{}: {failure}", file.display()));
    }

    /// Sets the preferred colour scheme.
    ///
    /// # Panics
    ///
    /// Panics if the window is closed.
    pub async fn prefer(&self, scheme: ColorScheme) {
        let value = match scheme {
            ColorScheme::Light => "light",
            ColorScheme::Dark => "dark",
        };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// Returns what was written to the console since the last call, each entry as `LEVEL: text`.
    ///
    /// Violations of the content security policy and failed requests are entries too.
    ///
    /// # Panics
    ///
    /// Panics if the window is closed.
    pub async fn console(&self) -> Vec<String> {
        let log = self.send("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().into_iter().flatten();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        entries
            .map(|entry| format!("{}: {}", text(entry, "level"), text(entry, "message")))
            .collect()
    }

    /// Calls a method of the DevTools protocol, such as `Network.emulateNetworkConditions`.
    ///
    /// # Panics
    ///
    /// Panics if the browser refuses the call.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.send("goog/cdp/execute", json!({"cmd": method, "params": parameters}))
            .await
    }

    async fn send(&self, path: &'static str, body: Value) -> Value {
        let answer = self.0.issue_cmd(ChromeCommand { path, body }).await;
        answer.unwrap_or_else(|failure| panic!("{path}: {failure}"))
    }
}

impl Deref for Window {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Command that chromedriver adds to the WebDriver protocol.
#[derive(Debug)]
struct ChromeCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
