use std::time::Duration;

use letsapp_core::domain::body::Body;
use letsapp_core::domain::emoji::Emoji;
use letsapp_core::domain::id::{Rev, Seq, UserId};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::ports::Range;
use letsapp_core::protocol::ReceiptStatus;
use letsapp_core::protocol::requests::{EditMessage, SendMessage};
use letsapp_core::services::{ConversationError, Forbidden, Made};

use crate::world::{World, edit, limit, message_id};

fn emoji(text: &str) -> Option<Emoji> {
    Some(Emoji::parse(text).unwrap())
}

#[tokio::test]
async fn a_message_sent_twice_is_one_message() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let request = SendMessage::text("once").unwrap().with_id(message_id());
    let (first, made) = world.send(&ana, chat, request.clone()).await.unwrap();
    assert_eq!((first.seq, first.rev, made), (Seq(1), Rev(1), Made::Now));
    world.clock.advance(Duration::from_secs(60));
    let (again, made) = world.send(&ana, chat, request.clone()).await.unwrap();
    assert_eq!((again, made), (first, Made::Before));

    world
        .app
        .messages()
        .edit(&ana, chat, Seq(1), edit("changed"), None)
        .await
        .unwrap();
    let (edited, _) = world.send(&ana, chat, request.clone()).await.unwrap();
    assert_eq!(
        (edited.body.as_str(), edited.rev),
        ("changed", Rev(2)),
        "in its present state"
    );

    let other = SendMessage {
        body: Body::parse("other words").unwrap(),
        ..request.clone()
    };
    assert!(matches!(
        world.send(&ana, chat, other).await,
        Err(ConversationError::Conflict)
    ));
    assert!(
        matches!(world.send(&ben, chat, request).await, Err(ConversationError::Conflict)),
        "another's id"
    );
    assert_eq!(world.bodies(&ben, chat).await, ["changed"]);
}

#[tokio::test]
async fn the_same_id_in_another_conversation_is_another_message() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let (first, second) = (world.direct(&ana, &ben).await, world.direct(&ana, &cem).await);
    let request = SendMessage::text("hello").unwrap().with_id(message_id());
    assert_eq!(world.send(&ana, first, request.clone()).await.unwrap().1, Made::Now);
    assert_eq!(world.send(&ana, second, request).await.unwrap().1, Made::Now);
}

