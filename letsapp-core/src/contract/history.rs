//! Reading messages: history, changes and counts, through windows with gaps and to the last page.

use std::collections::BTreeSet;

use super::Trial;
use super::fixtures::{call, conversation_id, deleted, message_id, text, user_id};
use super::steps::{ALL, append, revise, revs, seqs, update_group};
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::member::MemberChange;
use crate::domain::message::Message;
use crate::domain::role::Role;
use crate::domain::window::{Span, Window};
use crate::ports::Range;

/// Windows of members who joined and left a conversation of a hundred messages.
const WINDOWS: [&[(u64, Option<u64>)]; 6] = [
    &[(1, None)],
    &[(1, Some(1))],
    &[(40, None)],
    &[(3, Some(17)), (18, Some(18)), (60, Some(75)), (99, None)],
    &[(50, Some(50)), (100, Some(100))],
    &[],
];

pub async fn history_is_paged_from_the_newest_to_the_first(trial: Trial) {
    let id = trial.long_conversation().await;
    for windows in WINDOWS.map(to_windows) {
        let mut expected = visible(&windows);
        expected.reverse();
        for limit in [1, 7, 50, 100, 101] {
            let mut found = Vec::new();
            let mut range = Range::Newest;
            loop {
                let page = trial.messages().history(id, &windows, range, limit).await.unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                range = Range::Before(last.seq);
                found.extend(seqs(&page));
            }
            assert_eq!(found, expected, "{windows:?} by {limit}");
        }
    }
}

pub async fn history_is_paged_from_the_first_to_the_newest(trial: Trial) {
    let id = trial.long_conversation().await;
    for windows in WINDOWS.map(to_windows) {
        for limit in [1, 7, 50, 100, 101] {
            let mut found = Vec::new();
            let mut after = Seq::ZERO;
            loop {
                let page = trial
                    .messages()
                    .history(id, &windows, Range::After(after), limit)
                    .await
                    .unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = last.seq;
                found.extend(seqs(&page));
            }
            assert_eq!(found, visible(&windows), "{windows:?} by {limit}");
        }
    }
}

pub async fn history_starts_anywhere(trial: Trial) {
    let id = trial.long_conversation().await;
    let history = async |windows: &[Window], range, limit| {
        seqs(&trial.messages().history(id, windows, range, limit).await.unwrap())
    };
    for windows in WINDOWS.map(to_windows) {
        let all = visible(&windows);
        for place in [0, 1, 2, 17, 18, 19, 50, 60, 61, 76, 99, 100, 101, 1_000] {
            let older: Vec<_> = all.iter().rev().copied().filter(|seq| *seq < place).take(5).collect();
            let newer: Vec<_> = all.iter().copied().filter(|seq| *seq > place).take(5).collect();
            assert_eq!(
                history(&windows, Range::Before(Seq(place)), 5).await,
                older,
                "{windows:?} before {place}"
            );
            assert_eq!(
                history(&windows, Range::After(Seq(place)), 5).await,
                newer,
                "{windows:?} after {place}"
            );
        }
        assert_eq!(history(&windows, Range::Newest, 0).await, [0; 0]);
    }
}

pub async fn history_between_two_messages_is_paged_from_the_older_to_the_newer(trial: Trial) {
    let id = trial.long_conversation().await;
    let bounds = [
        (0, 0),
        (0, 1),
        (0, 101),
        (1, 5),
        (17, 18),
        (17, 61),
        (50, 49),
        (98, 1_000),
        (u64::MAX, u64::MAX),
    ];
    for windows in WINDOWS.map(to_windows) {
        for (after, before) in bounds {
            let mut expected = visible(&windows);
            expected.retain(|seq| *seq > after && *seq < before);
            for limit in [1, 7, 100] {
                let (mut found, mut last) = (Vec::new(), Seq(after));
                loop {
                    let (after, before) = (last, Seq(before));
                    let range = Range::Between { after, before };
                    let page = trial.messages().history(id, &windows, range, limit).await.unwrap();
                    assert!(page.len() <= limit);
                    let Some(newest) = page.last() else { break };
                    last = newest.seq;
                    found.extend(seqs(&page));
                }
                assert_eq!(found, expected, "{windows:?} between {after} and {before} by {limit}");
            }
        }
    }
}

