//! Tests of every command in every situation.

use crate::domain::conversation::{Kind, Roster};
use crate::domain::emoji::Emoji;
use crate::domain::id::MediaId;
use crate::domain::message::{Content, Reaction};
use crate::domain::search::IndexTerms;
use crate::domain::steady_time::SteadyTime;
use crate::domain::text::Title;
use crate::domain::user::About;
use crate::engine::commit::command::{Description, GroupChange};
use crate::engine::commit::decide::*;
use crate::engine::error::Forbidden;
use crate::engine::fixtures;
use crate::engine::fixtures::{CHAT, NOW, conversation, member};
use crate::engine::rosters::Moment;
use crate::engine::rosters::direct_policy::DirectPolicy;
use crate::ports::TermsChange;

const OWNER: UserId = UserId::from_bytes([1; 16]);
const ADMIN: UserId = UserId::from_bytes([2; 16]);
const MEMBER: UserId = UserId::from_bytes([3; 16]);
/// A member who joined after ten messages.
const LATECOMER: UserId = UserId::from_bytes([4; 16]);
const STRANGER: UserId = UserId::from_bytes([9; 16]);

const WINDOW: Duration = Duration::from_secs(900);

fn known(conversation: Conversation, members: Vec<Member>) -> CachedRoster {
    let fence = Seq(10);
    let roster = Roster {
        conversation,
        members,
        fence,
    };
    CachedRoster::new(
        roster,
        DirectPolicy::default(),
        SteadyTime::default(),
        Moment::default(),
    )
}

fn group() -> CachedRoster {
    let members = vec![
        member(OWNER, Role::Owner, 1),
        member(ADMIN, Role::Admin, 1),
        member(MEMBER, Role::Member, 1),
        member(LATECOMER, Role::Member, 10),
    ];
    known(conversation(Kind::Group), members)
}

fn direct() -> CachedRoster {
    let members = vec![member(OWNER, Role::Member, 1), member(MEMBER, Role::Member, 1)];
    let conversation = Conversation {
        pair: Some((OWNER, MEMBER)),
        ..conversation(Kind::Direct)
    };
    known(conversation, members)
}

fn submission(actor: UserId, command: Command) -> Submission {
    Submission {
        conversation_id: CHAT,
        actor,
        origin: None,
        at: NOW,
        command,
        operation: [5; 16],
    }
}

/// A message sent so long ago that it can only just be edited.
fn message(sender_id: UserId, seq: u64) -> Message {
    Message {
        sent_at: NOW.minus(WINDOW),
        ..fixtures::message(sender_id, seq)
    }
}

fn try_decide(
    actor: UserId,
    command: Command,
    known: Option<&CachedRoster>,
    target: Option<&Message>,
) -> Result<Decision, ConversationError> {
    decide(&submission(actor, command), known, target, &Files::default(), WINDOW)
}

/// Returns a decision in one word.
fn word(decision: &Result<Decision, ConversationError>) -> String {
    match decision {
        Ok(Decision::Commit(_)) => "commit".to_owned(),
        Ok(Decision::Unchanged(_)) => "unchanged".to_owned(),
        Ok(Decision::Nothing) => "nothing".to_owned(),
        Err(ConversationError::Forbidden(Forbidden::NotAMember)) => "outsider".to_owned(),
        Err(ConversationError::NotFound) => "not found".to_owned(),
        Err(ConversationError::Forbidden(why)) => match why {
            Forbidden::Role => "role",
            Forbidden::Direct => "direct",
            Forbidden::NotTheSender => "not yours",
            Forbidden::TooLate => "too late",
            Forbidden::Deleted => "deleted",
            Forbidden::System => "system",
            Forbidden::NotAMember => "not a member",
            Forbidden::StillAMember => "leave first",
            Forbidden::Blocking => "unblock",
            Forbidden::Unreachable => "unreachable",
        }
        .to_owned(),
        Err(ConversationError::Invalid(fields)) => format!("{}: {}", fields[0].field, fields[0].code),
        Err(other) => format!("{other:?}"),
    }
}

fn emoji(text: &str) -> Emoji {
    Emoji::parse(text).unwrap()
}

fn edit(body: &str) -> Command {
    Command::Edit {
        seq: Seq(5),
        body: body.to_owned(),
        mentions: Vec::new(),
        files: None,
    }
}

