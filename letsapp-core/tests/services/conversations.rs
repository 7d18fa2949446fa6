use letsapp_core::conversations::{ConversationError, Forbidden, Made, Role};
use letsapp_core::id::{ConversationId, Rev, Seq};
use letsapp_core::messages::SystemEvent;
use letsapp_core::protocol::requests::{CreateConversation, UpdateConversation};
use letsapp_core::text::Title;

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
async fn a_group_asked_for_twice_is_one_group() {
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
async fn a_removed_member_reads_nothing_newer_and_one_who_comes_back_misses_what_was_between() {
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
async fn a_leaving_owner_hands_on_to_the_admin_who_joined_first() {
    let world = World::new().await;
    let (ana, ben, cem) = (
        world.person("ana").await,
        world.person("ben").await,
        world.person("cem").await,
    );
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
    let (ana, ben, cem) = (
        world.person("ana").await,
        world.person("ben").await,
        world.person("cem").await,
    );
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
async fn nobodys_message_follows_their_own_removal() {
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
