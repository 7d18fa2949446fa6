//! Conversations, rosters, heads and members.

use std::collections::HashMap;

use super::Trial;
use super::fixtures::{at, conversation_id, direct, group, system, text, user_id};
use super::steps::{append, at_once, creation, update_group};
use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::window::Window;
use crate::ports::Creation;

pub async fn a_direct_conversation_is_made_once(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let first = direct(ana, ben);
    let made = trial.conversations().create_direct(first.clone(), at(1)).await.unwrap();
    assert_eq!(made, Creation::Created(first.clone()));
    // The other user of the pair asks later, in the other order, and offers another id.
    let other = Conversation {
        id: conversation_id(7),
        ..direct(ben, ana)
    };
    let again = trial.conversations().create_direct(other, at(2)).await.unwrap();
    assert_eq!(again, Creation::Existing(first.clone()));
    assert_eq!(trial.conversations().find(&[conversation_id(7)]).await.unwrap(), []);
    assert_eq!(trial.conversations().find(&[first.id]).await.unwrap(), [first.clone()]);
    let member = trial.member(first.id, ben).await;
    assert_eq!(
        member,
        Member::of_pair(first.id, ben, at(1)),
        "the second request changed nothing"
    );
}

pub async fn of_concurrent_creations_of_a_direct_conversation_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 0..5 {
        let (ana, ben) = (user_id(10 * round), user_id(10 * round + 1));
        let made = at_once((0..12).map(|n| {
            let conversations = if n % 2 == 0 {
                trial.conversations()
            } else {
                another.conversations()
            };
            let pair = if n % 3 == 0 { direct(ana, ben) } else { direct(ben, ana) };
            let wanted = Conversation {
                id: conversation_id(100 * round + u64::try_from(n).unwrap()),
                ..pair
            };
            async move { conversations.create_direct(wanted, at(n)).await.unwrap() }
        }));
        let made = made.await;
        let created: Vec<_> = made
            .iter()
            .filter(|made| matches!(made, Creation::Created(_)))
            .collect();
        assert_eq!(created.len(), 1, "{made:?}");
        let found = trial.conversations().direct(&[Conversation::pair_of(ben, ana)]).await;
        let stored = trial.conversation(found.unwrap()[0].1).await;
        for made in made {
            let (Creation::Created(conversation) | Creation::Existing(conversation)) = made;
            assert_eq!(conversation, stored);
        }
        assert_eq!(trial.roster(stored.id).await.members.len(), 2);
        assert_eq!(trial.conversations().memberships(ana).await.unwrap().len(), 1);
    }
}

pub async fn direct_conversations_are_found_by_their_pairs(trial: Trial) {
    let users: Vec<_> = (1..=4).map(user_id).collect();
    let (one, two) = (
        trial.direct(users[0], users[1]).await,
        trial.direct(users[2], users[0]).await,
    );
    trial.group(1, &users).await;
    let pair = |a: usize, b: usize| Conversation::pair_of(users[a], users[b]);
    let asked = [pair(1, 2), pair(1, 0), pair(0, 2), pair(3, 0)];
    let mut found = trial.conversations().direct(&asked).await.unwrap();
    found.sort_by_key(|(_, id)| *id != one);
    assert_eq!(found, [(pair(0, 1), one), (pair(0, 2), two)]);
    assert_eq!(trial.conversations().direct(&[]).await.unwrap(), []);
}

pub async fn acquainted_users_are_in_a_conversation_now(trial: Trial) {
    let users: Vec<_> = (1..=7).map(user_id).collect();
    trial.group(1, &users[..3]).await;
    let chat = trial.direct(users[0], users[3]).await;
    let left = trial.group(2, &[users[0], users[4]]).await;
    trial.tell(left, 3, &[MemberChange::Left(users[4])], 1).await;
    let away = trial.group(3, &[users[5], users[0]]).await;
    trial.tell(away, 4, &[MemberChange::Left(users[0])], 1).await;
    let acquainted = async |with: &[UserId]| {
        let mut found = trial.conversations().acquainted(users[0], with).await.unwrap();
        found.sort_by_key(|found| users.iter().position(|user| user == found));
        found
    };
    let doubled = [&users[1..], &users[1..]].concat();
    assert_eq!(
        acquainted(&doubled).await,
        users[1..3],
        "nobody has written to the fourth"
    );
    trial.store(append(text(chat, 1, users[3]), Seq::ZERO)).await;
    assert_eq!(
        acquainted(&doubled).await,
        users[1..4],
        "each once, and only those of now"
    );
    trial
        .tell(left, 5, &[MemberChange::Joined(users[4], Role::Member)], 2)
        .await;
    assert_eq!(
        acquainted(&users[3..]).await,
        users[3..5],
        "who comes back is one again"
    );
    assert_eq!(acquainted(&[]).await, []);
    assert_eq!(trial.conversations().acquainted(user_id(9), &users).await.unwrap(), []);
}

