//! Tests of the browser that the crate starts.

use std::io::{Read, Write};
use std::net::TcpListener;

use letsapp_testkit::chromium::{Chromium, ColorScheme, Screen};

const PAGE: &str = "data:text/html,<title>A page</title><script>console.error('out of order')</script>";

#[tokio::test]
async fn two_windows_are_two_people() {
    let Some(chromium) = Chromium::start() else { return };
    let (alice, bob) = (
        chromium.window(Screen::Desktop).await,
        chromium.window(Screen::Desktop).await,
    );
    let page = serve_empty_pages();
    alice.goto(&page).await.unwrap();
    bob.goto(&page).await.unwrap();
    alice
        .execute("localStorage.setItem('who', 'alice')", vec![])
        .await
        .unwrap();
    let script = "return localStorage.getItem('who')";
    assert_eq!(alice.execute(script, vec![]).await.unwrap(), "alice");
    assert!(bob.execute(script, vec![]).await.unwrap().is_null());
}

#[tokio::test]
async fn a_phone_is_narrow_and_may_be_dark() {
    let Some(chromium) = Chromium::start() else { return };
    let phone = chromium.window(Screen::Phone).await;
    phone.prefer(ColorScheme::Dark).await;
    phone
        .goto("data:text/html,<meta name=viewport content='width=device-width'>")
        .await
        .unwrap();
    let script = "return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]";
    let seen = phone.execute(script, vec![]).await.unwrap();
    assert_eq!(seen.to_string(), "[390,true]");
}

#[tokio::test]
async fn the_console_and_a_screenshot_can_be_read() {
    let Some(chromium) = Chromium::start() else { return };
    let window = chromium.window(Screen::Desktop).await;
    window.goto(PAGE).await.unwrap();
    let console = window.console().await;
    assert!(
        console
            .iter()
            .any(|line| line.starts_with("SEVERE") && line.contains("out of order")),
        "{console:?}"
    );

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pictures/page.png");
    window.save_screenshot(&file).await;
    assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));
}

/// Serves empty pages, which have local storage, unlike `data:` URLs.
fn serve_empty_pages() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let page = format!("http://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A thread for each, since Chromium opens spare connections that it sends nothing on.
            std::thread::spawn(move || {
                // An unread request would turn the end of the connection into a reset.
                let _ = connection.read(&mut [0; 8192]);
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            });
        }
    });
    page
}