fn revise_command(name: &str) -> Command {
    let seq = Seq(5);
    match name {
        "edit" => edit("changed"),
        "same edit" => edit("hello"),
        "empty edit" => edit(""),
        "delete" => Command::Delete { seq },
        "react" => Command::React {
            seq,
            emoji: emoji("👍"),
        },
        "react again" => Command::React {
            seq, emoji: emoji("❤")
        },
        "unreact" => Command::Unreact { seq, emoji: None },
        "unreact it" => Command::Unreact {
            seq,
            emoji: Some(emoji("❤\u{fe0f}")),
        },
        "unreact another" => Command::Unreact {
            seq,
            emoji: Some(emoji("👍")),
        },
        _ => panic!("no such command: {name}"),
    }
}

#[test]
fn which_revisions_of_a_message_are_allowed() {
    let group = group();
    let of = |sender_id| Message {
        reactions: [MEMBER, ADMIN]
            .map(|user_id| Reaction {
                user_id,
                emoji: emoji("❤"),
            })
            .to_vec(),
        ..message(sender_id, 5)
    };
    let late = Message {
        sent_at: NOW.minus(WINDOW + Duration::from_millis(1)),
        ..of(MEMBER)
    };
    let deleted = Message {
        deleted_at: Some(NOW),
        content: Content::Text(String::new()),
        reactions: Vec::new(),
        ..of(MEMBER)
    };
    let system = Message {
        content: Content::System(SystemEvent::MemberLeft { user_id: STRANGER }),
        ..of(MEMBER)
    };
    let missing = "not found";
    #[rustfmt::skip]
    let table = [
        // command            own          late         another's    as admin     deleted      by admin     system
        ("edit",            ["commit",    "too late",  "not yours", "not yours", "deleted",   "not yours", "system"]),
        ("same edit",       ["unchanged", "too late",  "not yours", "not yours", "deleted",   "not yours", "system"]),
        ("empty edit",      ["body: too_short", "too late", "not yours", "not yours", "deleted", "not yours", "system"]),
        ("delete",          ["commit",    "commit",    "role",      "commit",    "unchanged", "unchanged", "system"]),
        ("react",           ["commit",    "commit",    "commit",    "commit",    "deleted",   "deleted",   "system"]),
        ("react again",     ["unchanged", "unchanged", "unchanged", "unchanged", "deleted",   "deleted",   "system"]),
        ("unreact",         ["commit",    "commit",    "commit",    "commit",    "unchanged", "unchanged", "system"]),
        ("unreact it",      ["commit",    "commit",    "commit",    "commit",    "unchanged", "unchanged", "system"]),
        ("unreact another", ["unchanged", "unchanged", "unchanged", "unchanged", "unchanged", "unchanged", "system"]),
    ];
    for (name, expected) in table {
        let situations = [
            (MEMBER, of(MEMBER)),
            (MEMBER, late.clone()),
            (MEMBER, of(OWNER)),
            (ADMIN, of(OWNER)),
            (MEMBER, deleted.clone()),
            (ADMIN, deleted.clone()),
            (ADMIN, system.clone()),
        ];
        for (place, ((actor, target), expected)) in situations.into_iter().zip(expected).enumerate() {
            let decision = try_decide(actor, revise_command(name), Some(&group), Some(&target));
            assert_eq!(word(&decision), expected, "{name}, situation {place}");
        }
        // A message that the actor may not see does not exist for the actor, not even for its sender who left and
        // joined again.
        for (actor, target, expected) in [
            (MEMBER, None, missing),
            (LATECOMER, Some(of(OWNER)), missing),
            (LATECOMER, Some(of(LATECOMER)), missing),
            (STRANGER, Some(of(STRANGER)), "outsider"),
        ] {
            let decision = try_decide(actor, revise_command(name), Some(&group), target.as_ref());
            assert_eq!(word(&decision), expected, "{name} by {actor} of {target:?}");
        }
        let nowhere = try_decide(MEMBER, revise_command(name), None, Some(&of(MEMBER)));
        assert_eq!(word(&nowhere), "outsider");
    }
    let peers = try_decide(OWNER, revise_command("delete"), Some(&direct()), Some(&of(MEMBER)));
    assert_eq!(word(&peers), "not yours", "a direct conversation has no admin");
}