pub async fn both_users_of_a_pair_are_members_from_the_start(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.direct(ana, ben).await;
    let roster = trial.roster(id).await;
    let mut expected = vec![Member::of_pair(id, ana, at(0)), Member::of_pair(id, ben, at(0))];
    expected.sort_by_key(|member| member.user_id);
    assert_eq!(roster.members, expected);
    assert_eq!((roster.conversation, roster.fence), (direct(ana, ben), Seq::ZERO));
}

pub async fn conversations_are_found_as_stored(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let group_id = trial.group(1, &[ana, ben]).await;
    let direct_id = trial.direct(ana, ben).await;
    let mut found = trial
        .conversations()
        .find(&[direct_id, conversation_id(9), group_id])
        .await
        .unwrap();
    found.sort_by_key(|conversation| conversation.id != group_id);
    assert_eq!(found, [group(1, ana), direct(ana, ben)]);
    assert_eq!(trial.conversations().find(&[conversation_id(9)]).await.unwrap(), []);
    assert_eq!(trial.conversations().find(&[]).await.unwrap(), []);
    assert_eq!(trial.conversations().rosters(&[conversation_id(9)]).await.unwrap(), []);
    assert_eq!(trial.conversations().rosters(&[]).await.unwrap(), []);
}

pub async fn a_roster_lists_present_members_by_joining_and_then_by_id(trial: Trial) {
    let users: Vec<_> = (1..=5).map(user_id).collect();
    let id = trial.group(1, &users[..3]).await;
    let join = |user| MemberChange::Joined(user, Role::Member);
    trial.tell(id, 2, &[join(users[4])], 1).await;
    trial
        .tell(id, 3, &[join(users[3]), MemberChange::Left(users[1])], 2)
        .await;
    trial.tell(id, 4, &[join(users[1])], 3).await;
    trial.tell(id, 5, &[MemberChange::Left(users[4])], 4).await;
    let mut first = [users[0], users[2]];
    first.sort_unstable();
    let roster = trial.roster(id).await;
    let order: Vec<_> = roster.members.iter().map(|member| member.user_id).collect();
    assert_eq!(order, [first[0], first[1], users[3], users[1]]);
    assert_eq!(roster.fence, Seq(5));
    assert!(roster.members.iter().all(Member::is_in));
}

pub async fn rosters_of_many_conversations_come_each_with_its_own_members(trial: Trial) {
    let mut ids = Vec::new();
    for n in 1..=40 {
        ids.push(trial.group(n, &[user_id(n), user_id(n + 1), user_id(n + 2)]).await);
    }
    ids.push(conversation_id(99));
    let rosters = trial.conversations().rosters(&ids).await.unwrap();
    assert_eq!(rosters.len(), 40);
    for n in 1..=40 {
        let roster = rosters
            .iter()
            .find(|roster| roster.conversation.id == conversation_id(n))
            .unwrap();
        assert_eq!(roster.conversation, group(n, user_id(n)));
        let mut members: Vec<_> = roster.members.iter().map(|member| member.user_id).collect();
        let mut expected = [user_id(n), user_id(n + 1), user_id(n + 2)];
        members.sort_unstable();
        expected.sort_unstable();
        assert_eq!(members, expected);
        assert!(
            roster
                .members
                .iter()
                .all(|member| member.conversation_id == conversation_id(n))
        );
    }
}

pub async fn heads_have_the_last_numbers_of_conversations(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let empty = trial.direct(ana, ben).await;
    let busy = trial.group(1, &[ana, ben]).await;
    assert_eq!(trial.head(empty).await, Head::default());
    assert_eq!(trial.head(conversation_id(9)).await, Head::default());
    let first = trial.store(append(text(busy, 2, ana), Seq(1))).await;
    trial.store(append(text(busy, 3, ben), Seq(1))).await;
    trial.edit(&first, "edited", Seq(1)).await;
    let expected = Head {
        seq: Seq(3),
        rev: Rev(4),
        ordinal: 2,
        fence: Seq(1),
        sent_at: at(3),
    };
    assert_eq!(trial.head(busy).await, expected);
    trial.tell(busy, 4, &[], 1).await;
    let expected = Head {
        seq: Seq(4),
        rev: Rev(5),
        ordinal: 2,
        fence: Seq(4),
        sent_at: at(4),
    };
    assert_eq!(trial.head(busy).await, expected);
    trial.store(append(text(empty, 1, ana), Seq::ZERO)).await;
    let expected = Head {
        seq: Seq(1),
        rev: Rev(1),
        ordinal: 1,
        fence: Seq::ZERO,
        sent_at: at(1),
    };
    assert_eq!(trial.head(empty).await, expected);
}

