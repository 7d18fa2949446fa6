//! Three users exchange pictures, an album, a file, a video and a voice message, on each store; and an upload that a
//! restart and a reload interrupt.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};
use letsapp_testkit::server::Binary;
use letsapp_testkit::{mongodb, s3};

use super::page::{Page, Tick};
use super::samples;
use crate::http::Http;
use crate::people::Person;
use crate::server;

const GROUP: &str = "Trip to Porto";
const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_people_exchange_files_on_sqlite() {
    let Some(chromium) = Chromium::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    exchange_files(&chromium, &server::at_one_address(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_people_exchange_files_on_mongodb() {
    let (Some(mongodb), Some(chromium)) = (mongodb::shared(), Chromium::start()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let binary = server::at_one_address(directory.path()).args(["--store", &mongodb.unique_database_uri()]);
    exchange_files(&chromium, &binary).await;
}

async fn exchange_files(chromium: &Chromium, binary: &Binary) {
    let directory = tempfile::tempdir().unwrap();
    let mut server = binary.start().await;
    let url = server.url();
    let (ana, ben, cleo) = tokio::join!(
        Page::open(chromium, Screen::Desktop, "ana", &url),
        Page::open(chromium, Screen::Phone, "ben", &url),
        Page::open(chromium, Screen::Desktop, "cleo", &url),
    );
    tokio::join!(
        ana.sign_up("ana", "Ana Oliveira"),
        ben.sign_up("ben", "Ben Okafor"),
        cleo.sign_up("cleo", "Cleo Dubois"),
    );
    ana.make_group(GROUP, &["ben", "cleo"]).await;
    tokio::join!(ben.open_chat(GROUP), cleo.open_chat(GROUP));

    a_picture_is_seen_by_all([&ana, &ben, &cleo], directory.path()).await;
    an_album_is_a_grid_and_is_looked_through([&ana, &ben, &cleo], directory.path()).await;
    a_large_file_is_downloaded_under_its_name([&ana, &ben, &cleo], directory.path()).await;
    a_video_plays_in_its_message([&ana, &ben, &cleo], directory.path()).await;
    a_voice_message_has_a_waveform_and_plays([&ana, &ben, &cleo]).await;
    for page in [&ana, &ben] {
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            page.picture_in("files", scheme).await;
        }
    }
    for page in [&ana, &ben, &cleo] {
        page.assert_console_is_clean().await;
    }
    assert!(server.terminate().await.success());
}

async fn a_picture_is_seen_by_all([ana, ben, cleo]: [&Page; 3], directory: &Path) {
    let harbour = samples::picture(ana, directory, "The harbour", (1600, 1000)).await;
    ana.attach(&[harbour]).await;
    ana.picture("attached").await;
    ana.write("Look at this!").await;
    for page in [ana, ben, cleo] {
        page.await_painted("Look at this!", 1).await;
    }
    ana.await_tick("Look at this!", Tick::Read).await;
}

async fn an_album_is_a_grid_and_is_looked_through([ana, ben, cleo]: [&Page; 3], directory: &Path) {
    let mut pictures: Vec<PathBuf> = Vec::new();
    for (place, size) in [
        ("Bridge", (1200, 900)),
        ("Tower", (600, 1000)),
        ("Beach", (1000, 500)),
        ("Station", (900, 900)),
    ] {
        pictures.push(samples::picture(ben, directory, place, size).await);
    }
    ben.attach(&pictures).await;
    ben.await_uploads().await;
    ben.write("All of Saturday").await;
    for page in [ana, ben, cleo] {
        let places = page.await_painted("All of Saturday", 4).await;
        let (columns, rows): (HashSet<_>, HashSet<_>) = places.into_iter().unzip();
        assert_eq!((columns.len(), rows.len()), (2, 2), "a grid of two by two");
    }

    cleo.open_picture("All of Saturday", 1).await;
    cleo.await_in_viewer("viewer.dataset.fileName === 'Tower.jpg'").await;
    cleo.picture("viewer").await;
    let whole = cleo.viewer_width().await;
    cleo.click("zoom-in").await;
    cleo.await_in_viewer("Number(viewer.dataset.scale) > 1").await;
    assert!(cleo.viewer_width().await > whole * 1.2, "the picture is shown larger");
    cleo.click("next").await;
    cleo.await_in_viewer("viewer.dataset.fileName === 'Beach.jpg' && viewer.dataset.scale === '1'")
        .await;
    cleo.click("viewer-close").await;
    cleo.await_absent("[data-testid=viewer]").await;
    ben.open_picture("All of Saturday", 0).await;
    ben.picture("viewer").await;
    ben.click("viewer-close").await;
    ben.await_absent("[data-testid=viewer]").await;
}

async fn a_large_file_is_downloaded_under_its_name([ana, ben, cleo]: [&Page; 3], directory: &Path) {
    const NAME: &str = "Fahrpläne für alle.csv";
    // Large enough to be uploaded in parts.
    let file = samples::text(directory, NAME, 9 * MIB);
    cleo.note_offsets().await;
    cleo.attach(std::slice::from_ref(&file)).await;
    cleo.await_uploads().await;
    assert_eq!(cleo.offsets().await, [0, 4 << 20, 8 << 20], "it was sent in parts");
    cleo.send_attached().await;
    let arrived = directory.join("arrived");
    for page in [ana, ben] {
        let folder = arrived.join(page.device);
        std::fs::create_dir_all(&folder).unwrap();
        assert!(
            page.download(NAME, &folder).await == std::fs::read(&file).unwrap(),
            "the same bytes"
        );
    }
}

async fn a_video_plays_in_its_message([ana, ben, cleo]: [&Page; 3], directory: &Path) {
    let ferry = samples::video(ana, directory).await;
    ana.attach(&[ferry]).await;
    ana.await_uploads().await;
    ana.send_attached().await;
    for page in [ana, cleo] {
        page.play_video().await;
    }
    // The controls of a phone appear with the first touch.
    ben.locate("[data-testid=video] video").await;
}

async fn a_voice_message_has_a_waveform_and_plays([ana, ben, cleo]: [&Page; 3]) {
    ben.record(2).await;
    for page in [ana, ben, cleo] {
        let bars = page.waveform().await;
        let heights: HashSet<_> = bars.iter().map(|height| height.to_bits()).collect();
        assert!(
            bars.len() == 64 && heights.len() > 3,
            "the beeps of the microphone: {bars:?}"
        );
        page.play_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_after_a_crash_of_the_server_and_a_reload_of_the_page() {
    let Some(chromium) = Chromium::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let binary = server::at_one_address(directory.path());
    let mut server = binary.start().await;
    let ana = Page::open(&chromium, Screen::Desktop, "ana", &server.url()).await;
    let ben = Page::open(&chromium, Screen::Phone, "ben", &server.url()).await;
    tokio::join!(ana.sign_up("ana", "Ana Oliveira"), ben.sign_up("ben", "Ben Okafor"));
    ana.find_person("ben", "ben").await;
    let files = tempfile::tempdir().unwrap();
    let file = samples::text(files.path(), "Diary.csv", 12 * MIB);

    ana.limit_upload(Some(2 << 20)).await;
    ana.attach(std::slice::from_ref(&file)).await;
    ana.await_progress().await;
    ana.picture("uploading").await;
    ana.note_offsets().await;
    server.kill9();
    server = binary.start().await;
    ana.await_connection("online").await;
    // Slow enough that it does not end before the reload.
    ana.limit_upload(Some(1 << 20)).await;
    ana.await_progress().await;
    let first = async || ana.offsets().await.first().copied();
    let resumed_at = ana.wait("the upload to go on", first).await;
    assert!(resumed_at > 0, "what the server has is not sent again");

    ana.reload().await;
    ana.await_absent("[data-testid=upload]").await;
    ana.limit_upload(None).await;
    ana.note_offsets().await;
    ana.attach(std::slice::from_ref(&file)).await;
    ana.await_uploads().await;
    let offsets = ana.offsets().await;
    assert!(offsets[0] >= resumed_at, "{offsets:?} after {resumed_at}");
    ana.send_attached().await;

    ben.open_chat("Ana Oliveira").await;
    let folder = files.path().join("arrived");
    std::fs::create_dir(&folder).unwrap();
    assert!(
        ben.download("Diary.csv", &folder).await == std::fs::read(&file).unwrap(),
        "the same bytes"
    );
    ana.assert_console_shows_only_lost_connections().await;
    ben.assert_console_shows_only_lost_connections().await;
    assert!(server.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_and_videos_are_shown_from_a_bucket() {
    const BUCKET: &str = "shown-in-chromium";
    let (Some(moto), Some(chromium)) = (s3::shared(), Chromium::start()) else {
        return;
    };
    moto.create_bucket(BUCKET);
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let binary = server::in_directory(directory.path())
        .args(["--blobs", &format!("s3://{BUCKET}")])
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let mut server = binary.start().await;
    Person::sign_up(&Http::new(server.url()), "ben").await;
    let ana = Page::open(&chromium, Screen::Desktop, "bucket", &server.url()).await;
    ana.sign_up("ana", "Ana Oliveira").await;
    ana.find_person("ben", "ben").await;

    let harbour = samples::picture(&ana, files.path(), "The harbour", (800, 500)).await;
    let ferry = samples::video(&ana, files.path()).await;
    ana.attach(&[harbour, ferry]).await;
    ana.await_uploads().await;
    ana.write("From the bucket").await;
    ana.await_painted("From the bucket", 1).await;
    ana.play_video().await;
    let script =
        "return [...document.querySelectorAll('[data-testid=attachments] :is(img, video)')].map(({ src }) => src)";
    let addresses: Vec<String> = serde_json::from_value(ana.ask(script, vec![]).await).unwrap();
    assert!(
        addresses.len() == 2 && addresses.iter().all(|address| address.starts_with(&moto.url())),
        "{addresses:?}"
    );
    // Not refused by the page's policy, which the console would tell.
    ana.assert_console_is_clean().await;
    assert!(server.terminate().await.success());
}
