//! Committing single messages: appends, revisions, duplicates and fences.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{at, deleted, edited, media_id, system, text, user_id};
use super::steps::{append, committed, duplicate, position, revise, update_group};
use crate::domain::conversation::Head;
use crate::domain::emoji::Emoji;
use crate::domain::id::{CallId, Rev, Seq};
use crate::domain::media::{Attachment, Thumbnail};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Message, Reaction, SystemEvent};
use crate::domain::role::Role;
use crate::ports::{Change, Outcome, TermsChange};

pub async fn appends_take_the_next_seq_and_the_next_rev(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.direct(ana, ben).await;
    for n in 1..=20 {
        let sender = if n % 3 == 0 { ana } else { ben };
        let outcome = trial.commit_one(append(text(id, n, sender), Seq::ZERO)).await;
        assert_eq!(outcome, position(n, n, n));
    }
    let more = (21..=40).map(|n| append(text(id, n, ana), Seq::ZERO)).collect();
    let expected: Vec<_> = (21..=40).map(|n| position(n, n, n)).collect();
    assert_eq!(trial.commit(more).await, expected);
    let bodies: Vec<_> = trial
        .audit(id)
        .await
        .iter()
        .map(|message| message.body().to_owned())
        .collect();
    let expected: Vec<_> = (1..=40).map(|n| format!("message {n}")).collect();
    assert_eq!(bodies, expected);
}

pub async fn a_message_is_read_as_it_was_written(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.direct(ana, ben).await;
    let bare = Message {
        content: Content::Text(String::new()),
        ..text(id, 1, ana)
    };
    for message in [bare, message_in_full(&text(id, 2, ben))] {
        let message = trial.store(append(message, Seq::ZERO)).await;
        assert_eq!(trial.message(id, message.seq.0).await, message);
        assert_eq!(trial.message_by_id(id, message.id).await, Some(message.clone()));
        assert_eq!(trial.everything(id).await.pop(), Some(message.clone()));
        assert_eq!(trial.changes(id, message.rev.0 - 1).await, [message.clone()]);
        let again = trial.commit_one(append(message.clone(), Seq::ZERO)).await;
        assert_eq!(duplicate(again), message);
    }
}

pub async fn system_messages_of_every_kind_are_read_as_written(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let user_ids = vec![ben, ana];
    let events = [
        SystemEvent::GroupCreated {
            user_ids: user_ids.clone(),
        },
        SystemEvent::TitleChanged {
            title: "Família 👨‍👩‍👧‍👦".to_owned(),
        },
        SystemEvent::AboutChanged { about: String::new() },
        SystemEvent::PictureChanged { avatar_media_id: None },
        SystemEvent::PictureChanged {
            avatar_media_id: Some(media_id(1)),
        },
        SystemEvent::MembersAdded { user_ids },
        SystemEvent::MemberRemoved { user_id: ben },
        SystemEvent::MemberLeft { user_id: ben },
        SystemEvent::RoleChanged {
            user_id: ben,
            role: Role::Admin,
        },
        SystemEvent::GroupDeleted,
        SystemEvent::Call {
            call_id: CallId::from_bytes([9; 16]),
            media: "video".to_owned(),
            outcome: "completed".to_owned(),
            duration_ms: 61_001,
        },
    ];
    for (fence, event) in (1..).zip(events) {
        let message = system(id, 10 + fence, ana, event);
        let message = trial.store(update_group(&[], message, Seq(fence))).await;
        assert_eq!((message.seq, message.ordinal), (Seq(fence + 1), 0));
        assert_eq!(trial.message(id, message.seq.0).await, message);
        assert_eq!(trial.message_by_id(id, message.id).await, Some(message));
    }
    trial.audit(id).await;
}

