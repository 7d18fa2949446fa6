//! The order, pages and filters of message search, and its limits to windows of membership.

use std::time::Duration;

use super::Trial;
use super::fixtures::{at, conversation_id, text, user_id};
use super::message_search_fixtures::{carrying, saying, search, under};
use super::steps::{ALL, append, creation};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Message};
use crate::domain::role::Role;
use crate::domain::search::{Found, Hit, Rank, Score, Search};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;

pub async fn whole_words_come_before_beginnings_and_bodies_before_names(trial: Trial) {
    let (ana, id) = (user_id(1), trial.direct(user_id(1), user_id(2)).await);
    let said = [
        ("plan", ""),
        ("", "plan.pdf"),
        ("planet", ""),
        ("", "planet.png"),
        ("planet", "plan.pdf"),
        ("plan", "planet.png"),
        ("other", "words.txt"),
    ];
    for (n, (body, name)) in (1..).zip(said) {
        trial.store(carrying(text(id, n, ana), body, name)).await;
    }
    let scores = [Score::BodyWord, Score::NameWord, Score::BodyStart, Score::NameStart];
    let expected = [(6, 0), (1, 0), (5, 1), (2, 1), (3, 2), (4, 3)].map(|(seq, score)| (seq, scores[score]));
    assert_eq!(trial.scored(id, "plan").await, expected);
    assert_eq!(trial.scored(id, "plan ").await, expected[..4]);

    // The term with the worst match decides the score.
    trial
        .store(carrying(text(id, 8, ana), "budget plan", "planet.png"))
        .await;
    trial.store(carrying(text(id, 9, ana), "budget", "plan.pdf")).await;
    trial.store(carrying(text(id, 10, ana), "planets", "budget.pdf")).await;
    trial.store(carrying(text(id, 11, ana), "budget", "planets.pdf")).await;
    let expected = [(8, 0), (9, 1), (10, 2), (11, 3)].map(|(seq, score)| (seq, scores[score]));
    assert_eq!(trial.scored(id, "budget plan").await, expected);
    assert_eq!(trial.scored(id, "budget plan ").await, expected[..2]);
}

pub async fn of_equal_scores_the_later_message_comes_first(trial: Trial) {
    let (ana, ben, cem) = (user_id(1), user_id(2), user_id(3));
    let (one, other) = (trial.direct(ana, ben).await, trial.direct(ana, cem).await);
    let (low, high) = (one.min(other), one.max(other));
    // Two messages have the same time, in one conversation and in two.
    let sent = [(low, 30), (low, 50), (high, 10), (high, 30), (low, 50), (high, 60)];
    for (n, (id, millis)) in (1..).zip(sent) {
        let message = Message {
            sent_at: at(millis),
            content: Content::Text("same words".to_owned()),
            ..text(id, n, ana)
        };
        trial.store(append(message, Seq::ZERO)).await;
    }
    let expected = [(high, 3), (low, 3), (low, 2), (high, 2), (low, 1), (high, 1)];
    let hits = trial.hits(search("same words ", &[(one, ALL), (other, ALL)])).await;
    let found: Vec<_> = hits
        .iter()
        .map(|hit| (hit.message.conversation_id, hit.message.seq.0))
        .collect();
    assert_eq!(found, expected);
}

