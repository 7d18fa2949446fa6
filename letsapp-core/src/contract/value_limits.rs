//! Ids, numbers, times and sizes at the limits of their types.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{at, deleted, direct, group, media_id, session, system, text, user, user_id};
use super::steps::{ALL, append, committed, position, revise, seqs};
use crate::domain::conversation::Conversation;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::domain::key::{Key, KeyPurpose, Kid};
use crate::domain::media::Attachment;
use crate::domain::member::{MemberChange, Watermarks};
use crate::domain::message::{Content, Message, Reaction, SystemEvent};
use crate::domain::role::Role;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::User;
use crate::domain::window::{Span, Window};
use crate::ports::{Advance, Change, Outcome, Range};

pub async fn a_message_may_carry_a_thousand_mentions_and_reactions(trial: Trial) {
    let id = trial.direct(user_id(1), user_id(2)).await;
    let mut users: Vec<_> = (0..1_024).map(user_id).collect();
    let reactions = users.iter().map(|user_id| Reaction {
        user_id: *user_id,
        emoji: Emoji::from_stored("👍"),
    });
    let reactions: Vec<_> = reactions.collect();
    users.sort_unstable();
    let message = Message {
        mentions: users,
        ..text(id, 1, user_id(1))
    };
    let stored = trial.store(append(message, Seq::ZERO)).await;
    let reacted = Message { reactions, ..stored };
    let stored = trial.store(revise(reacted, Seq::ZERO)).await;
    assert_eq!(trial.message(id, 1).await, stored);
}

pub async fn ids_of_any_bits_are_ids(trial: Trial) {
    let bits = [
        [0x00; 16],
        [0xff; 16],
        [0x24; 16],
        [0x00, 0xff].repeat(8).try_into().expect("sixteen bytes"),
    ];
    for (n, bits) in (1..).zip(bits) {
        let user = User {
            id: UserId::from_bytes(bits),
            avatar_media_id: Some(MediaId::from_bytes(bits)),
            ..user(0, &format!("user{n}"))
        };
        trial.sign_up(&user).await;
        assert_eq!(trial.users().find(&[user.id]).await.unwrap(), [user.clone()]);
        let session = Session {
            id: SessionId::from_bytes(bits),
            ..session(n, user.id)
        };
        trial.sessions().create(session.clone()).await.unwrap();
        assert_eq!(trial.sessions().of_user(user.id).await.unwrap(), [session]);

        let pair = trial.direct(user.id, user_id(50)).await;
        assert_eq!(trial.roster(pair).await.conversation, direct(user.id, user_id(50)));
        let conversation = Conversation {
            id: ConversationId::from_bytes(bits),
            fingerprint: Some([bits[0]; 32]),
            ..group(0, user.id)
        };
        let id = conversation.id;
        let first = Message {
            id: MessageId::from_bytes(bits),
            ..system(
                id,
                0,
                user.id,
                SystemEvent::GroupCreated {
                    user_ids: vec![user.id],
                },
            )
        };
        let create = Change::Create {
            conversation: Box::new(conversation.clone()),
            members: vec![MemberChange::Joined(user.id, Role::Owner)],
            message: Arc::new(first.clone()),
        };
        assert_eq!(trial.commit_one(create).await, position(1, 1, 0));
        assert_eq!(trial.conversation(id).await, conversation);
        assert_eq!(trial.message_by_id(id, first.id).await.unwrap().sender_id, user.id);
        trial.store(append(text(id, 1, user.id), Seq(1))).await;
        assert_eq!(trial.audit(id).await.len(), 2);
        let key = Key {
            kid: Kid(format!("$kid.{n}\0")),
            purpose: KeyPurpose::ALL[n as usize % 3],
            secret: [bits[1]; 32],
            created_at: at(0),
        };
        let keys = trial.keys().keys(key.purpose, key.clone()).await.unwrap();
        assert!(n > 3 || keys == [key]);
    }
}