pub async fn a_revision_takes_the_next_rev_and_keeps_its_place(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.direct(ana, ben).await;
    let first = trial.store(append(message_in_full(&text(id, 1, ana)), Seq::ZERO)).await;
    let second = trial.store(append(text(id, 2, ben), Seq::ZERO)).await;

    let first = trial.store(revise(edited(&first, "other words", 9), Seq::ZERO)).await;
    assert_eq!((first.seq, first.rev, first.ordinal), (Seq(1), Rev(3), 1));
    assert_eq!(trial.message(id, 1).await, first);

    let reactions = ["❤", "👍🏽", "❤️"].into_iter().zip(3..);
    let reactions = reactions.map(|(emoji, n)| Reaction {
        user_id: user_id(n),
        emoji: Emoji::parse(emoji).expect("it is one emoji"),
    });
    let reacted = Message {
        reactions: reactions.collect(),
        ..first
    };
    let change = Change::Revise {
        message: Arc::new(reacted),
        terms: TermsChange::Keep,
        fence: Seq::ZERO,
    };
    let first = trial.store(change).await;
    let stored = trial.message(id, 1).await;
    assert_eq!((stored.rev, &stored), (Rev(4), &first));
    let kept: Vec<_> = stored
        .reactions
        .iter()
        .map(|reaction| reaction.emoji.as_str())
        .collect();
    assert_eq!(kept, ["❤", "👍🏽", "❤️"], "in order, as spelt");

    let first = trial.store(revise(deleted(&first, 10), Seq::ZERO)).await;
    let stored = trial.message(id, 1).await;
    assert_eq!((stored.rev, &stored), (Rev(5), &first));
    assert_eq!(trial.message_by_id(id, first.id).await, Some(first));
    assert_eq!(trial.message(id, 2).await, second, "no other message is touched");
    trial.audit(id).await;
}

pub async fn a_revision_keeps_the_date_of_its_message(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let first = trial.store(append(text(id, 1, ana), Seq::ZERO)).await;
    // As computed before the store raised the date.
    let early = Message {
        sent_at: at(-9),
        ..edited(&first, "other words", 9)
    };
    trial.store(revise(early, Seq::ZERO)).await;
    let stored = trial.message(id, 1).await;
    assert_eq!((stored.rev, stored.sent_at), (Rev(2), first.sent_at));
    assert_eq!(trial.head(id).await.sent_at, first.sent_at);
}

pub async fn a_revision_of_an_older_state_is_outdated(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let first = trial.store(append(text(id, 1, ana), Seq::ZERO)).await;
    let second = trial.store(append(text(id, 2, ana), Seq::ZERO)).await;
    let edit = |message: &Message, body| revise(edited(message, body, 9), Seq::ZERO);

    let outcomes = trial
        .commit(vec![edit(&first, "one"), edit(&first, "two"), edit(&second, "three")])
        .await;
    assert_eq!(outcomes, [position(1, 3, 1), Outcome::Outdated, position(2, 4, 2)]);
    assert_eq!(trial.commit_one(edit(&first, "four")).await, Outcome::Outdated);
    let early = Message {
        rev: Rev(9),
        ..first.clone()
    };
    assert_eq!(
        trial.commit_one(edit(&early, "five")).await,
        Outcome::Outdated,
        "a rev that is not given out yet"
    );
    let unknown = Message { seq: Seq(3), ..first };
    assert_eq!(
        trial.commit_one(edit(&unknown, "six")).await,
        Outcome::Outdated,
        "a message that there is not"
    );

    let bodies: Vec<_> = trial
        .audit(id)
        .await
        .iter()
        .map(|message| message.body().to_owned())
        .collect();
    assert_eq!(bodies, ["one", "three"]);
    assert_eq!(trial.head(id).await.rev, Rev(4), "what is outdated takes no rev");
}