pub async fn changes_come_once_each_in_order_of_rev(trial: Trial) {
    let id = trial.long_conversation().await;
    for windows in WINDOWS.map(to_windows) {
        let visible: BTreeSet<_> = visible(&windows).into_iter().collect();
        let mut expected = trial.everything(id).await;
        expected.retain(|message| visible.contains(&message.seq.0));
        expected.sort_by_key(|message| message.rev);
        for limit in [1, 7, 100, 101] {
            let mut found: Vec<Message> = Vec::new();
            loop {
                let after = found.last().map_or(Rev::ZERO, |message| message.rev);
                let page = trial.messages().changes(id, &windows, after, limit).await.unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(revs(&found), revs(&expected), "{windows:?} by {limit}");
            assert_eq!(found, expected);
        }
    }
}

pub async fn changes_begin_after_the_given_rev(trial: Trial) {
    let id = trial.long_conversation().await;
    let all = trial.changes(id, 0).await;
    let head = trial.head(id).await.rev.0;
    assert!(
        all.len() < usize::try_from(head).unwrap(),
        "some have changed more than once"
    );
    for after in [1, 2, 50, 99, 100, 101, head - 1, head, head + 1] {
        let expected: Vec<_> = all.iter().filter(|message| message.rev.0 > after).cloned().collect();
        assert_eq!(trial.changes(id, after).await, expected, "after {after}");
    }
    // A message that changes between two pages comes again on a later page, with its new `rev`.
    let page = trial.messages().changes(id, ALL, Rev::ZERO, 10).await.unwrap();
    trial.edit(&page[3], "once more", trial.head(id).await.fence).await;
    let rest = trial.changes(id, page[9].rev.0).await;
    assert_eq!(rest.len(), all.len() - 10 + 1);
    assert_eq!(
        rest.last().map(|message| (message.seq, message.rev.0)),
        Some((page[3].seq, head + 1))
    );
}

pub async fn changes_in_windows_come_whichever_way_is_short(trial: Trial) {
    let id = trial.long_conversation().await;
    let all = trial.changes(id, 0).await;
    let window = |from, to: Option<u64>| Window {
        from: Seq(from),
        to: to.map(Seq),
    };
    let cases = [
        // Some begin with the message about joining, which is never revised, and some with another one.
        vec![window(1, None)],
        vec![window(95, None)],
        vec![window(85, None)],
        vec![window(17, Some(20))],
        vec![window(3, Some(5))],
        vec![window(3, Some(60)), window(85, None)],
        vec![window(17, Some(17)), window(34, Some(34)), window(99, Some(100))],
        vec![window(101, None)],
        vec![],
    ];
    for windows in cases {
        let seen = |message: &&Message| windows.iter().any(|window| window.contains(message.seq));
        for after in [0, 1, 16, 40, 90, 120, 500] {
            for limit in [0, 1, 3, 1_000] {
                let found = trial.messages().changes(id, &windows, Rev(after), limit).await.unwrap();
                let expected = all.iter().filter(seen).filter(|message| message.rev > Rev(after));
                let expected: Vec<_> = expected.take(limit).cloned().collect();
                assert_eq!(found, expected, "{windows:?} after {after}, {limit} at most");
            }
        }
    }
}

pub async fn unread_counts_skip_system_messages_and_deleted_ones(trial: Trial) {
    let id = trial.long_conversation().await;
    let all = trial.everything(id).await;
    let mut spans = Vec::new();
    let mut expected = Vec::new();
    for after in [0, 1, 2, 16, 33, 34, 50, 98, 99, 100] {
        for through in [0, 1, 2, 3, 17, 33, 50, 51, 99, 100] {
            if after > through {
                continue;
            }
            spans.push(span(id, after, through));
            let counted = |message: &&Message| {
                let seq = message.seq.0;
                after < seq && seq <= through && message.is_from_user() && message.deleted_at.is_none()
            };
            expected.push(all.iter().filter(counted).count() as u64);
        }
    }
    assert_eq!(trial.messages().count_unread(&spans).await.unwrap(), expected);
    assert_eq!(trial.messages().count_unread(&[]).await.unwrap(), [0; 0]);
}

pub async fn unread_counts_come_in_the_order_of_the_spans(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (long, short) = (trial.long_conversation().await, trial.direct(ana, ben).await);
    trial.store(append(text(short, 1, ana), Seq::ZERO)).await;
    let gone = trial.store(append(text(short, 2, ana), Seq::ZERO)).await;
    trial.store(append(text(short, 3, ana), Seq::ZERO)).await;
    let unknown = conversation_id(9);
    let spans = [
        span(short, 0, 3),
        span(unknown, 0, 3),
        span(long, 0, 1),
        span(short, 0, 3),
        span(short, 1, 2),
    ];
    assert_eq!(trial.messages().count_unread(&spans).await.unwrap(), [3, 0, 0, 3, 1]);
    trial.store(revise(deleted(&gone, 9), Seq::ZERO)).await;
    assert_eq!(trial.messages().count_unread(&spans).await.unwrap(), [2, 0, 0, 2, 0]);
}

pub async fn unread_counts_follow_deletions_and_nothing_else(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let mut messages = Vec::new();
    for n in 1..=5 {
        messages.push(trial.store(append(text(id, n, ana), Seq::ZERO)).await);
    }
    let unread = async || trial.messages().count_unread(&[span(id, 1, 4)]).await.unwrap();
    assert_eq!(unread().await, [3]);
    let third = trial.edit(&messages[2], "edited", Seq::ZERO).await;
    assert_eq!(unread().await, [3]);
    let third = trial.store(revise(deleted(&third, 9), Seq::ZERO)).await;
    assert_eq!(unread().await, [2]);
    // A deleted message that changes once more is not subtracted twice.
    trial.store(revise(deleted(&third, 10), Seq::ZERO)).await;
    assert_eq!(unread().await, [2]);
    for outside in [&messages[0], &messages[4]] {
        trial.store(revise(deleted(outside, 11), Seq::ZERO)).await;
        assert_eq!(unread().await, [2]);
    }
    trial.store(revise(deleted(&messages[3], 12), Seq::ZERO)).await;
    assert_eq!(unread().await, [1]);
}

pub async fn messages_are_found_by_place_and_by_id(trial: Trial) {
    let id = trial.long_conversation().await;
    let pair = trial.direct(user_id(1), user_id(2)).await;
    let only = trial.store(append(text(pair, 7, user_id(2)), Seq::ZERO)).await;
    let wanted = [
        (id, Seq(100)),
        (pair, Seq(1)),
        (pair, Seq(2)),
        (id, Seq(0)),
        (id, Seq(101)),
        (id, Seq(3)),
    ];
    let mut found = trial.messages().find(&wanted).await.unwrap();
    found.sort_by_key(|message| (message.conversation_id == pair, message.seq));
    assert_eq!(seqs(&found), [3, 100, 1]);
    assert_eq!(found[2], only);
    let all = trial.everything(id).await;
    assert_eq!(found[..2], [all[2].clone(), all[99].clone()]);
    for message in &all {
        assert_eq!(trial.message_by_id(id, message.id).await.as_ref(), Some(message));
    }
    assert_eq!(trial.message_by_id(id, message_id(5_000)).await, None);
    assert_eq!(trial.messages().find(&[]).await.unwrap(), []);
    let hundred: Vec<_> = (1..=100).map(|seq| (id, Seq(seq))).collect();
    assert_eq!(trial.messages().find(&hundred).await.unwrap().len(), 100);
}

pub async fn an_unknown_or_empty_conversation_has_nothing_to_read(trial: Trial) {
    let empty = trial.direct(user_id(1), user_id(2)).await;
    for id in [empty, conversation_id(9)] {
        assert_eq!(trial.everything(id).await, []);
        assert_eq!(trial.changes(id, 0).await, []);
        let (after, before) = (Seq(1), Seq(5));
        for range in [
            Range::Newest,
            Range::Before(before),
            Range::After(after),
            Range::Between { after, before },
        ] {
            assert_eq!(trial.messages().history(id, ALL, range, 10).await.unwrap(), []);
        }
        assert_eq!(trial.messages().find(&[(id, Seq(1))]).await.unwrap(), []);
        assert_eq!(trial.message_by_id(id, message_id(1)).await, None);
        assert_eq!(trial.messages().count_unread(&[span(id, 0, 0)]).await.unwrap(), [0]);
    }
}

pub async fn announcements_are_the_system_messages_in_order(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let elsewhere = trial.group(2, &[ana]).await;
    let mut fence = Seq(1);
    for n in (3..20).step_by(2) {
        // What users say and calls lie in between.
        let between = match n % 4 {
            1 => append(text(id, n, ana), fence),
            _ => update_group(&[], call(id, n, ana), fence),
        };
        trial.store(between).await;
        fence = trial.tell(id, n + 1, &[], fence.0).await;
    }
    trial.tell(elsewhere, 30, &[], 1).await;
    let announcements = async |after, limit| {
        let found = trial.messages().announcements(id, Seq(after), limit).await.unwrap();
        assert!(found.iter().all(|message| !message.is_from_user()));
        seqs(&found)
    };
    assert_eq!(announcements(0, 100).await, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert_eq!(announcements(1, 3).await, [3, 5, 7]);
    assert_eq!(announcements(6, 2).await, [7, 9]);
    assert!(announcements(19, 5).await.is_empty());
    assert!(announcements(0, 0).await.is_empty());
    let unknown = trial.messages().announcements(conversation_id(9), Seq::ZERO, 5).await;
    assert_eq!(unknown.unwrap(), []);
}

pub async fn a_window_ends_with_the_message_about_leaving(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.store(append(text(id, 2, ana), Seq(1))).await;
    trial.tell(id, 3, &[MemberChange::Left(ben)], 1).await;
    let hidden = trial.store(append(text(id, 4, ana), Seq(3))).await;
    trial.edit(&hidden, "still hidden", Seq(3)).await;
    trial.tell(id, 5, &[MemberChange::Joined(ben, Role::Member)], 3).await;
    trial.store(append(text(id, 6, ana), Seq(5))).await;
    let windows = trial.member(id, ben).await.windows;
    let history = trial.messages().history(id, &windows, Range::Newest, 10).await.unwrap();
    assert_eq!(seqs(&history), [6, 5, 3, 2, 1]);
    let changes = trial.messages().changes(id, &windows, Rev::ZERO, 10).await.unwrap();
    assert_eq!(seqs(&changes), [1, 2, 3, 5, 6]);
}

fn to_windows(pairs: &[(u64, Option<u64>)]) -> Vec<Window> {
    let window = |(from, to): &(u64, Option<u64>)| Window {
        from: Seq(*from),
        to: to.map(Seq),
    };
    pairs.iter().map(window).collect()
}

/// Returns the `seq` of the messages, of a hundred, that lie in the windows.
fn visible(windows: &[Window]) -> Vec<u64> {
    let shown = |seq: &u64| windows.iter().any(|window| window.contains(Seq(*seq)));
    (1..=100).filter(shown).collect()
}

pub(super) fn span(conversation_id: ConversationId, after: u64, through: u64) -> Span {
    Span {
        conversation_id,
        after: Seq(after),
        through: Seq(through),
    }
}

impl Trial {
    /// Creates a group with a hundred messages of several users. Some are edited, some are deleted, and some are system
    /// messages.
    pub(super) async fn long_conversation(&self) -> ConversationId {
        let users: Vec<_> = (1..=4).map(user_id).collect();
        let id = self.group(1, &users).await;
        let mut fence = Seq(1);
        for n in 2..=100 {
            if n % 17 == 0 {
                fence = self.tell(id, n, &[], fence.0).await;
                continue;
            }
            let sender = users[usize::try_from(n * n % 3).expect("it is less than three")];
            let mut message = self.store(append(text(id, n, sender), fence)).await;
            if n % 5 == 0 {
                message = self.edit(&message, "edited", fence).await;
            }
            if n % 9 == 0 || n == 100 {
                self.store(revise(deleted(&message, 9), fence)).await;
            }
        }
        let late = self.message(id, 4).await;
        self.edit(&late, "much later", fence).await;
        id
    }
}
