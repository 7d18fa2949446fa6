//! Concurrent changes of groups, through two servers if the store allows it.

use letsapp_core::LetsApp;
use letsapp_core::domain::conversation::MAX_MEMBERS;
use letsapp_core::domain::id::{ConversationId, Seq, UserId};
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::About;
use letsapp_core::ports::Range;
use letsapp_core::protocol::requests::{AddMembers, CreateConversation, SendMessage, UpdateConversation};
use letsapp_core::protocol::{Member, SystemEvent};
use letsapp_core::services::{ConversationError, Forbidden};

use crate::world::{World, limit};

/// Number of repetitions of each race, as a single run may not hit the interesting order.
const RACES: usize = 5;

fn is_role(outcome: &Result<impl Sized, ConversationError>) -> bool {
    matches!(outcome, Err(ConversationError::Forbidden(Forbidden::Role)))
}

fn is_out(outcome: &Result<impl Sized, ConversationError>) -> bool {
    matches!(outcome, Err(ConversationError::Forbidden(Forbidden::NotAMember)))
}

/// Returns the system messages of a group after the first, which tells of its creation.
async fn told(world: &World, who: &Principal, id: ConversationId) -> Vec<SystemEvent> {
    let history = world.app.messages().history(who, id, Range::After(Seq(1)), limit(200));
    let items = history.await.unwrap().items;
    items.into_iter().filter_map(|message| message.system).collect()
}

async fn change_role(
    app: &LetsApp,
    owner: &Principal,
    id: ConversationId,
    who: &Principal,
    role: Role,
) -> Result<Member, ConversationError> {
    app.conversations()
        .change_role(owner, id, who.user_id, role, None)
        .await
}

async fn remove(app: &LetsApp, who: &Principal, id: ConversationId, whom: UserId) -> Result<(), ConversationError> {
    app.conversations().remove_member(who, id, whom, None).await
}

async fn roles(world: &World, who: &Principal, id: ConversationId) -> Vec<(UserId, Role)> {
    let members = world.app.conversations().members(who, id, None, limit(200)).await;
    let members = members.unwrap().items.into_iter();
    members.map(|member| (member.user.id, member.role)).collect()
}