pub async fn pages_lead_to_the_last_hit_without_repetitions(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let group = trial.group(1, &[ana, ben]).await;
    let pair = trial.direct(ana, ben).await;
    let bodies = ["tea", "tea time", "teapot", "steam", "my teacup", "no"];
    for n in 0..60_u64 {
        let (id, fence) = if n % 3 == 0 { (pair, Seq::ZERO) } else { (group, Seq(1)) };
        let message = Message {
            // Many messages have the same time.
            sent_at: at(i64::try_from(n / 7).expect("it is small")),
            ..text(id, 100 + n, ana)
        };
        let place = usize::try_from(n).expect("it is small");
        let name = if n % 11 == 0 { "tea.txt" } else { "" };
        trial
            .store(under(carrying(message, bodies[place % bodies.len()], name), fence))
            .await;
    }
    for words in ["tea", "tea ", "te", "my tea"] {
        let everything = search(words, &[(group, ALL), (pair, ALL)]);
        let all = trial.hits(everything.clone()).await;
        assert!(all.is_sorted_by(|a, b| a.rank() > b.rank()), "{words}");
        for limit in [1, 7, all.len(), all.len() + 1] {
            let mut found: Vec<Hit> = Vec::new();
            loop {
                let past = found.last().map(Hit::rank);
                let page = trial
                    .hits(Search {
                        past,
                        limit,
                        ..everything.clone()
                    })
                    .await;
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(found, all, "{words} by {limit}");
        }
        assert!(all.len() >= 10, "{words} finds {}", all.len());
    }
    let nothing = Search {
        limit: 0,
        ..search("tea", &[(group, ALL)])
    };
    assert_eq!(trial.hits(nothing).await, []);
}

pub async fn a_page_continues_from_a_hit_that_no_longer_exists(trial: Trial) {
    let id = trial.talk(&["tea", "teapot", "tea", "tea"]).await;
    let past = |score, millis, conversation_id, seq| {
        Some(Rank {
            score,
            sent_at: at(millis),
            conversation_id,
            seq: Seq(seq),
        })
    };
    let seen = async |past| {
        let hits = trial
            .hits(Search {
                past,
                ..search("tea", &[(id, ALL)])
            })
            .await;
        hits.iter().map(|hit| hit.message.seq.0).collect::<Vec<_>>()
    };
    let (least, greatest) = (
        ConversationId::from_bytes([0; 16]),
        ConversationId::from_bytes([0xff; 16]),
    );
    assert_eq!(seen(past(Score::BodyWord, 3, least, 9)).await, [1, 2]);
    assert_eq!(seen(past(Score::BodyWord, 3, greatest, 0)).await, [3, 1, 2]);
    assert_eq!(seen(past(Score::NameWord, 9, greatest, 9)).await, [2]);
    assert_eq!(seen(past(Score::BodyStart, 2, id, 3)).await, [2]);
    assert_eq!(seen(past(Score::BodyStart, 2, id, 2)).await, [0; 0]);
    assert_eq!(seen(past(Score::NameStart, 9, greatest, u64::MAX)).await, [0; 0]);
}

pub async fn only_messages_in_the_windows_are_found(trial: Trial) {
    let words: Vec<_> = (1..=20).map(|n| format!("tea number{n}")).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let id = trial.talk(&words).await;
    let window = |(from, to): &(u64, Option<u64>)| Window {
        from: Seq(*from),
        to: to.map(Seq),
    };
    let table: &[&[(u64, Option<u64>)]] = &[
        &[(1, None)],
        &[(5, None)],
        &[(1, Some(1))],
        &[(3, Some(7)), (8, Some(8)), (15, Some(18)), (20, None)],
        &[(20, Some(20))],
        &[(21, None)],
        &[(u64::MAX, None)],
        &[(19, Some(u64::MAX))],
        &[],
    ];
    for windows in table {
        let windows: Vec<_> = windows.iter().map(window).collect();
        let visible = |seq: &u64| windows.iter().any(|window| window.contains(Seq(*seq)));
        let expected: Vec<_> = (1..=20).rev().filter(visible).collect();
        let hits = trial.hits(search("tea", &[(id, &windows[..])])).await;
        let found: Vec<_> = hits.iter().map(|hit| hit.message.seq.0).collect();
        assert_eq!(found, expected, "{windows:?}");
        let rare = trial.hits(search("number7 ", &[(id, &windows[..])])).await;
        assert_eq!(rare.len(), usize::from(expected.contains(&7)), "{windows:?}");
    }
}

pub async fn other_conversations_are_not_searched(trial: Trial) {
    let (ana, ben, cem) = (user_id(1), user_id(2), user_id(3));
    let (mine, theirs) = (trial.direct(ana, ben).await, trial.direct(ben, cem).await);
    let empty = trial.direct(ana, cem).await;
    for n in 1..=3 {
        trial.store(append(saying(mine, n, ana, "tea"), Seq::ZERO)).await;
        trial.store(append(saying(theirs, n, ben, "tea"), Seq::ZERO)).await;
    }
    let unknown = ConversationId::from_bytes([7; 16]);
    let all: &[(ConversationId, &[Window])] = &[(empty, ALL), (mine, ALL), (unknown, ALL)];
    let found = trial.hits(search("tea", all)).await;
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|hit| hit.message.conversation_id == mine));
    for within in [&[][..], &[(empty, ALL)], &[(unknown, ALL)], &[(theirs, &ALL[..0])]] {
        assert_eq!(trial.hits(search("tea", within)).await, []);
    }
}