pub async fn the_same_message_again_is_a_duplicate(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let first = text(id, 1, ana);
    let outcomes = trial.commit(vec![
        append(first.clone(), Seq::ZERO),
        append(first.clone(), Seq::ZERO),
        append(text(id, 2, ana), Seq::ZERO),
        append(first.clone(), Seq::ZERO),
    ]);
    let outcomes = outcomes.await;
    assert_eq!(outcomes[0], position(1, 1, 1));
    assert_eq!(outcomes[2], position(2, 2, 2), "a duplicate takes no number");
    let stored = trial.message(id, 1).await;
    for outcome in [&outcomes[1], &outcomes[3]] {
        assert_eq!(duplicate(outcome.clone()), stored);
    }
    // A store compares ids only. The engine compares the fingerprints of the requests.
    let other = Message {
        content: Content::Text("other words".to_owned()),
        ..text(id, 1, user_id(2))
    };
    let again = trial.commit_one(append(other, Seq::ZERO)).await;
    assert_eq!(duplicate(again), stored);
    assert_eq!(trial.audit(id).await.len(), 2);
}

pub async fn a_duplicate_returns_the_message_in_its_present_state(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let sent = text(id, 1, ana);
    let stored = trial.store(append(sent.clone(), Seq::ZERO)).await;
    let stored = trial.edit(&stored, "edited", Seq::ZERO).await;
    let again = || trial.commit_one(append(sent.clone(), Seq::ZERO));
    assert_eq!(duplicate(again().await), stored);
    let stored = trial.store(revise(deleted(&stored, 10), Seq::ZERO)).await;
    assert_eq!(duplicate(again().await), stored);
    let head = Head {
        seq: Seq(1),
        rev: Rev(3),
        ordinal: 1,
        fence: Seq::ZERO,
        sent_at: sent.sent_at,
    };
    assert_eq!(trial.head(id).await, head);
}

pub async fn a_duplicate_is_found_under_any_fence(trial: Trial) {
    let ana = user_id(1);
    let id = trial.group(1, &[ana, user_id(2)]).await;
    let sent = text(id, 2, ana);
    let stored = trial.store(append(sent.clone(), Seq(1))).await;
    trial.tell(id, 3, &[], 1).await;
    for fence in [0, 1, 3, 9] {
        let again = trial.commit_one(append(sent.clone(), Seq(fence))).await;
        assert_eq!(duplicate(again), stored, "under fence {fence}");
    }
    trial.audit(id).await;
}

pub async fn an_id_belongs_to_its_conversation(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (one, two) = (trial.direct(ana, ben).await, trial.direct(ana, user_id(3)).await);
    let outcomes = trial.commit(vec![
        append(text(one, 1, ana), Seq::ZERO),
        append(text(two, 1, ana), Seq::ZERO),
        append(text(two, 2, ana), Seq::ZERO),
        append(text(one, 2, ana), Seq::ZERO),
    ]);
    assert_eq!(
        outcomes.await,
        [
            position(1, 1, 1),
            position(1, 1, 1),
            position(2, 2, 2),
            position(2, 2, 2)
        ]
    );
    for id in [one, two] {
        assert_eq!(trial.audit(id).await.len(), 2);
        let found = trial.message_by_id(id, text(id, 1, ana).id).await.unwrap();
        assert_eq!((found.conversation_id, found.seq), (id, Seq(1)));
    }
    let three = trial.direct(ben, user_id(3)).await;
    assert_eq!(trial.message_by_id(three, text(three, 1, ana).id).await, None);
}

pub async fn a_change_under_another_fence_is_outdated(trial: Trial) {
    let ana = user_id(1);
    let id = trial.group(1, &[ana, user_id(2)]).await;
    let message = trial.store(append(text(id, 2, ana), Seq(1))).await;
    trial.tell(id, 3, &[], 1).await;
    let before = trial.head(id).await;
    for fence in [0, 1, 2, 4, 99] {
        let outcomes = trial.commit(vec![
            append(text(id, 4, ana), Seq(fence)),
            revise(edited(&message, "edited", 9), Seq(fence)),
            update_group(
                &[],
                system(id, 5, ana, SystemEvent::MemberLeft { user_id: ana }),
                Seq(fence),
            ),
        ]);
        assert_eq!(
            outcomes.await,
            [Outcome::Outdated, Outcome::Outdated, Outcome::Outdated],
            "under {fence}"
        );
    }
    assert_eq!(trial.head(id).await, before);
    assert_eq!(trial.message(id, 2).await, message);
    assert_eq!(trial.message_by_id(id, text(id, 4, ana).id).await, None);
    trial.store(append(text(id, 4, ana), Seq(3))).await;
    assert_eq!(trial.audit(id).await.len(), 4);
}

