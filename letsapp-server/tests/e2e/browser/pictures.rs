//! Pictures of people and groups: one user crops and sets them, another sees them.

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};
use serde_json::{Value, json};

use super::page::Page;
use super::samples;
use crate::server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cropped_pictures_of_a_person_and_a_group_are_seen_by_others() {
    let Some(chromium) = Chromium::start() else { return };
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = server::at_one_address(directory.path()).start().await;
    let ana = Page::open(&chromium, Screen::Desktop, "ana", &server.url()).await;
    let ben = Page::open(&chromium, Screen::Phone, "ben", &server.url()).await;
    tokio::join!(ana.sign_up("ana", "Ana Oliveira"), ben.sign_up("ben", "Ben Okafor"));
    ana.make_group("Trip to Porto", &["ben"]).await;
    ana.write("Here we are").await;
    ben.open_chat("Trip to Porto").await;
    ben.await_body("Here we are").await;

    let portrait = samples::picture(&ana, files.path(), "Ana", (1500, 1000)).await;
    ana.open_settings("profile").await;
    ana.choose_picture(portrait.to_str().unwrap()).await;
    ana.crop_by_keys().await;
    ana.use_picture().await;
    let own = ana.await_avatar(".picture-edit").await;
    for scheme in [ColorScheme::Light, ColorScheme::Dark] {
        ana.picture_in("own picture", scheme).await;
    }
    ana.close_settings().await;
    ana.await_avatar(".account").await;
    // No event tells of a profile.
    ben.reload().await;
    assert_eq!(ben.await_avatar(".message-avatar").await, own);

    let group = samples::picture(&ana, files.path(), "Porto", (800, 1200)).await;
    ana.show_members().await;
    ana.choose_picture(group.to_str().unwrap()).await;
    ana.crop_by_mouse().await;
    ana.use_picture().await;
    let shown = ana.await_avatar(".picture-edit").await;
    ana.picture("group picture").await;
    ben.await_told("Ana Oliveira changed the picture").await;
    assert_eq!(ben.await_avatar(".chat-head").await, shown);
    for scheme in [ColorScheme::Light, ColorScheme::Dark] {
        ben.picture_in("pictures", scheme).await;
        ana.picture_in("pictures", scheme).await;
    }

    ana.click("picture-edit").await;
    ana.picture("picture menu").await;
    ana.click("picture-remove").await;
    ana.await_absent(".picture-edit [data-testid=avatar-picture]").await;
    ben.await_absent(".chat-head [data-testid=avatar-picture]").await;
    for page in [&ana, &ben] {
        page.assert_console_is_clean().await;
    }
    assert!(server.terminate().await.success());
}

impl Page {
    /// Chooses a file for the picture that is shown with a button to change it.
    async fn choose_picture(&self, path: &str) {
        let input = self.find("picture-input").await;
        input.send_keys(path).await.expect("a file can be chosen");
        self.locate("[data-testid=crop-picture][data-drawn=true]").await;
    }

    /// Crops with the keyboard alone: closer, and to the left.
    async fn crop_by_keys(&self) {
        let before = self.cut().await;
        assert_eq!(before, json!({"x": 250, "y": 0, "side": 1000}), "the middle");
        let stage = self.find("crop-stage").await;
        stage
            .send_keys("++\u{e012}\u{e012}\u{e012}")
            .await
            .expect("the stage takes keys");
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            self.picture_in("crop", scheme).await;
        }
        let after = self.cut().await;
        let (side, x) = (after["side"].as_f64().unwrap(), after["x"].as_f64().unwrap());
        assert!((side - 1000.0 / 1.44).abs() < 1.0, "two steps closer: {after}");
        assert!(x < 750.0 - side / 2.0, "left of the middle: {after}");
    }

    /// Crops with the mouse: drags the picture down as far as it goes, then turns the wheel.
    async fn crop_by_mouse(&self) {
        assert_eq!(self.cut().await, json!({"x": 0, "y": 200, "side": 800}), "the middle");
        let script = "
            const stage = document.querySelector('[data-testid=crop-stage]');
            const { x, y, width, height } = stage.getBoundingClientRect();
            return [x + width / 2, y + height / 2]";
        let middle: (f64, f64) = serde_json::from_value(self.ask(script, vec![]).await).expect("it is a place");
        self.mouse("mousePressed", middle, json!({})).await;
        self.mouse("mouseMoved", (middle.0, middle.1 + 300.0), json!({"buttons": 1}))
            .await;
        self.mouse("mouseReleased", (middle.0, middle.1 + 300.0), json!({}))
            .await;
        assert_eq!(self.cut().await, json!({"x": 0, "y": 0, "side": 800}), "the upper edge");
        self.mouse("mouseWheel", middle, json!({"deltaX": 0, "deltaY": -200}))
            .await;
        let closer = async || (self.cut().await["side"].as_f64()? < 700.0).then_some(());
        self.wait("the wheel to zoom", closer).await;
        self.picture("crop group").await;
    }

    async fn mouse(&self, kind: &str, (x, y): (f64, f64), more: Value) {
        let mut event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.window.devtools("Input.dispatchMouseEvent", event).await;
    }

    /// Returns the square that is cut, in pixels of the picture.
    async fn cut(&self) -> Value {
        let script = "return JSON.parse(document.querySelector('[data-testid=crop-stage]').dataset.cut)";
        self.ask(script, vec![]).await
    }

    async fn use_picture(&self) {
        self.click("crop-save").await;
        self.await_absent("[data-testid=crop-dialog]").await;
    }

    /// Waits until an avatar inside of this element shows a square picture, and returns the picture's id.
    async fn await_avatar(&self, place: &str) -> Value {
        let script = "
            const avatar = document.querySelector(`${arguments[0]} [data-testid=avatar-picture][data-drawn=true]`);
            const { naturalWidth = 0, naturalHeight = 0 } = avatar?.querySelector('img') ?? {};
            return naturalWidth > 0 && naturalWidth === naturalHeight ? avatar.dataset.mediaId : null";
        let shown = async || Some(self.ask(script, vec![json!(place)]).await).filter(|id| !id.is_null());
        self.wait(&format!("a picture in {place}"), shown).await
    }
}
