use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::ProfilePatch;
use letsapp_core::protocol::requests::{CreateConversation, UpdateConversation};
use letsapp_core::protocol::{Event, ReceiptStatus, SystemEvent};
use letsapp_core::services::{ConversationError, Forbidden, Made};

use crate::world::{World, ids, limit};

#[tokio::test]
async fn two_people_have_one_direct_conversation() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let conversations = world.app.conversations();
    let start = |user_id| CreateConversation::Direct { user_id };
    let (mine, theirs) = tokio::join!(
        conversations.create(&ana, start(ben.user_id), None),
        conversations.create(&ben, start(ana.user_id), None),
    );
    let ((mine, first), (theirs, second)) = (mine.unwrap(), theirs.unwrap());
    assert_eq!(mine.id, theirs.id);
    assert_ne!(first, second, "one of the two made it");
    assert_eq!(mine.peer.unwrap().id, ben.user_id);
    let oneself = conversations.create(&ana, start(ana.user_id), None).await;
    assert!(matches!(oneself, Err(ConversationError::Invalid(_))));
}

#[tokio::test]
async fn a_group_requested_twice_is_created_once() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let id = Some(ConversationId::from_uuid(ids().random()));
    let group = |title| CreateConversation::Group {
        id,
        title: Title::parse(title).unwrap(),
        about: None,
        member_ids: vec![ben.user_id],
    };
    let conversations = world.app.conversations();
    let (made, first) = conversations.create(&ana, group("Trip"), None).await.unwrap();
    let (found, second) = conversations.create(&ana, group("Trip"), None).await.unwrap();
    assert_eq!((first, second, made.id), (Made::Now, Made::Before, found.id));
    assert_eq!((found.head.seq, found.member_count), (Seq(1), 2));
    assert!(matches!(
        conversations.create(&ana, group("Trap"), None).await,
        Err(ConversationError::Conflict)
    ));
    assert!(matches!(
        conversations.create(&ben, group("Trip"), None).await,
        Err(ConversationError::Conflict)
    ));
}

#[tokio::test]
async fn a_removed_member_sees_no_newer_messages_and_a_returning_one_misses_those_in_between() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[]).await;
    world.say(&ana, group, "before").await;
    world.add(&ana, group, ben.user_id).await;
    world.say(&ana, group, "during").await;
    world.remove(&ana, group, ben.user_id).await.unwrap();
    world.say(&ana, group, "between").await;
    assert_eq!(
        world.bodies(&ben, group).await,
        ["", "during", ""],
        "from joining to leaving, both told"
    );
    assert_eq!(world.view(&ben, group).await.head.seq, Seq(5));
    let denied = world.app.conversations().members(&ben, group, None, limit(10)).await;
    assert!(matches!(
        denied,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    world.add(&ana, group, ben.user_id).await;
    world.say(&ana, group, "after").await;
    assert_eq!(world.bodies(&ben, group).await, ["", "during", "", "", "after"]);
    assert_eq!(
        world.view(&ben, group).await.me.unread,
        2,
        "what was between is not unread"
    );
    let hidden = world.app.messages().find(&ben, group, Seq(6)).await;
    assert!(matches!(hidden, Err(ConversationError::NotFound)));
    let changes = world
        .app
        .messages()
        .changes(&ben, group, Rev(0), limit(50))
        .await
        .unwrap();
    let seqs: Vec<_> = changes.items.iter().map(|message| message.seq.0).collect();
    assert_eq!((seqs, changes.rev), (vec![3, 4, 5, 7, 8], Rev(8)));
}

#[tokio::test]
async fn when_the_owner_leaves_the_admin_who_joined_first_becomes_owner() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let conversations = world.app.conversations();
    conversations
        .change_role(&ana, group, cem.user_id, Role::Admin, None)
        .await
        .unwrap();
    world.remove(&ana, group, ana.user_id).await.unwrap();
    assert_eq!(world.view(&cem, group).await.me.role, Role::Owner);
    assert_eq!(world.view(&cem, group).await.member_count, 2);
    let history = world
        .app
        .messages()
        .changes(&cem, group, Rev(2), limit(50))
        .await
        .unwrap()
        .items;
    let told: Vec<_> = history.into_iter().filter_map(|message| message.system).collect();
    assert_eq!(
        told,
        [
            SystemEvent::RoleChanged {
                user_id: cem.user_id,
                role: Role::Owner
            },
            SystemEvent::MemberLeft { user_id: ana.user_id },
        ]
    );
    world.remove(&cem, group, cem.user_id).await.unwrap();
    assert_eq!(
        world.view(&ben, group).await.me.role,
        Role::Owner,
        "then the member who did"
    );
    world.remove(&ben, group, ben.user_id).await.unwrap();
    assert_eq!(world.view(&ben, group).await.member_count, 0);
}