pub async fn a_returning_member_finds_the_messages_of_all_windows(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.store(append(saying(id, 2, ana, "first tea"), Seq(1))).await;
    trial.tell(id, 3, &[MemberChange::Left(ben)], 1).await;
    trial.store(append(saying(id, 4, ana, "tea without ben"), Seq(3))).await;
    let found = async || {
        let windows = trial.member(id, ben).await.windows;
        let hits = trial.hits(search("tea", &[(id, &windows[..])])).await;
        hits.iter().map(|hit| hit.message.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [2]);
    trial.tell(id, 5, &[MemberChange::Joined(ben, Role::Member)], 3).await;
    trial.store(append(saying(id, 6, ana, "tea again"), Seq(5))).await;
    assert_eq!(found().await, [6, 2]);
    let hidden = trial.message(id, 4).await;
    trial.edit(&hidden, "still tea without ben", Seq(5)).await;
    assert_eq!(found().await, [6, 2]);
}

pub async fn hits_are_filtered_by_sender_and_time(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.direct(ana, ben).await;
    for n in 1..=6 {
        let sender = if n % 2 == 0 { ben } else { ana };
        trial.store(append(saying(id, n, sender, "tea"), Seq::ZERO)).await;
    }
    let seen = async |from: Option<UserId>, after: Option<i64>, before: Option<i64>| {
        let hits = trial.hits(Search {
            from,
            after: after.map(at),
            before: before.map(at),
            ..search("tea", &[(id, ALL)])
        });
        hits.await.iter().map(|hit| hit.message.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(seen(Some(ana), None, None).await, [5, 3, 1]);
    assert_eq!(seen(Some(user_id(3)), None, None).await, [0; 0]);
    assert_eq!(seen(None, Some(2), None).await, [6, 5, 4, 3], "after means later");
    assert_eq!(seen(None, None, Some(2)).await, [1], "before means earlier");
    assert_eq!(seen(None, Some(1), Some(5)).await, [4, 3, 2]);
    assert_eq!(seen(Some(ben), Some(2), Some(6)).await, [4]);
    assert_eq!(seen(None, Some(5), Some(2)).await, [0; 0]);
    let any = |millis| Some(Timestamp::from_millis(millis));
    let whenever = Search {
        after: any(-62_135_596_800_000),
        before: any(253_402_300_799_999),
        ..search("tea", &[(id, ALL)])
    };
    assert_eq!(trial.hits(whenever).await.len(), 6);
}

pub async fn hundreds_of_conversations_are_searched_at_once(trial: Trial) {
    let ana = user_id(1);
    let mut within = Vec::new();
    for n in 0..300 {
        let id = trial.direct(ana, user_id(1_000 + n)).await;
        if n % 30 == 0 {
            trial
                .store(append(saying(id, 10_000 + n, ana, "one cup of tea"), Seq::ZERO))
                .await;
        }
        within.push((id, ALL));
    }
    let found = trial.hits(search("cup te", &within)).await;
    assert_eq!(found.len(), 10);
    assert!(found.is_sorted_by(|a, b| a.message.sent_at > b.message.sent_at));
}

pub async fn a_member_of_hundreds_of_groups_finds_what_they_may_see(trial: Trial) {
    let ana = user_id(1);
    // As many as fit into one search with its limit.
    let windows: Vec<_> = (1..=560).map(|n| (conversation_id(n), joined_late(n))).collect();
    let mut changes: Vec<_> = (1..=560).map(|n| creation(n, &[ana])).collect();
    for (n, (id, _)) in (1..).zip(&windows) {
        changes.extend((2..=4).map(|seq| append(saying(*id, 10 * n + seq, ana, "tea"), Seq(1))));
    }
    trial.commit(changes).await;
    let within: Vec<_> = windows.iter().map(|(id, windows)| (*id, &windows[..])).collect();
    let mut found: Vec<_> = trial
        .hits(search("tea", &within))
        .await
        .into_iter()
        .map(|hit| (hit.message.conversation_id, hit.message.seq))
        .collect();
    found.sort_unstable();
    let mut expected = Vec::new();
    for (id, windows) in &windows {
        let seen = (2..=4)
            .map(Seq)
            .filter(|seq| windows.iter().any(|window| window.contains(*seq)));
        expected.extend(seen.map(|seq| (*id, seq)));
    }
    expected.sort_unstable();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "others are found");
}

/// Returns the windows in the n-th group of a user who has seen another part of each.
fn joined_late(n: u64) -> Vec<Window> {
    let window = |from, to: Option<u64>| Window {
        from: Seq(from),
        to: to.map(Seq),
    };
    match n % 4 {
        0 => vec![window(1, None)],
        1 => vec![window(4, None)],
        2 => vec![window(1, Some(2)), window(4, None)],
        _ => vec![window(3, Some(3))],
    }
}

pub async fn a_search_whose_time_is_up_is_partial(trial: Trial) {
    let id = trial.talk(&["tea", "more tea"]).await;
    let search = Search {
        budget: Duration::ZERO,
        ..search("tea", &[(id, ALL)])
    };
    let found = trial.messages().search(search.clone()).await.expect("it is no failure");
    assert!(found.partial);
    let nowhere = Search {
        within: Vec::new(),
        ..search
    };
    let found = trial.messages().search(nowhere).await.expect("it is no failure");
    assert_eq!(found, Found::default(), "nothing is left to look at");
    assert_eq!(trial.seen(id, "tea").await, [2, 1], "the next one has its own time");
}
