//! Searching users by the beginnings of their usernames and display names.

use super::Trial;
use super::fixtures::{at, display_name, password, user, user_id};
use crate::domain::user::{NamePosition, ProfilePatch, User};

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
    let mut expected: Vec<NamePosition> = Vec::new();
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
        expected.extend(NamePosition::of(&found, "page"));
    }
    expected.sort();
    for limit in [1, 7, 25, 26] {
        assert_eq!(trial.paged("page", limit).await, expected, "by {limit}");
    }
}

pub async fn search_lists_each_user_once_by_the_first_name_found(trial: Trial) {
    let all = [
        ("an", "zoe.a", "An"),
        ("an a", "ana.an", "An A"),
        ("ana", "aaaa", "Ana"),
        ("ana", "ana", "Anabel"),
        ("ana", "ana2", "Ana"),
        ("ana", "zoe.b", "Ana"),
        ("ana.b", "ana.b", "Ana.b"),
        ("ana3", "ana3", "Zoe"),
        ("anna", "anna", "Anna Z"),
        ("annb", "zoe.c", "Annb"),
    ];
    for (n, (_, username, shown)) in (1..).zip(all) {
        let user = User {
            display_name: display_name(shown),
            ..user(n, username)
        };
        trial.sign_up(&user).await;
    }
    trial.sign_up(&user(50, "anb")).await;
    assert!(trial.users().erase(user_id(50), &password("anb"), at(1)).await.unwrap());
    let expected = all.map(|(name, username, _)| NamePosition {
        name: name.to_owned(),
        username: username.to_owned(),
    });
    for limit in [1, 2, 3, 10, 11] {
        assert_eq!(trial.paged("an", limit).await, expected, "by {limit}");
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
    assert_eq!(trial.found("100").await, ["zz12", "zz11"]);
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
    /// Returns the positions of all users that a search finds, read page by page.
    async fn paged(&self, prefix: &str, limit: usize) -> Vec<NamePosition> {
        let mut found: Vec<NamePosition> = Vec::new();
        loop {
            let page = self.users().search(prefix, found.last(), limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                return found;
            }
            found.extend(
                page.iter()
                    .map(|user| NamePosition::of(user, prefix).expect("it was found")),
            );
        }
    }

    /// Returns the usernames that a search finds.
    pub(super) async fn found(&self, prefix: &str) -> Vec<String> {
        let found = self.users().search(prefix, None, 100).await.unwrap();
        found.into_iter().map(|user| user.username.into_string()).collect()
    }
}
