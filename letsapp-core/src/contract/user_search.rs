//! Searching users by the beginnings of their usernames and display names.

use super::Trial;
use super::fixtures::{display_name, user, user_id};
use crate::domain::user::{ProfilePatch, User, Username};

pub async fn search_finds_beginnings_of_usernames_and_of_folded_names(trial: Trial) {
    let named = |n, name: &str, shown: &str| User {
        display_name: display_name(shown),
        ..user(n, name)
    };
    trial.sign_up(&named(1, "muller77", "Somebody")).await;
    trial.sign_up(&named(2, "eve", "Müller, Eve")).await;
    trial.sign_up(&named(3, "mulligan", "Mulligan")).await;
    trial.sign_up(&named(4, "ben", "Ben Müller")).await;
    trial.sign_up(&named(5, "emu", "Emu 🦤")).await;
    assert_eq!(trial.found("mull").await, ["eve", "muller77", "mulligan"]);
    assert_eq!(trial.found("muller").await, ["eve", "muller77"]);
    assert_eq!(trial.found("ben m").await, ["ben"]);
    assert_eq!(trial.found("eve").await, ["eve"]);
    assert_eq!(trial.found("emu 🦤").await, ["emu"]);
    assert_eq!(trial.found("ller").await, [""; 0]);
    assert_eq!(trial.found("zoe").await, [""; 0]);
}

pub async fn search_goes_on_to_the_last_page(trial: Trial) {
    // Some match by the username, some by the display name, and some by both; each is found once.
    let mut expected = Vec::new();
    for n in 0..25 {
        let found = match n % 3 {
            0 => user(n, &format!("page{}", 97 - n)),
            1 => User {
                display_name: display_name("Page"),
                ..user(n, &format!("user{}", 97 - n))
            },
            _ => User {
                display_name: display_name("Pages"),
                ..user(n, &format!("page.{}", 97 - n))
            },
        };
        trial.sign_up(&found).await;
        trial.sign_up(&user(100 + n, &format!("other{n}"))).await;
        expected.push(found.username.as_str().to_owned());
    }
    expected.sort();
    for limit in [1, 7, 25, 26] {
        let mut found: Vec<Username> = Vec::new();
        loop {
            let page = trial.users().search("page", found.last(), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|user| user.username));
        }
        assert_eq!(
            found.iter().map(Username::as_str).collect::<Vec<_>>(),
            expected,
            "by {limit}"
        );
    }
}

pub async fn search_goes_by_the_present_name(trial: Trial) {
    trial.sign_up(&user(1, "ana")).await;
    let rename = ProfilePatch {
        display_name: Some(display_name("Zoë")),
        ..ProfilePatch::default()
    };
    trial.users().update(user_id(1), rename).await.unwrap();
    assert_eq!(trial.found("zoe").await, ["ana"]);
    let rename = ProfilePatch {
        display_name: Some(display_name("Bea")),
        ..ProfilePatch::default()
    };
    trial.users().update(user_id(1), rename).await.unwrap();
    assert_eq!(trial.found("zoe").await, [""; 0]);
    assert_eq!(trial.found("bea").await, ["ana"]);
    assert_eq!(trial.found("ana").await, ["ana"], "the username stays");
}

pub async fn search_treats_no_character_as_a_wildcard(trial: Trial) {
    for (n, name) in (1..).zip(["a_b", "a.b", "axb", "a__", "abc"]) {
        trial.sign_up(&user(n, name)).await;
    }
    for (n, shown) in (11..).zip([
        "100% sure",
        "100 percent",
        "\\d+",
        "[a-z]",
        "\"quoted\"",
        "it's",
        "$where",
        "^a",
    ]) {
        let user = User {
            display_name: display_name(shown),
            ..user(n, &format!("zz{n}"))
        };
        trial.sign_up(&user).await;
    }
    assert_eq!(trial.found("a_").await, ["a__", "a_b"]);
    assert_eq!(trial.found("a.").await, ["a.b"]);
    assert_eq!(trial.found("100%").await, ["zz11"]);
    assert_eq!(trial.found("100").await, ["zz11", "zz12"]);
    assert_eq!(trial.found("\\d").await, ["zz13"]);
    assert_eq!(trial.found("[a").await, ["zz14"]);
    assert_eq!(trial.found("\"quo").await, ["zz15"]);
    assert_eq!(trial.found("it'").await, ["zz16"]);
    assert_eq!(trial.found("$whe").await, ["zz17"]);
    assert_eq!(trial.found("^").await, ["zz18"]);
    for nothing in [
        "%",
        "_",
        ".",
        "a%",
        "a*",
        "(a",
        "a\0",
        "\0",
        "\u{10ffff}",
        "A_",
        &"a".repeat(10_000),
    ] {
        assert_eq!(trial.found(nothing).await, [""; 0], "{nothing:?}");
    }
}

impl Trial {
    /// Returns the usernames that a search finds.
    pub(super) async fn found(&self, prefix: &str) -> Vec<String> {
        let found = self.users().search(prefix, None, 100).await.unwrap();
        found.into_iter().map(|user| user.username.into_string()).collect()
    }
}
