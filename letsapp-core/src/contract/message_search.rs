//! Searching messages by their words: which queries match, also after edits and deletions.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{deleted, edited, text, user_id};
use super::message_search_fixtures::{carrying, saying, search, under};
use super::steps::{ALL, append, revise};
use crate::domain::emoji::Emoji;
use crate::domain::id::{Rev, Seq};
use crate::domain::message::{Message, Reaction};
use crate::ports::{Change, TermsChange};

pub async fn every_term_must_match(trial: Trial) {
    let id = trial
        .talk(&["red apple", "red pear", "apple, red apple!", "green apple"])
        .await;
    assert_eq!(trial.seen(id, "red apple ").await, [3, 1]);
    assert_eq!(trial.seen(id, "apple red ").await, [3, 1], "in any order");
    assert_eq!(trial.seen(id, "RED ").await, [3, 2, 1]);
    assert_eq!(trial.seen(id, "red apple pear ").await, [0; 0]);
    assert_eq!(
        trial.seen(id, "ed ").await,
        [0; 0],
        "words are found from their beginning"
    );
    assert_eq!(trial.seen(id, "?!").await, [0; 0], "nothing finds nothing");
}

pub async fn only_an_unfinished_last_word_finds_longer_ones(trial: Trial) {
    let id = trial.talk(&["tea", "team", "teams at tea", "steam", "te am"]).await;
    assert_eq!(trial.seen(id, "tea").await, [3, 1, 2]);
    assert_eq!(trial.seen(id, "tea ").await, [3, 1]);
    assert_eq!(trial.seen(id, "team").await, [2, 3]);
    assert_eq!(trial.seen(id, "te at ").await, [0; 0]);
    assert_eq!(trial.seen(id, "at te").await, [3]);
}

pub async fn every_script_and_emoji_is_found(trial: Trial) {
    let said = [
        "東京都に行く",
        "京都の東",
        "한국어를 공부했다",
        "Zoë fährt nach Łódź",
        "ok 👍🏽 good",
        "ok 👍 good",
        "I ❤️ it",
        "👨‍👩‍👧 at home",
        "ที่นี่",
        "Привет, ёлка",
    ];
    let id = trial.talk(&said).await;
    let table: &[(&str, &[u64])] = &[
        ("東京", &[1]),
        ("京都", &[2, 1]),
        ("都", &[2, 1]),
        ("東京都に", &[1]),
        ("한국", &[3]),
        ("zoe lodz", &[4]),
        ("👍", &[6, 5]),
        ("👍🏽", &[5]),
        ("👍🏿", &[]),
        ("❤", &[7]),
        ("❤\u{FE0F} it", &[7]),
        ("👨‍👩‍👧", &[8]),
        ("นี่", &[9]),
        ("ЕЛКА", &[10]),
    ];
    for (query, expected) in table {
        assert_eq!(trial.seen(id, query).await, *expected, "{query}");
    }
}

pub async fn operators_of_any_store_are_words(trial: Trial) {
    let id = trial
        .talk(&[
            "cats not dogs",
            "cats dogs",
            "near cats",
            "body: cats",
            "$where cats",
            "t6869 c*",
        ])
        .await;
    let table: &[(&str, &[u64])] = &[
        ("cats NOT dogs ", &[1]),
        ("cats -dogs ", &[2, 1]),
        ("cats OR near ", &[]),
        ("NEAR(cats, 2) ", &[]),
        ("NEAR(cats) ", &[3]),
        ("body:cats ", &[4]),
        ("{body} : cats ", &[4]),
        ("\"cats dogs\" ", &[2, 1]),
        ("\"dogs", &[2, 1]),
        ("^cats", &[5, 4, 3, 2, 1]),
        ("c* ", &[6]),
        ("t6869", &[6]),
        ("$where", &[5]),
        ("{\"$ne\": 1}", &[]),
        (".* ", &[]),
        ("'; DROP TABLE messages; --", &[]),
        ("cats\0dogs ", &[2, 1]),
        ("cats\ndogs\\", &[2, 1]),
        ("((((", &[]),
    ];
    for (query, expected) in table {
        assert_eq!(trial.seen(id, query).await, *expected, "{query:?}");
    }
}