#[tokio::test]
async fn a_retry_is_answered_after_the_sender_was_removed() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let request = SendMessage::text("before I go").unwrap().with_id(message_id());
    let (sent, _) = world.send(&ben, group, request.clone()).await.unwrap();
    world.remove(&ana, group, ben.user_id).await.unwrap();
    assert_eq!(
        world.send(&ben, group, request.clone()).await.unwrap(),
        (sent, Made::Before)
    );
    let new = SendMessage {
        id: Some(message_id()),
        ..request
    };
    let refused = world.send(&ben, group, new).await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_senders_get_dense_numbers() {
    let world = std::sync::Arc::new(World::new().await);
    let ana = world.person("ana").await;
    let mut others = Vec::new();
    for n in 0..7 {
        others.push(world.person(&format!("friend{n}")).await);
    }
    let group = world.group(&ana, &others.iter().collect::<Vec<_>>()).await;
    let senders: Vec<_> = others
        .into_iter()
        .map(|who| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for n in 0..50 {
                    mine.push(world.say(&who, group, &format!("{} {n}", who.user_id)).await);
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for sender in senders {
        let mine = sender.await.unwrap();
        assert!(
            mine.is_sorted_by_key(|message| message.seq),
            "the messages of each sender keep their order"
        );
        all.extend(mine);
    }
    all.sort_by_key(|message| message.seq);
    let seqs: Vec<_> = all.iter().map(|message| message.seq.0).collect();
    assert_eq!(
        seqs,
        (2..=351).collect::<Vec<_>>(),
        "behind the message that tells of the group's making"
    );
    let mut read = Vec::new();
    let mut range = Range::After(Seq(1));
    loop {
        let page = world
            .app
            .messages()
            .history(&ana, group, range, limit(37))
            .await
            .unwrap();
        read.extend(page.items);
        let Some(next) = page.next else { break };
        range = Range::After(next);
    }
    assert_eq!(
        read.iter().map(|message| message.id).collect::<Vec<_>>(),
        all.iter().map(|m| m.id).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn messages_are_sent_in_the_order_of_the_calls() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let pending: Vec<_> = (0..100)
        .map(|n| {
            world
                .app
                .messages()
                .send(&ana, chat, SendMessage::text(n.to_string()).unwrap(), None)
        })
        .collect();
    // The order was fixed by the calls, so waiting in the opposite order gives the same numbers.
    for (n, pending) in pending.into_iter().enumerate().rev() {
        assert_eq!(pending.await.unwrap().0.seq, Seq(n as u64 + 1));
    }
}

#[tokio::test]
async fn dropping_the_future_of_a_send_does_not_cancel_it() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    drop(
        world
            .app
            .messages()
            .send(&ana, chat, SendMessage::text("gone away").unwrap(), None),
    );
    world.say(&ana, chat, "still here").await;
    assert_eq!(world.bodies(&ben, chat).await, ["gone away", "still here"]);
}

#[tokio::test]
async fn a_change_without_effect_takes_no_rev() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let messages = world.app.messages();
    world.say(&ana, chat, "hello").await;
    let revs = [
        messages
            .edit(&ana, chat, Seq(1), edit("hello"), None)
            .await
            .unwrap()
            .rev,
        messages.edit(&ana, chat, Seq(1), edit("hi"), None).await.unwrap().rev,
        messages.edit(&ana, chat, Seq(1), edit("hi"), None).await.unwrap().rev,
        messages.react(&ben, chat, Seq(1), emoji("❤"), None).await.unwrap().rev,
        messages
            .react(&ben, chat, Seq(1), emoji("❤\u{fe0f}"), None)
            .await
            .unwrap()
            .rev,
        messages.react(&ben, chat, Seq(1), None, None).await.unwrap().rev,
        messages.react(&ben, chat, Seq(1), None, None).await.unwrap().rev,
        messages.delete(&ana, chat, Seq(1), None).await.unwrap().rev,
        messages.delete(&ana, chat, Seq(1), None).await.unwrap().rev,
    ];
    assert_eq!(revs.map(|rev| rev.0), [1, 2, 2, 3, 3, 4, 4, 5, 5]);
}

#[tokio::test]
async fn a_tombstone_keeps_its_place_and_nothing_else() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let sent = world.say(&ana, chat, "a secret").await;
    let messages = world.app.messages();
    messages.react(&ben, chat, Seq(1), emoji("👍"), None).await.unwrap();
    let tombstone = messages.delete(&ana, chat, Seq(1), None).await.unwrap();
    assert_eq!(
        (tombstone.id, tombstone.seq, tombstone.body.as_str()),
        (sent.id, sent.seq, "")
    );
    assert!(tombstone.deleted_at.is_some() && tombstone.reactions.is_empty());
    for refused in [
        messages.edit(&ana, chat, Seq(1), edit("again"), None).await,
        messages.react(&ben, chat, Seq(1), emoji("👍"), None).await,
    ] {
        assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Deleted))));
    }
}

#[tokio::test]
async fn a_message_is_edited_only_by_its_sender_and_in_time() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "hello").await;
    let messages = world.app.messages();
    let refused = messages.edit(&ben, chat, Seq(1), edit("not mine"), None).await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::NotTheSender))
    ));
    world.clock.advance(Duration::from_secs(15 * 60));
    assert!(
        messages
            .edit(&ana, chat, Seq(1), edit("just in time"), None)
            .await
            .is_ok()
    );
    world.clock.advance(Duration::from_millis(1));
    let refused = messages.edit(&ana, chat, Seq(1), edit("too late"), None).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::TooLate))));
}

#[tokio::test]
async fn concurrent_reactions_to_one_message_are_all_kept() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "react!").await;
    let messages = world.app.messages();
    let pending = [
        messages.react(&ana, chat, Seq(1), emoji("👍"), None),
        messages.react(&ben, chat, Seq(1), emoji("👍"), None),
    ];
    let third = messages.react(&ana, chat, Seq(1), emoji("🎉"), None);
    for pending in pending {
        pending.await.unwrap();
    }
    let last = third.await.unwrap();
    let shown: Vec<_> = last.reactions.iter().map(|r| (r.emoji.as_str(), r.count)).collect();
    assert_eq!(shown, [("👍", 1), ("🎉", 1)]);
    assert_eq!(last.my_reaction, Some(Some("🎉".to_owned())));
}

#[tokio::test]
async fn a_message_takes_at_most_32_different_reactions() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut people = Vec::new();
    for n in 0..33 {
        people.push(world.person(&format!("friend{n}")).await);
    }
    let group = world.group(&ana, &people.iter().collect::<Vec<_>>()).await;
    let seq = world.say(&ana, group, "react!").await.seq;
    for (n, who) in people.iter().enumerate() {
        let face = char::from_u32(0x1F600 + u32::try_from(n).unwrap()).unwrap();
        let outcome = world
            .app
            .messages()
            .react(who, group, seq, emoji(&face.to_string()), None)
            .await;
        assert_eq!(outcome.is_ok(), n < 32, "reaction {n}");
    }
    assert!(
        world
            .app
            .messages()
            .react(&people[32], group, seq, emoji("😀"), None)
            .await
            .is_ok(),
        "one that is there"
    );
}