#[test]
fn which_messages_may_be_sent() {
    let send = |actor, reply_to: Option<u64>, mentions: &[UserId], target: Option<&Message>| {
        let message = Message {
            reply_to: reply_to.map(Seq),
            mentions: mentions.to_vec(),
            ..message(actor, 0)
        };
        word(&try_decide(
            actor,
            Command::Send(Arc::new(message), Vec::new()),
            Some(&group()),
            target,
        ))
    };
    assert_eq!(send(MEMBER, None, &[OWNER, LATECOMER], None), "commit");
    assert_eq!(send(STRANGER, None, &[], None), "outsider");
    assert_eq!(send(MEMBER, None, &[OWNER, STRANGER], None), "mentions: not_a_member");
    assert_eq!(
        send(MEMBER, Some(10), &[], None),
        "commit",
        "as far as the fence all is there"
    );
    assert_eq!(send(MEMBER, Some(11), &[], None), "reply_to: not_found");
    assert_eq!(send(MEMBER, Some(11), &[], Some(&message(OWNER, 11))), "commit");
    assert_eq!(send(MEMBER, Some(0), &[], None), "reply_to: not_found");
    assert_eq!(
        send(LATECOMER, Some(9), &[], None),
        "reply_to: not_found",
        "not theirs to see"
    );
    assert_eq!(send(LATECOMER, Some(10), &[], None), "commit");
}

#[test]
fn what_members_of_a_direct_conversation_may_do_behind_a_block_or_an_erasure() {
    let between = |direct_policy: DirectPolicy| {
        let mut known = direct();
        known.direct_policy = direct_policy;
        known
    };
    let open = between(DirectPolicy::default());
    let blocked = between(DirectPolicy {
        blockers: vec![OWNER],
        ..DirectPolicy::default()
    });
    let erased = between(DirectPolicy {
        erased: vec![OWNER],
        ..DirectPolicy::default()
    });
    let mine = |sender_id| Message {
        reactions: vec![Reaction {
            user_id: sender_id,
            emoji: emoji("❤"),
        }],
        ..message(sender_id, 5)
    };
    #[rustfmt::skip]
    let table = [
        // command           nothing      by who is blocked  by who blocks  to an erased account
        ("send",            ["commit",    "unreachable",     "unblock",     "unreachable"]),
        ("edit",            ["commit",    "unreachable",     "unblock",     "unreachable"]),
        ("react",           ["commit",    "unreachable",     "unblock",     "unreachable"]),
        ("react again",     ["unchanged", "unreachable",     "unblock",     "unreachable"]),
        ("unreact",         ["commit",    "commit",          "commit",      "commit"]),
        ("unreact another", ["unchanged", "unchanged",       "unchanged",   "unchanged"]),
        ("delete",          ["commit",    "commit",          "commit",      "commit"]),
    ];
    for (name, expected) in table {
        let situations = [
            (MEMBER, &open),
            (MEMBER, &blocked),
            (OWNER, &blocked),
            (MEMBER, &erased),
        ];
        for ((actor, known), expected) in situations.into_iter().zip(expected) {
            let command = match name {
                "send" => Command::Send(Arc::new(message(actor, 0)), Vec::new()),
                name => revise_command(name),
            };
            let decision = try_decide(actor, command, Some(known), Some(&mine(actor)));
            assert_eq!(
                word(&decision),
                expected,
                "{name} by {actor} where there is {:?}",
                known.direct_policy
            );
        }
    }
    let unseen = try_decide(MEMBER, revise_command("edit"), Some(&blocked), None);
    assert_eq!(word(&unseen), "not found", "what is not there is not there first");
    let stranger = try_decide(STRANGER, revise_command("react"), Some(&blocked), Some(&mine(MEMBER)));
    assert_eq!(word(&stranger), "outsider", "nobody else learns of it");
}