pub async fn arguments_may_be_any_number(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    for n in 1..=3 {
        trial.store(append(text(id, n, ana), Seq::ZERO)).await;
    }
    const SIGNED: u64 = i64::MAX as u64;
    for huge in [SIGNED - 1, SIGNED, SIGNED + 1, u64::MAX - 1, u64::MAX] {
        let history =
            async |windows: &[Window], range| seqs(&trial.messages().history(id, windows, range, 10).await.unwrap());
        assert_eq!(history(ALL, Range::Before(Seq(huge))).await, [3, 2, 1]);
        assert_eq!(history(ALL, Range::After(Seq(huge))).await, [0; 0]);
        let beyond = Window {
            from: Seq(huge),
            to: None,
        };
        assert_eq!(history(&[beyond], Range::Newest).await, [0; 0]);
        let through = Window {
            from: Seq(2),
            to: Some(Seq(huge)),
        };
        assert_eq!(history(&[through], Range::Newest).await, [3, 2]);
        assert_eq!(trial.changes(id, huge).await, []);
        assert_eq!(
            trial
                .messages()
                .find(&[(id, Seq(huge)), (id, Seq(2))])
                .await
                .unwrap()
                .len(),
            1
        );
        let outdated = trial.commit(vec![
            append(text(id, 9, ana), Seq(huge)),
            revise(
                Message {
                    rev: Rev(huge),
                    ..trial.message(id, 1).await
                },
                Seq::ZERO,
            ),
            revise(
                Message {
                    seq: Seq(huge),
                    ..trial.message(id, 1).await
                },
                Seq::ZERO,
            ),
        ]);
        for outcome in outdated.await {
            assert_eq!(outcome, Outcome::Outdated);
        }
    }
    assert_eq!(trial.audit(id).await.len(), 3);
}

pub async fn numbers_of_63_bits_are_kept(trial: Trial) {
    const LARGEST: u64 = i64::MAX as u64;
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let attachment = Attachment {
        id: media_id(1),
        file_name: "large".to_owned(),
        content_type: "text/plain".to_owned(),
        size: LARGEST,
        width: Some(u32::MAX),
        height: Some(u32::MAX),
        duration: Some(LARGEST),
        waveform: None,
        is_processing: false,
        thumbnail: None,
    };
    let message = Message {
        attachments: vec![attachment],
        reply_to: Some(Seq(LARGEST)),
        ..text(id, 1, ana)
    };
    let stored = trial.store(append(message, Seq::ZERO)).await;
    assert_eq!(trial.message(id, 1).await, stored);
    let to = Watermarks {
        delivered: Seq(LARGEST),
        read: Seq(1 << 53 | 1),
    };
    let advance = Advance {
        conversation_id: id,
        user_id: ana,
        to,
        at: at(1),
    };
    let advanced = trial.conversations().advance(vec![advance]).await.unwrap();
    assert_eq!(advanced[0].unwrap().to, to);
    assert_eq!(trial.member(id, ana).await.watermarks, to);
}

pub async fn times_of_any_age_are_kept(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let ages = [0, 1, -1, -62_135_596_800_000, 253_402_300_799_999].map(Timestamp::from_millis);
    for (n, moment) in (1..).zip(ages) {
        let message = Message {
            sent_at: moment,
            edited_at: Some(moment),
            ..text(id, n, ana)
        };
        let stored = trial.store(append(message, Seq::ZERO)).await;
        assert_eq!(trial.message(id, n).await, stored);
        let user = User {
            created_at: moment,
            last_seen_at: Some(moment),
            ..user(n, &format!("user{n}"))
        };
        trial.sign_up(&user).await;
        assert_eq!(trial.users().find(&[user.id]).await.unwrap(), [user]);
    }
}

pub async fn a_page_of_the_largest_messages_is_read_whole(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let large = |n| Message {
        content: Content::Text("🦄".repeat(16 * 1024)),
        ..text(id, n, ana)
    };
    // 200 messages of 64 KiB are more than some stores take in one command or one document.
    let outcomes = trial
        .commit((1..=200).map(|n| append(large(n), Seq::ZERO)).collect())
        .await;
    for (n, outcome) in (1..).zip(outcomes) {
        assert_eq!(committed(outcome).seq, Seq(n));
    }
    let page = trial.messages().history(id, ALL, Range::Newest, 200).await.unwrap();
    assert_eq!(page.len(), 200);
    assert!(page.iter().all(|message| message.body().len() == 64 * 1024));
    trial.store(revise(deleted(&page[0], 9), Seq::ZERO)).await;
    let span = Span {
        conversation_id: id,
        after: Seq::ZERO,
        through: Seq(200),
    };
    assert_eq!(trial.messages().count_unread(&[span]).await.unwrap(), [199]);
}