#[tokio::test]
async fn unread_counts_messages_of_others_after_the_read_watermark() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    for n in 0..5 {
        world.say(&ana, chat, &n.to_string()).await;
    }
    assert_eq!(world.view(&ben, chat).await.me.unread, 5);
    assert_eq!(world.view(&ana, chat).await.me.unread, 0, "own messages are not unread");
    world.app.messages().delete(&ana, chat, Seq(4), None).await.unwrap();
    assert_eq!(world.view(&ben, chat).await.me.unread, 4, "deleted ones are not either");
    let to = Watermarks {
        delivered: Seq(5),
        read: Seq(2),
    };
    world.app.messages().advance(&ben, chat, to, None).await.unwrap();
    assert_eq!(world.view(&ben, chat).await.me.unread, 2);
    let back = Watermarks {
        delivered: Seq(1),
        read: Seq(1),
    };
    let now = world.app.messages().advance(&ben, chat, back, None).await.unwrap();
    assert_eq!((now.delivered_seq, now.read_seq), (Seq(5), Seq(2)), "they only rise");
    let past = Watermarks::read(Seq(6));
    assert!(matches!(
        world.app.messages().advance(&ben, chat, past, None).await,
        Err(ConversationError::Invalid(_))
    ));
    world.say(&ben, chat, "an answer").await;
    assert_eq!(world.view(&ben, chat).await.me.unread, 0, "who answers has read");
}

#[tokio::test]
async fn message_status_follows_the_watermarks() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "one").await;
    world.say(&ana, chat, "two").await;
    let messages = world.app.messages();
    let to = Watermarks {
        delivered: Seq(2),
        read: Seq(1),
    };
    messages.advance(&ben, chat, to, None).await.unwrap();
    let mut seen = Vec::new();
    for seq in [Seq(1), Seq(2)] {
        let page = messages
            .message_receipts(&ana, chat, seq, None, limit(10))
            .await
            .unwrap();
        seen.extend(page.items.into_iter().map(|receipt| (receipt.user_id, receipt.status)));
    }
    assert_eq!(
        seen,
        [
            (ben.user_id, ReceiptStatus::Read),
            (ben.user_id, ReceiptStatus::Delivered)
        ]
    );
}

#[tokio::test]
async fn a_reply_must_name_an_existing_message() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "a question").await;
    let answer = |seq| SendMessage {
        reply_to: Some(Seq(seq)),
        ..SendMessage::text("an answer").unwrap()
    };
    assert_eq!(
        world.send(&ben, chat, answer(1)).await.unwrap().0.reply_to,
        Some(Seq(1))
    );
    for seq in [0, 3, 99] {
        assert!(
            matches!(
                world.send(&ben, chat, answer(seq)).await,
                Err(ConversationError::Invalid(_))
            ),
            "{seq}"
        );
    }
}

#[tokio::test]
async fn a_stranger_gets_not_found_from_every_method() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "between us").await;
    let messages = world.app.messages();
    let refusals = [
        world
            .send(&eve, chat, SendMessage::text("hello?").unwrap())
            .await
            .map(drop),
        messages.history(&eve, chat, Range::Newest, limit(10)).await.map(drop),
        messages.find(&eve, chat, Seq(1)).await.map(drop),
        messages.changes(&eve, chat, Rev(0), limit(10)).await.map(drop),
        messages.delete(&eve, chat, Seq(1), None).await.map(drop),
        messages.react(&eve, chat, Seq(1), emoji("👍"), None).await.map(drop),
        messages
            .advance(&eve, chat, Watermarks::read(Seq(1)), None)
            .await
            .map(drop),
        world.app.conversations().find(&eve, chat).await.map(drop),
        world
            .app
            .conversations()
            .members(&eve, chat, None, limit(10))
            .await
            .map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(ConversationError::NotFound)), "{refusal:?}");
    }
}

#[tokio::test]
async fn removing_a_reaction_keeps_the_one_that_replaced_it() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "react!").await;
    let messages = world.app.messages();
    let parsed = |text| Emoji::parse(text).unwrap();
    messages.react(&ben, chat, Seq(1), emoji("👍"), None).await.unwrap();
    messages.react(&ben, chat, Seq(1), emoji("🎉"), None).await.unwrap();
    let late = messages.unreact(&ben, chat, Seq(1), parsed("👍"), None).await.unwrap();
    assert_eq!((late.my_reaction, late.rev), (Some(Some("🎉".to_owned())), Rev(3)));
    let off = messages.unreact(&ben, chat, Seq(1), parsed("🎉"), None).await.unwrap();
    assert_eq!((off.my_reaction, off.rev), (Some(None), Rev(4)));
    let again = messages.unreact(&ben, chat, Seq(1), parsed("🎉"), None).await.unwrap();
    assert_eq!(again.rev, Rev(4));
}