#[test]
fn a_mentioned_user_may_have_left_when_the_text_is_edited() {
    let before = Message {
        mentions: vec![STRANGER],
        ..message(MEMBER, 5)
    };
    let edit = |mentions: &[UserId]| {
        let command = Command::Edit {
            seq: Seq(5),
            body: "changed".to_owned(),
            mentions: mentions.to_vec(),
            files: None,
        };
        try_decide(MEMBER, command, Some(&group()), Some(&before))
    };
    let mentioned = |decision: Result<Decision, ConversationError>| match decision {
        Ok(Decision::Commit(change)) => change.message().mentions.clone(),
        other => panic!("{}", word(&other)),
    };
    assert_eq!(mentioned(edit(&[STRANGER, OWNER])), [STRANGER, OWNER]);
    assert_eq!(
        mentioned(edit(&[OWNER])),
        [OWNER],
        "who is not named again is not mentioned"
    );
    assert_eq!(mentioned(edit(&[])), []);
    let other = UserId::from_bytes([8; 16]);
    assert_eq!(word(&edit(&[other])), "mentions: not_a_member");
}

#[test]
fn which_roles_may_change_a_group() {
    let title = |text: &str| GroupChange::title(Title::parse(text).unwrap());
    let about = |about| {
        GroupChange::Describe(Description {
            about: Some(about),
            ..Description::default()
        })
    };
    let picture = |avatar_media_id| {
        GroupChange::Describe(Description {
            avatar_media_id: Some(avatar_media_id),
            ..Description::default()
        })
    };
    let assign = |user_id, role| GroupChange::ChangeRole(user_id, role);
    let some_picture = Some(MediaId::from_bytes([6; 16]));
    let crowd: Vec<_> = (0..1_020u32)
        .map(|n| UserId::from_bytes(u128::from(n + 1_000).to_be_bytes()))
        .collect();
    let second_admin = UserId::from_bytes([12; 16]);
    let group = || {
        let mut members = group().roster.members;
        members.push(member(second_admin, Role::Admin, 1));
        known(conversation(Kind::Group), members)
    };
    #[rustfmt::skip]
    let table = [
        // change                                         by a member  an admin               the owner
        (title("Another"),                           ["role",      "commit",              "commit"]),
        (title("A group"),                           ["role",      "nothing",             "nothing"]),
        (about(About::parse("x").unwrap()),               ["role",      "commit",              "commit"]),
        (about(About::default()),                         ["role",      "nothing",             "nothing"]),
        (picture(some_picture),                              ["role",      "commit",              "commit"]),
        (picture(None),                                      ["role",      "nothing",             "nothing"]),
        (GroupChange::AddMembers(vec![STRANGER]),                   ["role",      "commit",              "commit"]),
        (GroupChange::AddMembers(vec![MEMBER, ADMIN]),              ["role",      "nothing",             "nothing"]),
        (GroupChange::AddMembers(crowd),                            ["role",      "user_ids: too_many",  "user_ids: too_many"]),
        (GroupChange::RemoveMember(STRANGER),                      ["role",      "not found",           "not found"]),
        (GroupChange::RemoveMember(LATECOMER),                     ["role",      "commit",              "commit"]),
        (GroupChange::RemoveMember(second_admin),                  ["role",      "role",                "commit"]),
        (assign(MEMBER, Role::Admin),                ["role",      "role",                "commit"]),
        (assign(MEMBER, Role::Member),               ["role",      "role",                "nothing"]),
        (assign(MEMBER, Role::Owner),                ["role",      "role",                "commit"]),
        (assign(OWNER, Role::Owner),                 ["role",      "role",                "nothing"]),
        (assign(OWNER, Role::Member),                ["role",      "role",                "role: owner_required"]),
        (assign(STRANGER, Role::Admin),              ["role",      "role",                "not found"]),
        (assign(STRANGER, Role::Owner),              ["role",      "role",                "not found"]),
        (GroupChange::Delete,                              ["role",      "role",                "commit"]),
    ];
    for (change, [by_member, by_admin, by_owner]) in table {
        let word_of = |actor, known: &CachedRoster| {
            word(&try_decide(
                actor,
                Command::UpdateGroup(change.clone()),
                Some(known),
                None,
            ))
        };
        assert_eq!(word_of(STRANGER, &group()), "outsider", "{change:?} by a stranger");
        assert_eq!(word_of(MEMBER, &group()), by_member, "{change:?} by a member");
        assert_eq!(word_of(ADMIN, &group()), by_admin, "{change:?} by an admin");
        assert_eq!(word_of(OWNER, &group()), by_owner, "{change:?} by the owner");
        assert_eq!(
            word_of(MEMBER, &direct()),
            "direct",
            "{change:?} in a direct conversation"
        );
    }
}

