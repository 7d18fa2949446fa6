//! Forms that were damaged on their way: each is answered, and none but those that are taken leaves anything.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::{GIF, ID, World};

/// Number of forms.
const CASES: usize = 150;

/// Makes a form with some stretches cut out, repeated, overwritten or swapped for what forms are made of.
fn forms() -> impl Strategy<Value = Vec<u8>> {
    let damage = (0..6_u8, any::<Index>(), 1..40_usize, any::<[u8; 3]>());
    prop::collection::vec(damage, 1..5).prop_map(|damages| {
        let mut form = crate::form(&[
            ("name=id", ID.as_bytes()),
            ("name=waveform", b"[1,2,3]"),
            ("name=preview; filename=page.gif", GIF),
            ("name=file; filename=a.txt", b"some words of a file, and no more"),
        ]);
        for (kind, at, length, random) in damages {
            if form.is_empty() {
                break;
            }
            let at = at.index(form.len());
            let end = (at + length).min(form.len());
            match kind {
                0 => form[at] ^= 1 << (random[0] % 8),
                1 => form.drain(at..end).for_each(drop),
                2 => form.truncate(at),
                3 => {
                    let part = form[at..end].to_vec();
                    form.splice(at..at, part).for_each(drop);
                }
                4 => {
                    let parts: [&[u8]; 5] = [
                        b"\r\n",
                        b"\r\n---edge-",
                        b"--",
                        b"\r\n\r\n",
                        b"; name=file; filename=\"\\\"x",
                    ];
                    let part = parts[usize::from(random[0]) % parts.len()];
                    form.splice(at..end, part.iter().copied()).for_each(drop);
                }
                _ => form.splice(at..end, random).for_each(drop),
            }
        }
        form
    })
}

#[tokio::test]
async fn a_damaged_form_is_answered_and_leaves_nothing() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let mut runner = TestRunner::default();
    let mut refused = 0;
    for _ in 0..CASES {
        let form = forms().new_tree(&mut runner).unwrap().current();
        let shown = String::from_utf8_lossy(&form).into_owned();
        let request = world.ask("POST /v1/media").by(&ana);
        let request = request.header("content-type", "multipart/form-data; boundary=-edge-");
        let answer = request.send(&form).await;
        match answer.status() {
            200 | 201 => {
                let delete = format!("DELETE /v1/media/{}", answer.text("id"));
                world.ask(&delete).by(&ana).send("").await.expect(204);
            }
            400 | 413 | 415 | 422 => {
                let problem = answer.value();
                assert!(
                    problem["detail"].is_string() || problem["errors"].is_array(),
                    "{problem}\n{shown}"
                );
                refused += 1;
            }
            status => panic!("{status} to {shown}"),
        }
    }
    assert!(refused > CASES / 4, "they were damaged: {refused}");
    world.nothing_is_kept().await;
    world.upload(&ana, "a.txt", "some words").await;
}