#[tokio::test]
async fn roles_decide_who_may_change_a_group() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let retitle = |title: &str| UpdateConversation {
        title: Some(Title::parse(title).unwrap()),
        about: None,
        avatar_media_id: None,
    };
    let conversations = world.app.conversations();
    let refused = conversations.update(&ben, group, retitle("Ben's"), None).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Role))));
    let refused = world.remove(&ben, group, cem.user_id).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Role))));
    conversations
        .change_role(&ana, group, ben.user_id, Role::Admin, None)
        .await
        .unwrap();
    assert_eq!(
        conversations
            .update(&ben, group, retitle("Ben's"), None)
            .await
            .unwrap()
            .title
            .unwrap(),
        "Ben's"
    );
    let head = world.view(&ana, group).await.head;
    assert_eq!(
        head.last_message.unwrap().system,
        Some(SystemEvent::TitleChanged {
            title: "Ben's".to_owned()
        })
    );
    conversations.update(&ben, group, retitle("Ben's"), None).await.unwrap();
    assert_eq!(
        world.view(&ana, group).await.head.seq,
        head.seq,
        "the same title again is no change"
    );
    let refused = world.remove(&ben, group, ana.user_id).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Role))));
    conversations
        .change_role(&ana, group, ben.user_id, Role::Owner, None)
        .await
        .unwrap();
    assert_eq!(world.view(&ana, group).await.me.role, Role::Admin);
    world.remove(&ben, group, ana.user_id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_of_a_member_follows_their_removal() {
    let world = std::sync::Arc::new(World::new().await);
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let group = world.group(&ana, &[&ben]).await;
    let talking = tokio::spawn({
        let world = world.clone();
        async move {
            let mut sent = 0;
            loop {
                let request = letsapp_core::protocol::requests::SendMessage::text("and another thing").unwrap();
                match world.send(&ben, group, request).await {
                    Ok(_) => sent += 1,
                    Err(error) => return (sent, error),
                }
            }
        }
    });
    while world.view(&ana, group).await.head.seq < Seq(20) {
        tokio::task::yield_now().await;
    }
    world.remove(&ana, group, ben.user_id).await.unwrap();
    let (sent, error) = talking.await.unwrap();
    assert!(matches!(error, ConversationError::Forbidden(Forbidden::NotAMember)));
    let head = world.view(&ana, group).await.head;
    assert_eq!(head.seq, Seq(sent + 2), "every message, its making and the removal");
    assert_eq!(
        head.last_message.unwrap().system,
        Some(SystemEvent::MemberRemoved { user_id: ben.user_id })
    );
}

#[tokio::test]
async fn the_list_shows_the_latest_activity_first_to_the_last_page() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut chats = Vec::new();
    for n in 0..5 {
        let friend = world.person(&format!("friend{n}")).await;
        chats.push(world.direct(&ana, &friend).await);
    }
    for chat in [3, 0, 4, 1, 2] {
        world.clock.advance(std::time::Duration::from_secs(1));
        world.say(&ana, chats[chat], "hello").await;
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = world.app.conversations().list(&ana, after, limit(2)).await.unwrap();
        listed.extend(page.items.into_iter().map(|conversation| conversation.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, [2, 1, 4, 0, 3].map(|chat| chats[chat]));
}

#[tokio::test]
async fn leaving_and_removing_can_be_repeated() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let group = world.group(&ana, &[&ben]).await;
    for _ in 0..2 {
        world.remove(&ana, group, ben.user_id).await.unwrap();
    }
    world.remove(&ben, group, ben.user_id).await.unwrap();
    assert_eq!(world.view(&ana, group).await.head.seq, Seq(2), "it happened once");
    let never_in = world.remove(&ana, group, eve.user_id).await;
    assert!(matches!(never_in, Err(ConversationError::NotFound)));
    let by_one_who_left = world.remove(&ben, group, ana.user_id).await;
    assert!(matches!(
        by_one_who_left,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    for stranger in [eve.user_id, ana.user_id] {
        let by_stranger = world.remove(&eve, group, stranger).await;
        assert!(
            matches!(by_stranger, Err(ConversationError::NotFound)),
            "{by_stranger:?}"
        );
    }
}

#[tokio::test]
async fn a_retried_creation_returns_the_group_although_its_creator_has_left() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let request = CreateConversation::Group {
        id: Some(ConversationId::from_uuid(ids().random())),
        title: Title::parse("Trip").unwrap(),
        about: None,
        member_ids: vec![ben.user_id],
    };
    let conversations = world.app.conversations();
    let (made, _) = conversations.create(&ana, request.clone(), None).await.unwrap();
    world.remove(&ana, made.id, ana.user_id).await.unwrap();
    let (found, before) = conversations.create(&ana, request, None).await.unwrap();
    assert_eq!((found.id, before, found.member_count), (made.id, Made::Before, 1));
}

#[tokio::test]
async fn an_unknown_picture_is_refused_for_members_and_the_group_hidden_from_others() {
    use letsapp_core::domain::id::MediaId;
    let world = World::new().await;
    let (ana, eve) = (world.person("ana").await, world.person("eve").await);
    let group = world.group(&ana, &[]).await;
    let request = || UpdateConversation {
        avatar_media_id: Some(Some(MediaId::from_bytes([1; 16]))),
        ..UpdateConversation::default()
    };
    let conversations = world.app.conversations();
    let refused = conversations.update(&ana, group, request(), None).await;
    assert!(matches!(refused, Err(ConversationError::Invalid(_))));
    let refused = conversations.update(&eve, group, request(), None).await;
    assert!(matches!(refused, Err(ConversationError::NotFound)));
}

#[tokio::test]
async fn members_and_receipts_are_listed_to_the_last_page() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut others = Vec::new();
    for n in 0..6 {
        world.clock.advance(std::time::Duration::from_millis(1));
        others.push(world.person(&format!("friend{n}")).await);
    }
    let group = world.group(&ana, &[]).await;
    for other in &others {
        world.clock.advance(std::time::Duration::from_millis(1));
        world.add(&ana, group, other.user_id).await;
    }
    let seq = world.say(&ana, group, "who reads this?").await.seq;
    let conversations = world.app.conversations();
    let messages = world.app.messages();

    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = conversations.members(&ana, group, after, limit(3)).await.unwrap();
        listed.extend(page.items.into_iter().map(|member| member.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = [&ana].into_iter().chain(&others).map(|who| who.user_id).collect();
    assert_eq!(listed, expected, "who joined first comes first");

    let discreet = ProfilePatch {
        read_receipts: Some(false),
        ..ProfilePatch::default()
    };
    world.app.users().update_me(&others[2], discreet).await.unwrap();
    for reader in &others[..4] {
        let to = Watermarks::read(seq);
        messages.advance(reader, group, to, None).await.unwrap();
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = conversations.receipts(&ana, group, after, limit(2)).await.unwrap();
        listed.extend(
            page.items
                .into_iter()
                .map(|item| (item.user_id, item.watermarks.read_seq)),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = others
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != 2)
        .map(|(n, who)| (who.user_id, if n < 4 { seq } else { Seq::ZERO }))
        .chain([(ana.user_id, seq)])
        .collect();
    expected.sort_unstable();
    assert_eq!(listed, expected, "but for the one who does not show them");
    let own = conversations
        .receipts(&others[2], group, None, limit(50))
        .await
        .unwrap();
    let own = own.items.iter().find(|item| item.user_id == others[2].user_id);
    assert_eq!(own.unwrap().watermarks.read_seq, seq, "users see their own watermarks");

    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = messages
            .message_receipts(&ana, group, seq, after, limit(4))
            .await
            .unwrap();
        listed.extend(page.items.into_iter().map(|item| (item.user_id, item.status)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(n, who)| {
            let shown = n < 4 && n != 2;
            let status = if shown {
                ReceiptStatus::Read
            } else {
                ReceiptStatus::Sent
            };
            (who.user_id, status)
        })
        .collect();
    expected.sort_unstable();
    assert_eq!(listed, expected, "each member but the sender");
}

#[tokio::test]
async fn a_peer_who_hides_receipts_shows_none() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let seq = world.say(&ana, chat, "did you read this?").await.seq;
    assert!(world.view(&ana, chat).await.peer_receipt.is_some());
    let discreet = ProfilePatch {
        read_receipts: Some(false),
        ..ProfilePatch::default()
    };
    world.app.users().update_me(&ben, discreet).await.unwrap();
    let mut listener = world.listen(&ana);
    let messages = world.app.messages();
    messages.advance(&ben, chat, Watermarks::read(seq), None).await.unwrap();
    assert_eq!(world.view(&ana, chat).await.peer_receipt, None);
    let page = messages
        .message_receipts(&ana, chat, seq, None, limit(5))
        .await
        .unwrap();
    assert_eq!(page.items[0].status, ReceiptStatus::Sent);
    let answer = world.say(&ben, chat, "read what?").await;
    loop {
        match listener.next().await {
            Event::MessageCreated(message) if message.id == answer.id => break,
            Event::ReceiptUpdated { .. } => panic!("a receipt was told"),
            _ => (),
        }
    }
}