#[test]
fn a_title_a_description_and_a_picture_change_in_one_step() {
    let describe = |description| {
        let command = Command::UpdateGroup(GroupChange::Describe(description));
        match try_decide(ADMIN, command, Some(&group()), None) {
            Ok(Decision::Commit(Change::UpdateGroup {
                conversation: Some(after),
                preceding,
                message,
                ..
            })) => {
                let all = preceding.into_iter().chain([message]);
                (*after, all.map(|message| message.content.clone()).collect::<Vec<_>>())
            }
            other => panic!("{}", word(&other)),
        }
    };
    let (title, about) = (Title::parse("New").unwrap(), About::parse("All of it").unwrap());
    let avatar_media_id = Some(MediaId::from_bytes([6; 16]));
    let events = [
        SystemEvent::TitleChanged {
            title: title.to_string(),
        },
        SystemEvent::AboutChanged {
            about: about.to_string(),
        },
        SystemEvent::PictureChanged { avatar_media_id },
    ];
    let (after, told) = describe(Description {
        title: Some(title.clone()),
        about: Some(about.clone()),
        avatar_media_id: Some(avatar_media_id),
    });
    assert_eq!(told, events.map(Content::System));
    assert_eq!(
        (after.title, after.about, after.avatar_media_id),
        (Some(title), about.clone(), avatar_media_id)
    );
    let before = group().roster.conversation;
    let (after, told) = describe(Description {
        title: before.title.clone(),
        about: Some(about),
        avatar_media_id: Some(before.avatar_media_id),
    });
    assert_eq!(told.len(), 1, "what stays the same is not announced");
    assert_eq!(after.title, before.title);
}

#[test]
fn deleting_a_group_removes_its_members_and_its_description() {
    let group = group();
    match try_decide(OWNER, Command::UpdateGroup(GroupChange::Delete), Some(&group), None) {
        Ok(Decision::Commit(Change::UpdateGroup {
            conversation: Some(left),
            members,
            preceding,
            message,
            fence,
        })) => {
            assert!(preceding.is_empty());
            assert_eq!((left.title, left.deleted_at), (None, Some(NOW)));
            assert_eq!(
                (left.id, left.created_by, left.fingerprint),
                (CHAT, OWNER, group.roster.conversation.fingerprint),
                "a retry of the request that made it is still told from another's"
            );
            assert_eq!(members, [OWNER, ADMIN, MEMBER, LATECOMER].map(MemberChange::Left));
            assert_eq!(message.content, Content::System(SystemEvent::GroupDeleted));
            assert_eq!(fence, group.roster.fence);
        }
        other => panic!("{}", word(&other)),
    }
}