pub async fn heads_of_hundreds_of_conversations_come_at_once(trial: Trial) {
    let ids: Vec<_> = (1..=300).map(conversation_id).collect();
    let users = [user_id(1), user_id(2)];
    let mut changes: Vec<_> = (1..=300).map(|n| creation(n, &users)).collect();
    for n in (1..=300).step_by(3) {
        changes.push(append(text(conversation_id(n), 1_000, users[0]), Seq(1)));
    }
    trial.commit(changes).await;
    let heads = trial.conversations().heads(&ids).await.unwrap();
    assert_eq!(heads.len(), 300);
    for n in 1..=300 {
        let (_, head) = heads.iter().find(|(id, _)| *id == conversation_id(n)).unwrap();
        let length = if n % 3 == 1 { 2 } else { 1 };
        assert_eq!((head.seq, head.rev, head.fence), (Seq(length), Rev(length), Seq(1)));
    }
}

pub async fn activity_is_the_time_of_the_newest_message(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let sent = |id, n, time| Message {
        sent_at: at(time),
        ..text(id, n, ana)
    };
    let empty = trial.direct(ana, ben).await;
    let busy = trial.group(1, &[ana, ben]).await;
    let first = trial.store(append(sent(busy, 2, 50), Seq(1))).await;
    trial.store(append(sent(busy, 3, 70), Seq(1))).await;
    trial.edit(&first, "edited", Seq(1)).await;
    let mut ids = vec![empty, busy, conversation_id(999)];
    let latest = trial.conversations().activity(&ids).await.unwrap();
    assert_eq!(latest, [(busy, at(70))], "an edit moves nothing");
    // More of them at once than a query takes parameters.
    let made: Vec<_> = (100..700).map(|n| creation(n, &[ana])).collect();
    trial.commit(made).await;
    ids.extend((100..700).map(conversation_id));
    let latest: HashMap<_, _> = trial
        .conversations()
        .activity(&ids)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(latest.len(), 601);
    assert_eq!(latest[&conversation_id(345)], at(345), "that of the only message");
}

pub async fn present_members_are_counted(trial: Trial) {
    let users: Vec<_> = (1..=4).map(user_id).collect();
    let four = trial.group(1, &users).await;
    let left = trial.group(2, &users).await;
    let pair = trial.direct(users[0], users[1]).await;
    trial.tell(left, 3, &[MemberChange::Left(users[1])], 1).await;
    trial.tell(left, 4, &[MemberChange::Left(users[2])], 2).await;
    let unknown = conversation_id(9);
    let counts = trial
        .conversations()
        .member_counts(&[four, unknown, left, pair])
        .await
        .unwrap();
    let count = |of| counts.iter().find(|(id, _)| *id == of).map_or(0, |(_, count)| *count);
    assert_eq!([count(four), count(left), count(pair), count(unknown)], [4, 2, 2, 0]);
    assert_eq!(trial.conversations().member_counts(&[]).await.unwrap(), []);
}

pub async fn former_members_are_found(trial: Trial) {
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let (one, two) = (trial.group(1, &users).await, trial.group(2, &users[..2]).await);
    trial.tell(one, 3, &[MemberChange::Left(users[1])], 1).await;
    let wanted = [
        (one, users[1]),
        (two, users[2]),
        (two, users[0]),
        (conversation_id(9), users[0]),
    ];
    let mut found = trial.conversations().members(&wanted).await.unwrap();
    found.sort_by_key(|member| member.conversation_id != one);
    let keys: Vec<_> = found
        .iter()
        .map(|member| (member.conversation_id, member.user_id))
        .collect();
    assert_eq!(keys, [(one, users[1]), (two, users[0])]);
    let window = Window {
        from: Seq(1),
        to: Some(Seq(2)),
    };
    assert_eq!(found[0].windows, [window]);
    assert_eq!(trial.conversations().members(&[]).await.unwrap(), []);
}

pub async fn memberships_include_former_ones(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let one = trial.group(1, &[ana, ben]).await;
    let two = trial.group(2, &[ben, ana]).await;
    let three = trial.group(3, &[ben]).await;
    let pair = trial.direct(ana, ben).await;
    trial.tell(two, 4, &[MemberChange::Left(ana)], 1).await;
    for (user, ids) in [(ana, vec![one, two, pair]), (ben, vec![one, two, three, pair])] {
        let memberships = trial.conversations().memberships(user).await.unwrap();
        assert_eq!(memberships.len(), ids.len());
        for id in ids {
            let membership = memberships.iter().find(|member| member.conversation_id == id).unwrap();
            assert_eq!(
                *membership,
                trial.member(id, user).await,
                "the same record, whichever way it is read"
            );
        }
    }
    assert_eq!(trial.conversations().memberships(user_id(9)).await.unwrap(), []);
}

impl Trial {
    /// Commits a change of members under a fence. Its system message is the `n`th message fixture; returns its place.
    pub(super) async fn tell(&self, id: ConversationId, n: u64, members: &[MemberChange], fence: u64) -> Seq {
        let user_ids = members.iter().map(MemberChange::user_id).collect();
        let message = system(id, n, user_id(1), SystemEvent::MembersAdded { user_ids });
        self.store(update_group(members, message, Seq(fence))).await.seq
    }
}
