//! Input as an enemy sends it: whatever a database might take for something else.

use super::Trial;
use super::fixtures::{at, deleted, direct, display_name, email, group, media_id, password, session, system, text};
use super::fixtures::{user, user_id, username};
use super::steps::{ALL, append, committed, duplicate, position, revise, seqs};
use crate::auth::{Key, KeyPurpose, Kid, PasswordHash, Session};
use crate::conversations::{Advance, Conversation, MemberChange, Role, Span, Watermarks, Window};
use crate::id::{ConversationId, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::messages::{Attachment, Change, Content, Emoji, IndexTerms, Message, Range, Reaction, SystemEvent};
use crate::text::Title;
use crate::time::Timestamp;
use crate::users::{About, Email, Login, User, Username};

/// Texts that a careless store trips over.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "NUL in the \0 middle",
        "$where",
        "$set.x",
        "a.b.$[].c",
        "{\"$gt\": \"\"}",
        "'; DROP TABLE messages; --",
        "\" OR \"\"=\"",
        "`'\"\\%_*?[]^",
        "NEAR(\"x\" - * ^ AND OR NOT",
        "null",
        "0x00",
        "\u{feff}byte order mark",
        "\u{fffd}\u{fffe}\u{10ffff}",
        "\u{301}\u{301}\u{301}",
        "e\u{301} and \u{e9} stay two spellings",
        "\u{202e}turned round\u{2066}",
        "\r\n\t\u{b}\u{85}\u{2028}",
        "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇧🇷❤️❤",
        "ẞßſK",
    ]
    .map(str::to_owned)
    .into();
    texts.push("𝔘".repeat(16 * 1024));
    texts.push(format!("Z{}", "\u{300}".repeat(30_000)));
    texts
}

pub async fn bodies_are_kept_to_the_byte(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let mut expected = Vec::new();
    for (n, body) in (1..).zip(texts()) {
        let message = Message {
            content: Content::Text(body),
            ..text(id, n, ana)
        };
        expected.push(trial.store(append(message, Seq::ZERO)).await);
    }
    assert_eq!(trial.audit(id).await, expected);
    let mut revised = Vec::new();
    for (message, body) in expected.iter().zip(texts().into_iter().rev()) {
        revised.push(trial.edit(message, &body, Seq::ZERO).await);
    }
    assert_eq!(trial.audit(id).await, revised);
    for message in revised {
        let again = trial.commit_one(append(message.clone(), Seq::ZERO)).await;
        assert_eq!(duplicate(again), message);
    }
}

pub async fn names_and_titles_are_kept_to_the_byte(trial: Trial) {
    let ana = user_id(1);
    for (n, hostile) in (1..).zip(texts()) {
        let short: String = hostile.chars().take(200).collect();
        let user = User {
            username: Username::from_stored(format!("{n}{short}")),
            display_name: display_name(&short),
            about: About::from_stored(hostile.clone()),
            email: Some(Email::from_stored(format!("{n}{short}"))),
            ..user(100 + n, "replaced")
        };
        trial.sign_up(&user).await;
        let found = trial.users().find(&[user.id]).await.unwrap();
        assert_eq!(found, [user.clone()]);
        assert_eq!(
            found[0].email.as_ref().map(Email::as_str),
            user.email.as_ref().map(Email::as_str)
        );
        let credential = trial
            .users()
            .credential(&Login::Username(user.username.clone()))
            .await
            .unwrap();
        assert_eq!(credential.unwrap().user_id, user.id);

        let conversation = Conversation {
            title: Some(Title::from_stored(hostile.clone())),
            about: About::from_stored(hostile.clone()),
            ..group(n, ana)
        };
        let change = Change::Create {
            members: vec![MemberChange::Joined(ana, Role::Owner)],
            message: system(
                conversation.id,
                n,
                ana,
                SystemEvent::AboutChanged { about: hostile.clone() },
            ),
            conversation: conversation.clone(),
        };
        let first = trial.store(change).await;
        assert_eq!(trial.conversation(conversation.id).await, conversation);
        assert_eq!(trial.message(conversation.id, 1).await, first);

        let session = Session {
            device_name: Some(hostile),
            ..session(n, ana)
        };
        trial.sessions().create(session.clone()).await.unwrap();
        assert_eq!(trial.sessions().find(&[session.id]).await.unwrap(), [session]);
    }
}