#[test]
fn a_leaving_owner_hands_over_to_the_admin_who_joined_first() {
    let leave = |members: Vec<Member>| {
        let group = known(conversation(Kind::Group), members);
        try_decide(
            OWNER,
            Command::UpdateGroup(GroupChange::RemoveMember(OWNER)),
            Some(&group),
            None,
        )
    };
    let heir = |decision: Result<Decision, ConversationError>| match decision {
        Ok(Decision::Commit(Change::UpdateGroup {
            members,
            preceding,
            message,
            ..
        })) => match members.as_slice() {
            [MemberChange::Left(OWNER), MemberChange::Role(heir, Role::Owner)] => {
                let told: Vec<_> = preceding
                    .iter()
                    .chain([&message])
                    .map(|message| message.content.clone())
                    .collect();
                let (user_id, role) = (*heir, Role::Owner);
                let events = [
                    SystemEvent::RoleChanged { user_id, role },
                    SystemEvent::MemberLeft { user_id: OWNER },
                ];
                assert_eq!(told, events.map(Content::System));
                *heir
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{}", word(&other)),
    };
    let owner = || member(OWNER, Role::Owner, 1);
    let admins = vec![
        owner(),
        member(MEMBER, Role::Member, 1),
        member(ADMIN, Role::Admin, 7),
        member(LATECOMER, Role::Admin, 5),
    ];
    assert_eq!(
        heir(leave(admins)),
        LATECOMER,
        "who joined first, whatever the clocks said"
    );
    let members = vec![
        owner(),
        member(LATECOMER, Role::Member, 9),
        member(MEMBER, Role::Member, 4),
    ];
    assert_eq!(heir(leave(members)), MEMBER);
    match leave(vec![owner()]) {
        Ok(Decision::Commit(change)) => assert!(change.preceding().is_empty(), "nobody is left to hand over to"),
        other => panic!("{}", word(&other)),
    }
    let direct = try_decide(
        OWNER,
        Command::UpdateGroup(GroupChange::RemoveMember(OWNER)),
        Some(&direct()),
        None,
    );
    assert_eq!(word(&direct), "direct");
    let member = try_decide(
        MEMBER,
        Command::UpdateGroup(GroupChange::RemoveMember(MEMBER)),
        Some(&group()),
        None,
    );
    assert_eq!(word(&member), "commit", "anybody may leave");
}

#[test]
fn the_same_submission_decided_again_makes_the_same_messages() {
    let leave = |fence: u64| {
        let mut roster = group().roster;
        roster.fence = Seq(fence);
        let known = CachedRoster::new(
            roster,
            DirectPolicy::default(),
            SteadyTime::default(),
            Moment::default(),
        );
        match try_decide(
            OWNER,
            Command::UpdateGroup(GroupChange::RemoveMember(OWNER)),
            Some(&known),
            None,
        ) {
            Ok(Decision::Commit(change)) => [change.preceding()[0].id, change.message().id],
            other => panic!("{}", word(&other)),
        }
    };
    assert_eq!(leave(10), leave(12));
    let [succession, message] = leave(10);
    assert_ne!(succession, message);
}

#[test]
fn a_group_is_created_without_reading_a_roster() {
    let command = Command::Create {
        conversation: Box::new(conversation(Kind::Group)),
        user_ids: vec![OWNER, MEMBER],
    };
    match try_decide(OWNER, command, None, None) {
        Ok(Decision::Commit(Change::Create { members, message, .. })) => {
            assert_eq!(
                members,
                [
                    MemberChange::Joined(OWNER, Role::Owner),
                    MemberChange::Joined(MEMBER, Role::Member)
                ]
            );
            assert_eq!(
                message.content,
                Content::System(SystemEvent::GroupCreated {
                    user_ids: vec![OWNER, MEMBER]
                })
            );
        }
        other => panic!("{}", word(&other)),
    }
}

#[test]
fn a_message_takes_32_different_reactions_and_any_number_of_the_same() {
    let faces = |count: u32| {
        (0..count).map(|n| Reaction {
            user_id: UserId::from_bytes(u128::from(n + 100).to_be_bytes()),
            emoji: emoji(&char::from_u32(0x1F600 + n).unwrap().to_string()),
        })
    };
    let react = |target: &Message, text: &str| {
        let seq = Seq(5);
        let emoji = emoji(text);
        word(&try_decide(
            MEMBER,
            Command::React { seq, emoji },
            Some(&group()),
            Some(target),
        ))
    };
    let with = |reactions: Vec<Reaction>| Message {
        reactions,
        ..message(OWNER, 5)
    };
    assert_eq!(react(&with(faces(31).collect()), "👍"), "commit");
    assert_eq!(react(&with(faces(32).collect()), "👍"), "emoji: too_many");
    assert_eq!(
        react(&with(faces(32).collect()), "\u{1F600}"),
        "commit",
        "one that is there"
    );
    let mine = Reaction {
        user_id: MEMBER,
        emoji: emoji("❤"),
    };
    let full = with(faces(31).chain([mine]).collect());
    assert_eq!(react(&full, "👍"), "commit", "it takes the place of one's own");
}

#[test]
fn a_deletion_clears_the_index_entries_and_a_reaction_keeps_them() {
    let target = message(MEMBER, 5);
    let terms = |command| match try_decide(MEMBER, command, Some(&group()), Some(&target)) {
        Ok(Decision::Commit(Change::Revise { message, terms, .. })) => (terms, IndexTerms::of(&message)),
        other => panic!("{}", word(&other)),
    };
    assert_eq!(
        terms(revise_command("delete")),
        (TermsChange::Replace, IndexTerms::default())
    );
    assert_eq!(
        terms(revise_command("react")),
        (TermsChange::Keep, IndexTerms::of(&target))
    );
    assert!(!IndexTerms::of(&target).is_empty());
}
