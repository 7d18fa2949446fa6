//! Actions with files, as methods of [`Page`]: attaching, looking, listening, downloading.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::page::Page;

/// Beginning of scripts: `message` is the last one that has this text, or this selector matches something in.
const FIND: &str = "
    const messages = [...document.querySelectorAll('[data-testid=message][data-seq]')];
    const message = messages.findLast((message) => message.querySelector('[data-testid=body]')?.innerText === arguments[0]
        || (arguments[0].startsWith('[') && message.querySelector(arguments[0]) !== null));";

impl Page {
    /// Attaches files to the message that is being written.
    pub(super) async fn attach(&self, files: &[PathBuf]) {
        let paths: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let input = self.find("attach-input").await;
        input.send_keys(&paths.join("\n")).await.expect("files can be chosen");
        self.locate(&format!("[data-testid=upload]:nth-child({})", files.len()))
            .await;
    }

    /// Waits until all attached files are uploaded.
    pub(super) async fn await_uploads(&self) {
        self.await_absent("[data-testid=upload]:not([data-status=done])").await;
    }

    /// Sends what is attached, without a text.
    pub(super) async fn send_attached(&self) {
        self.click("send").await;
        self.await_absent("[data-testid=upload]").await;
    }

    /// Waits until the pictures of a message are painted, and returns the places of their upper left corners.
    pub(super) async fn await_painted(&self, message: &str, count: usize) -> Vec<(i64, i64)> {
        let script = format!(
            "{FIND}
            const images = [...(message?.querySelectorAll('[data-testid=picture][data-drawn=true] img') ?? [])];
            if (!images.every((image) => image.complete && image.naturalWidth > 0)) return [];
            return images.map((image) => image.getBoundingClientRect()).map(({{ x, y }}) => [Math.round(x), Math.round(y)]);"
        );
        let painted = async || {
            let places: Vec<(i64, i64)> = serde_json::from_value(self.ask(&script, vec![json!(message)]).await)
                .expect("the script returns places");
            (places.len() == count).then_some(places)
        };
        self.wait(&format!("{count} pictures of {message:?}"), painted).await
    }

    /// Opens a picture of a message in full view, and waits until it is painted.
    pub(super) async fn open_picture(&self, message: &str, number: usize) {
        let script = format!("{FIND} message.querySelectorAll('[data-testid=picture]')[arguments[1]].click()");
        self.ask(&script, vec![json!(message), json!(number)]).await;
        self.await_in_viewer("image.complete && image.naturalWidth > 0").await;
    }

    /// Waits for a condition on the viewer, in which `viewer` is its dialog and `image` its picture.
    pub(super) async fn await_in_viewer(&self, condition: &str) {
        let script = format!(
            "const viewer = document.querySelector('[data-testid=viewer]');
            const image = viewer?.querySelector('[data-testid=viewer-picture][data-drawn=true]');
            return Boolean(image && ({condition}));"
        );
        let holds = async || (self.ask(&script, vec![]).await == true).then_some(());
        self.wait(condition, holds).await;
    }

    /// Returns the width of the picture in the viewer, as it is shown.
    pub(super) async fn viewer_width(&self) -> f64 {
        let script = "return document.querySelector('[data-testid=viewer-picture]').getBoundingClientRect().width";
        self.ask(script, vec![]).await.as_f64().expect("a width is a number")
    }

    /// Downloads a file into a directory and returns what has arrived.
    pub(super) async fn download(&self, name: &str, directory: &Path) -> Vec<u8> {
        let parameters = json!({"behavior": "allow", "downloadPath": directory});
        self.window.devtools("Browser.setDownloadBehavior", parameters).await;
        self.tap(&format!("[data-testid=file][data-file-name='{name}']")).await;
        // The browser gives a file its name once it is complete.
        let arrived = async || std::fs::read(directory.join(name)).ok();
        self.wait(&format!("the download of {name}"), arrived).await
    }

    /// Clicks the video of the last message that has one, and waits until it plays inside of the message.
    pub(super) async fn play_video(&self) {
        // A click on a video that has not loaded does nothing.
        let script = "const { readyState, error } = document.querySelector('[data-testid=video] video') ?? {};
            return readyState >= 2 && error === null";
        let loaded = async || (self.ask(script, vec![]).await == true).then_some(());
        self.wait("the video to load", loaded).await;
        self.tap("[data-testid=video] video").await;
        self.await_playing("video").await;
    }

    /// Plays the last sound, and waits until its time goes on.
    pub(super) async fn play_sound(&self) {
        self.tap("[data-testid=audio] [data-testid=audio-play]").await;
        self.await_playing("audio").await;
    }

    async fn await_playing(&self, kind: &str) {
        let script = "const player = document.querySelector(`[data-testid=timeline] ${arguments[0]}`);
            const { played, currentTime, error } = player;
            return played.length > 0 && currentTime > played.start(0) && error === null && document.fullscreenElement === null";
        let plays = async || (self.ask(script, vec![json!(kind)]).await == true).then_some(());
        self.wait(&format!("the {kind} to play"), plays).await;
    }

    /// Records a voice message of about this many seconds, and sends it.
    pub(super) async fn record(&self, seconds: u32) {
        self.click("record").await;
        let script = "return document.querySelector('[data-testid=record-time]')?.innerText ?? ''";
        let length = format!("0:{seconds:02}");
        let recorded = async || (self.ask(script, vec![]).await.as_str()? >= length.as_str()).then_some(());
        self.wait("a recording", recorded).await;
        self.picture("recording").await;
        self.click("record-send").await;
        self.await_absent("[data-testid=upload]").await;
    }

    /// Returns the heights of the bars of the last sound's waveform.
    pub(super) async fn waveform(&self) -> Vec<f64> {
        let script = "return [...document.querySelectorAll('[data-testid=audio]')].at(-1)
            ?.querySelectorAll('.waveform rect').values().map((bar) => Number(bar.getAttribute('height'))).toArray() ?? []";
        let bars = async || {
            let bars: Vec<f64> =
                serde_json::from_value(self.ask(script, vec![]).await).expect("the script returns numbers");
            (!bars.is_empty()).then_some(bars)
        };
        self.wait("a waveform", bars).await
    }

    /// Notes from here on the offset of each part of an upload that is sent.
    pub(super) async fn note_offsets(&self) {
        let script = "window.offsets = [];
            const { setRequestHeader: set } = XMLHttpRequest.prototype;
            XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
                if (name === 'upload-offset') window.offsets.push(Number(value));
                return set.call(this, name, value);
            }";
        self.ask(script, vec![]).await;
    }

    /// Returns the noted offsets.
    pub(super) async fn offsets(&self) -> Vec<u64> {
        serde_json::from_value(self.ask("return window.offsets", vec![]).await).expect("they were noted")
    }

    /// Waits until almost half of the only attached file is uploaded.
    pub(super) async fn await_progress(&self) {
        let script = "const { value = 0 } = document.querySelector('[data-testid=upload] progress') ?? {};
            return value > 0.4 && value < 1";
        let progressed = async || (self.ask(script, vec![]).await == true).then_some(());
        self.wait("an upload to progress", progressed).await;
    }

    /// Limits what the window sends to this many bytes per second.
    pub(super) async fn limit_upload(&self, rate: Option<u64>) {
        let rate = rate.map_or(Value::from(-1), Value::from);
        let parameters = json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate});
        self.window.devtools("Network.enable", json!({})).await;
        self.window
            .devtools("Network.emulateNetworkConditions", parameters)
            .await;
    }
}