pub async fn attachments_and_reactions_are_kept_to_the_byte(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let attachments = texts().into_iter().map(|hostile| Attachment {
        id: media_id(1),
        file_name: hostile.clone(),
        content_type: hostile,
        size: 1,
        width: Some(u32::MAX),
        height: Some(0),
        duration: None,
        thumbnail: None,
    });
    let reactions = (0..).zip(texts()).map(|(n, hostile)| Reaction {
        user_id: user_id(n),
        emoji: Emoji::from_stored(hostile),
    });
    let message = Message {
        attachments: attachments.collect(),
        reactions: reactions.collect(),
        ..text(id, 1, ana)
    };
    let stored = trial.store(append(message, Seq::ZERO)).await;
    let found = trial.message(id, 1).await;
    assert_eq!(found, stored);
    let emoji = found
        .reactions
        .iter()
        .map(|reaction| reaction.emoji.as_str().to_owned());
    assert_eq!(emoji.collect::<Vec<_>>(), texts());
}

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

pub async fn names_that_differ_in_bytes_are_different(trial: Trial) {
    // NUL, case and accents: a collation or a C string would take them for one.
    let names = ["ana", "ANA", "ana\0", "ana\0b", "aná", "ana\u{301}", "ana "];
    for (n, name) in (1..).zip(names) {
        let user = User {
            username: Username::from_stored(name),
            ..user(n, "replaced")
        };
        trial.users().create(user, password(name)).await.unwrap();
    }
    for (n, name) in (1..).zip(names) {
        let credential = trial
            .users()
            .credential(&Login::Username(Username::from_stored(name)))
            .await
            .unwrap();
        let credential = credential.unwrap();
        assert_eq!(
            (credential.user_id, credential.password),
            (user_id(n), password(name)),
            "{name:?}"
        );
    }
}

pub async fn search_takes_every_character_for_itself(trial: Trial) {
    for (n, name) in (1..).zip(["a_b", "a.b", "axb", "a__", "abc"]) {
        trial.sign_up(&user(n, name)).await;
    }
    for (n, shown) in (11..).zip([
        "100% sure",
        "100 percent",
        "\\d+",
        "[a-z]",
        "\"quoted\"",
        "it's",
        "$where",
        "^a",
    ]) {
        let user = User {
            display_name: display_name(shown),
            ..user(n, &format!("zz{n}"))
        };
        trial.sign_up(&user).await;
    }
    assert_eq!(trial.found("a_").await, ["a__", "a_b"]);
    assert_eq!(trial.found("a.").await, ["a.b"]);
    assert_eq!(trial.found("100%").await, ["zz11"]);
    assert_eq!(trial.found("100").await, ["zz11", "zz12"]);
    assert_eq!(trial.found("\\d").await, ["zz13"]);
    assert_eq!(trial.found("[a").await, ["zz14"]);
    assert_eq!(trial.found("\"quo").await, ["zz15"]);
    assert_eq!(trial.found("it'").await, ["zz16"]);
    assert_eq!(trial.found("$whe").await, ["zz17"]);
    assert_eq!(trial.found("^").await, ["zz18"]);
    for nothing in [
        "%",
        "_",
        ".",
        "a%",
        "a*",
        "(a",
        "a\0",
        "\0",
        "\u{10ffff}",
        "A_",
        &"a".repeat(10_000),
    ] {
        assert_eq!(trial.found(nothing).await, [""; 0], "{nothing:?}");
    }
}

pub async fn credentials_are_never_found_by_a_pattern(trial: Trial) {
    let ana = User {
        email: Some(email("ana@example.org")),
        ..user(1, "ana")
    };
    trial.sign_up(&ana).await;
    for hostile in texts()
        .into_iter()
        .chain(["%", "a%", "___", "an.", "^ana", "ana@example_org"].map(str::to_owned))
    {
        let logins = [
            Login::Username(Username::from_stored(hostile.clone())),
            Login::Email(Email::from_stored(hostile.clone())),
        ];
        for login in logins {
            assert_eq!(trial.users().credential(&login).await.unwrap(), None, "{hostile:?}");
        }
        let (from, to) = (PasswordHash::from_phc(hostile), password("stolen"));
        assert!(!trial.users().replace_password(ana.id, &from, to).await.unwrap());
    }
    let credential = trial
        .users()
        .credential(&Login::Username(username("ana")))
        .await
        .unwrap();
    assert_eq!(credential.unwrap().password, password("ana"));
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
            conversation: conversation.clone(),
            members: vec![MemberChange::Joined(user.id, Role::Owner)],
            message: first.clone(),
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

pub async fn numbers_that_are_asked_for_may_be_anything(trial: Trial) {
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
            assert_eq!(outcome, crate::messages::Outcome::Outdated);
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
    // 200 of 64 KiB: more than one command or one document of some stores may hold.
    let append = |n| Change::Append {
        message: large(n),
        terms: IndexTerms::default(),
        fence: Seq::ZERO,
    };
    let outcomes = trial.commit((1..=200).map(append).collect()).await;
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
    assert_eq!(trial.messages().tally(&[span]).await.unwrap(), [199]);
}