#[tokio::test]
async fn reactions_are_listed_to_the_last_page() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut people = Vec::new();
    for n in 0..5 {
        people.push(world.person(&format!("friend{n}")).await);
    }
    let group = world.group(&ana, &people.iter().collect::<Vec<_>>()).await;
    let seq = world.say(&ana, group, "react!").await.seq;
    let messages = world.app.messages();
    for who in &people {
        messages.react(who, group, seq, emoji("👍"), None).await.unwrap();
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = messages.reactions(&ana, group, seq, after, limit(2)).await.unwrap();
        listed.extend(page.items.into_iter().map(|reaction| reaction.user_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = people.iter().map(|who| who.user_id).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn changes_are_listed_to_the_last_page_with_the_next_position() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    for n in 0..5 {
        world.say(&ana, group, &n.to_string()).await;
    }
    world.add(&ana, group, ben.user_id).await;
    world.say(&ana, group, "welcome").await;
    let messages = world.app.messages();
    messages
        .edit(&ana, group, Seq(2), edit("not for ben"), None)
        .await
        .unwrap();
    let (mut listed, mut after) = (Vec::new(), Rev(0));
    loop {
        let page = messages.changes(&ana, group, after, limit(3)).await.unwrap();
        listed.extend(page.items.iter().map(|message| message.rev.0));
        after = page.rev;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(listed, [1, 3, 4, 5, 6, 7, 8, 9], "what was edited is where it is now");
    assert_eq!(after, Rev(9));
    let page = messages.changes(&ben, group, Rev(0), limit(2)).await.unwrap();
    assert_eq!(
        (page.items.len(), page.next, page.rev),
        (2, None, Rev(9)),
        "past what is not theirs"
    );
}

#[tokio::test]
async fn an_admin_deletes_no_message_that_they_may_not_see() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    let early = world.say(&ana, group, "before ben").await.seq;
    world.add(&ana, group, ben.user_id).await;
    let late = world.say(&ana, group, "before his eyes").await.seq;
    let conversations = world.app.conversations();
    conversations
        .change_role(&ana, group, ben.user_id, letsapp_core::domain::role::Role::Admin, None)
        .await
        .unwrap();
    let messages = world.app.messages();
    let refused = messages.delete(&ben, group, early, None).await;
    assert!(matches!(refused, Err(ConversationError::NotFound)));
    assert!(messages.delete(&ben, group, late, None).await.is_ok());
}

#[tokio::test]
async fn an_edit_keeps_only_the_mentions_that_it_repeats() {
    let world = World::new().await;
    let [ana, ben, cem, eve] = world.people(["ana", "ben", "cem", "eve"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let naming = |who: &[UserId]| SendMessage {
        mentions: who.to_vec(),
        ..SendMessage::text("tea?").unwrap()
    };
    let stranger = world.send(&ana, group, naming(&[ben.user_id, eve.user_id])).await;
    assert!(matches!(stranger, Err(ConversationError::Invalid(_))));
    let twice = [ben.user_id, cem.user_id, ben.user_id];
    let sent = world.send(&ana, group, naming(&twice)).await.unwrap().0;
    let mut both = vec![ben.user_id, cem.user_id];
    both.sort_unstable();
    assert_eq!(sent.mentions, both, "each once");
    let edit = async |words: &str, who: &[UserId]| {
        let request = EditMessage {
            body: Body::parse(words).unwrap(),
            attachments: None,
            mentions: who.to_vec(),
        };
        world.app.messages().edit(&ana, group, sent.seq, request, None).await
    };
    // An edit may keep the mention of a user who has left since, but not add it again.
    world.remove(&ana, group, cem.user_id).await.unwrap();
    assert_eq!(edit("coffee?", &both).await.unwrap().mentions, both);
    assert_eq!(edit("coffee?", &[ben.user_id]).await.unwrap().mentions, [ben.user_id]);
    let back = edit("coffee?", &both).await;
    assert!(matches!(back, Err(ConversationError::Invalid(_))), "{back:?}");
    let same = edit("coffee?", &[ben.user_id]).await.unwrap();
    assert_eq!(edit("coffee?", &[ben.user_id]).await.unwrap().rev, same.rev);
    let unnamed = edit("coffee?", &[]).await.unwrap();
    assert_eq!((unnamed.mentions, unnamed.rev.0), (Vec::new(), same.rev.0 + 1));
}
