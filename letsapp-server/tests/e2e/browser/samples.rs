//! Files to send: pictures and a video that the browser itself makes, and a large text.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::page::Page;

/// Script that draws a picture of a size, with a place named on it, and returns its bytes in Base64. Each name has other
/// colours.
const PICTURE: &str = "
    const [place, width, height] = arguments;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext('2d');
    const hue = [...place].reduce((sum, letter) => sum + 37 * letter.charCodeAt(0), 0) % 360;
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, `hsl(${hue} 70% 72%)`);
    sky.addColorStop(0.62, `hsl(${(hue + 40) % 360} 80% 84%)`);
    sky.addColorStop(0.63, `hsl(${(hue + 190) % 360} 45% 38%)`);
    sky.addColorStop(1, `hsl(${(hue + 200) % 360} 55% 22%)`);
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = 'rgb(255 250 235)';
    pen.beginPath();
    pen.arc(width * 0.3, height * 0.35, Math.min(width, height) * 0.12, 0, 7);
    pen.fill();
    pen.font = `600 ${Math.round(height / 8)}px serif`;
    pen.fillText(place, width * 0.07, height * 0.9);
    const [, bytes] = canvas.toDataURL('image/jpeg', 0.9).split(',');
    return bytes;";

/// Script that records a canvas for a second and a half, and returns the video's bytes in Base64.
const VIDEO: &str = "
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 320, height: 240 });
    const pen = canvas.getContext('2d');
    const chunks = [];
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm;codecs=vp8' });
    recorder.ondataavailable = ({ data }) => chunks.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let frame = 0; frame < 40; frame++) {
        pen.fillStyle = `hsl(${frame * 5} 60% 45%)`;
        pen.fillRect(0, 0, 320, 240);
        pen.fillStyle = 'white';
        pen.fillRect(frame * 7, 90, 60, 60);
        await new Promise((resolve) => setTimeout(resolve, 40));
    }
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));";

/// Writes a picture of a place into a directory.
pub(super) async fn picture(page: &Page, directory: &Path, place: &str, (width, height): (u32, u32)) -> PathBuf {
    let bytes = page.ask(PICTURE, vec![json!(place), json!(width), json!(height)]).await;
    write(directory, &format!("{place}.jpg"), &decoded(&bytes))
}

/// Writes a video of a second and a half into a directory.
pub(super) async fn video(page: &Page, directory: &Path) -> PathBuf {
    let bytes = page.ask(&format!("return (async () => {{{VIDEO}}})()"), vec![]).await;
    write(directory, "Ferry.webm", &decoded(&bytes))
}

/// Writes a text of about this size into a directory. Its lines differ, so that no part of it is like another.
pub(super) fn text(directory: &Path, name: &str, size: usize) -> PathBuf {
    let mut text = String::with_capacity(size + 64);
    for line in 0.. {
        if text.len() >= size {
            break;
        }
        text.push_str(&format!("{line};Porto São Bento;{};é\n", line * 7 % 60));
    }
    write(directory, name, text.as_bytes())
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn decoded(bytes: &Value) -> Vec<u8> {
    STANDARD
        .decode(bytes.as_str().expect("the script returns text"))
        .unwrap()
}