pub async fn an_edited_message_is_found_by_its_present_words(trial: Trial) {
    let (ana, id) = (user_id(1), trial.direct(user_id(1), user_id(2)).await);
    let message = trial.store(append(saying(id, 1, ana, "tea at noon"), Seq::ZERO)).await;
    let message = trial.edit(&message, "coffee at noon", Seq::ZERO).await;
    assert_eq!(trial.seen(id, "tea").await, [0; 0]);
    assert_eq!(trial.seen(id, "coffee noon").await, [1]);
    let hits = trial.hits(search("coffee", &[(id, ALL)])).await;
    assert_eq!(hits[0].message, message, "in its present state");

    let reaction = Reaction {
        user_id: ana,
        emoji: Emoji::from_stored("👍"),
    };
    let change = Change::Revise {
        message: Arc::new(Message {
            reactions: vec![reaction],
            ..message
        }),
        terms: TermsChange::Keep,
        fence: Seq::ZERO,
    };
    let message = trial.store(change).await;
    assert_eq!(trial.seen(id, "coffee").await, [1], "a reaction changes no words");

    let outdated = revise(
        edited(
            &Message {
                rev: Rev(1),
                ..message.clone()
            },
            "late",
            9,
        ),
        Seq::ZERO,
    );
    trial.commit_one(outdated).await;
    assert_eq!(trial.seen(id, "late").await, [0; 0], "what was not done is not found");
    let again = trial.edit(&message, "…", Seq::ZERO).await;
    assert_eq!(trial.seen(id, "coffee").await, [0; 0]);
    trial.edit(&again, "tea after all", Seq::ZERO).await;
    assert_eq!(trial.seen(id, "tea").await, [1]);
}

pub async fn deleted_and_system_messages_are_not_found(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let message = trial
        .store(under(carrying(text(id, 2, ana), "tea", "tea.txt"), Seq(1)))
        .await;
    trial.store(append(saying(id, 3, ben, "tea too"), Seq(1))).await;
    assert_eq!(trial.seen(id, "tea").await, [3, 2]);
    trial.store(revise(deleted(&message, 9), Seq(1))).await;
    assert_eq!(trial.seen(id, "tea").await, [3]);
    assert_eq!(trial.seen(id, "t").await, [3]);
    for words in ["group", "Group 1", "members", "created"] {
        assert_eq!(trial.seen(id, words).await, [0; 0], "{words}");
    }
}

pub async fn committed_messages_are_found_at_once_and_after_a_restart(mut trial: Trial) {
    let id = trial.talk(&["tea", "more tea"]).await;
    let another = trial.another().await;
    let message = trial
        .store(append(saying(id, 3, user_id(1), "tea for three"), Seq::ZERO))
        .await;
    assert_eq!(another.seen(id, "tea").await, [3, 2, 1]);
    another.store(revise(deleted(&message, 9), Seq::ZERO)).await;
    assert_eq!(trial.seen(id, "tea").await, [2, 1]);
    another.store.close().await;
    trial.restart().await;
    assert_eq!(trial.seen(id, "tea").await, [2, 1]);
}

pub async fn words_of_any_length_and_number_are_found(trial: Trial) {
    let long = "a".repeat(100);
    let many: Vec<_> = (0..4_000).map(|n| format!("w{n}")).collect();
    let everything = format!("{} {long} end", many.join(" "));
    let id = trial
        .talk(&[&long, &everything, &"東".repeat(4_000), &"tea ".repeat(4_000)])
        .await;
    assert_eq!(trial.seen(id, &long).await, [2, 1], "what is cut is cut on both sides");
    assert_eq!(trial.seen(id, "end w3999 w0 ").await, [2]);
    let sixteen = many[..20].join(" ");
    assert_eq!(trial.seen(id, &sixteen).await, [2]);
    assert_eq!(trial.seen(id, "東東東").await, [3]);
    assert_eq!(trial.seen(id, "tea").await, [4], "found once, however often it says so");
}