fn owners(roles: &[(UserId, Role)]) -> Vec<UserId> {
    let owners = roles.iter().filter(|(_, role)| *role == Role::Owner);
    owners.map(|(user_id, _)| *user_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_demoted_and_removed_at_once_is_removed_or_stays_as_a_member() {
    let (world, there) = World::with_another_server().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    for _ in 0..RACES {
        let group = world.group(&ana, &[&ben, &cem]).await;
        for admin in [&ben, &cem] {
            change_role(&world.app, &ana, group, admin, Role::Admin).await.unwrap();
        }
        let (demoted, by_ben, by_cem) = tokio::join!(
            change_role(&world.app, &ana, group, &ben, Role::Member),
            remove(&world.app, &ben, group, cem.user_id),
            remove(&there, &cem, group, ben.user_id),
        );
        demoted.unwrap();
        assert!(is_role(&by_ben) || is_out(&by_ben), "{by_ben:?}");
        let left = roles(&world, &ana, group).await;
        let ben_now = left.iter().find(|(user_id, _)| *user_id == ben.user_id);
        match by_cem {
            Ok(()) => assert_eq!(ben_now, None),
            refused => {
                assert!(is_role(&refused), "{refused:?}");
                assert_eq!(ben_now, Some(&(ben.user_id, Role::Member)));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_added_twice_at_once_joins_once() {
    let (world, there) = World::with_another_server().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    for _ in 0..RACES {
        let group = world.group(&ana, &[]).await;
        let add = async |app: &LetsApp| {
            let request = AddMembers {
                user_ids: vec![ben.user_id],
            };
            app.conversations()
                .add_members(&ana, group, request, None)
                .await
                .unwrap()
        };
        let (here, there) = tokio::join!(add(&world.app), add(&there));
        assert_eq!(here.len() + there.len(), 1, "one of the two has brought him in");
        let added = SystemEvent::MembersAdded {
            user_ids: vec![ben.user_id],
        };
        assert_eq!(told(&world, &ana, group).await, [added]);
        assert_eq!(world.view(&ben, group).await.member_count, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_two_members_may_leave_at_once() {
    let (world, there) = World::with_another_server().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    for _ in 0..RACES {
        let group = world.group(&ana, &[&ben]).await;
        let (first, second) = tokio::join!(
            remove(&world.app, &ana, group, ana.user_id),
            remove(&there, &ben, group, ben.user_id),
        );
        first.unwrap();
        second.unwrap();
        let stayed = async |who| world.view(who, group).await.member_count;
        let mut stayed = [stayed(&ana).await, stayed(&ben).await];
        stayed.sort_unstable();
        assert_eq!(stayed, [0, 1], "the one who left first saw the other stay");
        let mut told = told(&world, &ana, group).await;
        told.extend(self::told(&world, &ben, group).await);
        let left = |who: &Principal| SystemEvent::MemberLeft { user_id: who.user_id };
        assert!(told.contains(&left(&ana)) && told.contains(&left(&ben)), "{told:?}");
        let late = there
            .messages()
            .send(&ben, group, SendMessage::text("anyone?").unwrap(), None);
        assert!(is_out(&late.await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_concurrent_transfers_one_makes_an_owner() {
    let (world, there) = World::with_another_server().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    for _ in 0..RACES {
        let group = world.group(&ana, &[&ben, &cem]).await;
        let (to_ben, to_cem) = tokio::join!(
            change_role(&world.app, &ana, group, &ben, Role::Owner),
            change_role(&there, &ana, group, &cem, Role::Owner),
        );
        let roles = roles(&world, &ana, group).await;
        let heir = match (&to_ben, &to_cem) {
            (Ok(_), refused) if is_role(refused) => &ben,
            (refused, Ok(_)) if is_role(refused) => &cem,
            both => panic!("{both:?}"),
        };
        assert_eq!(owners(&roles), [heir.user_id]);
        assert!(roles.contains(&(ana.user_id, Role::Admin)), "{roles:?}");
        let handed = SystemEvent::RoleChanged {
            user_id: heir.user_id,
            role: Role::Owner,
        };
        assert_eq!(told(&world, &ana, group).await, [handed], "one message tells of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_leaves_during_a_transfer_leaves_exactly_one_owner() {
    let (world, there) = World::with_another_server().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    for _ in 0..RACES {
        let group = world.group(&ana, &[&ben, &cem]).await;
        let (left, handed) = tokio::join!(
            remove(&world.app, &ana, group, ana.user_id),
            change_role(&there, &ana, group, &cem, Role::Owner),
        );
        left.unwrap();
        assert!(handed.is_ok() || is_out(&handed) || is_role(&handed), "{handed:?}");
        let roles = roles(&world, &cem, group).await;
        assert_eq!((roles.len(), owners(&roles).len()), (2, 1), "{roles:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_during_the_removal_of_its_sender_precedes_it_or_is_refused() {
    let (world, there) = World::with_another_server().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    for _ in 0..RACES {
        let group = world.group(&ana, &[&ben]).await;
        let say = async |app: &LetsApp, n: usize| {
            let request = SendMessage::text(format!("{n}")).unwrap();
            app.messages().send(&ben, group, request, None).await
        };
        let (removed, first, second, third) = tokio::join!(
            remove(&world.app, &ana, group, ben.user_id),
            say(&there, 1),
            say(&world.app, 2),
            say(&there, 3),
        );
        removed.unwrap();
        let end = world.view(&ben, group).await.head.seq;
        let mut sent = 0;
        for outcome in [first, second, third] {
            match outcome {
                Ok((message, _)) => {
                    assert!(message.seq < end, "{} is behind {end}", message.seq);
                    sent += 1;
                }
                refused => assert!(is_out(&refused), "{refused:?}"),
            }
        }
        let head = world.view(&ana, group).await.head.seq;
        assert_eq!((head, head.0), (end, sent + 2), "its making, the messages, the removal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_and_a_description_set_together_are_changed_together() {
    let (world, there) = World::with_another_server().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let group = world.group(&ana, &[&ben]).await;
    change_role(&world.app, &ana, group, &ben, Role::Admin).await.unwrap();
    let describe = async |app: &LetsApp, who: &Principal, name: String| {
        let request = UpdateConversation {
            title: Some(Title::parse(&*name).unwrap()),
            about: Some(About::parse(&*name).unwrap()),
            avatar_media_id: None,
        };
        app.conversations().update(who, group, request, None).await.unwrap();
    };
    for n in 0..4 * RACES {
        tokio::join!(
            describe(&world.app, &ana, format!("Ana's {n}")),
            describe(&there, &ben, format!("Ben's {n}")),
        );
        let view = world.view(&ana, group).await;
        assert_eq!(view.title.as_deref(), Some(&*view.about), "both by the same user");
    }
    let told = told(&world, &ana, group).await.split_off(1);
    assert_eq!(told.len(), 16 * RACES);
    for pair in told.chunks(2) {
        let [SystemEvent::TitleChanged { title }, SystemEvent::AboutChanged { about }] = pair else {
            panic!("{pair:?}");
        };
        assert_eq!(title, about);
    }
}

#[tokio::test]
async fn a_group_holds_1024_members() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let strangers: Vec<_> = (0..MAX_MEMBERS)
        .map(|n| UserId::from_bytes((n as u128 + 1).to_be_bytes()))
        .collect();
    let request = |member_ids: &[UserId]| CreateConversation::Group {
        id: None,
        title: Title::parse("A crowd").unwrap(),
        about: None,
        member_ids: member_ids.to_vec(),
    };
    let conversations = world.app.conversations();
    let codes = |outcome: ConversationError| match outcome {
        ConversationError::Invalid(errors) => errors.into_iter().map(|error| error.code).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let with_her = conversations.create(&ana, request(&strangers), None).await.unwrap_err();
    assert_eq!(codes(with_her), ["too_many"], "herself included");
    let one_less = conversations
        .create(&ana, request(&strangers[1..]), None)
        .await
        .unwrap_err();
    assert_eq!(codes(one_less), ["unknown_user"], "so many there may be, if there are");
}