pub async fn a_commit_is_visible_through_every_instance_at_once(trial: Trial) {
    let another = trial.another().await;
    let ana = user_id(1);
    let id = trial.group(1, &[ana, user_id(2)]).await;
    for n in 2..30 {
        let (writer, reader) = if n % 2 == 0 {
            (&trial, &another)
        } else {
            (&another, &trial)
        };
        let stored = writer.store(append(text(id, n, ana), Seq(1))).await;
        assert_eq!(stored.seq, Seq(n));
        assert_eq!(reader.head(id).await.seq, Seq(n));
        assert_eq!(reader.message(id, n).await, stored);
        assert_eq!(reader.changes(id, stored.rev.0 - 1).await, [stored]);
    }
}

/// Returns a message with every optional field.
fn message_in_full(message: &Message) -> Message {
    let picture = Attachment {
        id: media_id(1),
        file_name: "Zoë’s \"picture\".jpeg".to_owned(),
        content_type: "image/jpeg".to_owned(),
        size: 123_456_789_012,
        width: Some(4_000),
        height: Some(3_000),
        duration: Some(1_500),
        waveform: None,
        is_processing: false,
        thumbnail: Some(Thumbnail {
            width: 40,
            height: 30,
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
        }),
    };
    let file = Attachment {
        id: media_id(2),
        file_name: String::new(),
        content_type: "application/octet-stream".to_owned(),
        size: 0,
        width: None,
        height: None,
        duration: None,
        waveform: None,
        is_processing: false,
        thumbnail: None,
    };
    let mut mentions = vec![user_id(1), user_id(2), user_id(3)];
    mentions.sort_unstable();
    Message {
        content: Content::Text("Ünï©ødé 👩🏽‍🚀\n\twith \"quotes\"".to_owned()),
        reply_to: Some(Seq(1)),
        forwarded: true,
        mentions,
        attachments: vec![picture, file],
        reactions: vec![Reaction {
            user_id: user_id(2),
            emoji: Emoji::parse("🎉").expect("it is one emoji"),
        }],
        edited_at: Some(at(3)),
        ..message.clone()
    }
}

pub async fn no_message_is_dated_before_the_one_that_precedes_it(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    let another = trial.another().await;
    let dated = |n, millis| Message {
        sent_at: at(millis),
        ..text(id, n, ana)
    };
    let first = trial.store(append(dated(2, 5_000), Seq(1))).await;
    // As from a server whose clock is behind, one after the other and in one batch with its reaction.
    let second = another.store(append(dated(3, 4_000), Seq(1))).await;
    let third = Message {
        seq: Seq(4),
        rev: Rev(4),
        ..dated(4, 3_000)
    };
    let batch = vec![
        append(dated(4, 3_000), Seq(1)),
        revise(edited(&third, "at once", 9), Seq(1)),
    ];
    let outcomes = trial.commit_dated(batch).await;
    let fifth = trial.store(append(dated(5, 6_000), Seq(1))).await;
    let edit = trial.edit(&second, "later", Seq(1)).await;
    for message in [&second, &edit] {
        assert_eq!(message.sent_at, first.sent_at);
    }
    for outcome in outcomes {
        assert_eq!(committed(outcome).sent_at, at(5_000));
    }
    let told = trial.tell(id, 6, &[MemberChange::Left(ben)], 1).await;
    let all = trial.everything(id).await;
    let times: Vec<_> = all.iter().skip(1).map(|message| message.sent_at).collect();
    assert_eq!(times, [5_000, 5_000, 5_000, 6_000, 6_000].map(at));
    assert_eq!((fifth.sent_at, told), (at(6_000), Seq(6)));
    assert_eq!(trial.head(id).await.sent_at, at(6_000));
}
