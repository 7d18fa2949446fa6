//! Hostile input: values that a database might take for syntax, normalize or truncate.

use std::sync::Arc;

use super::Trial;
use super::fixtures::{display_name, email, group, media_id, password, session, system, text, user, user_id, username};
use super::steps::{append, duplicate};
use crate::domain::conversation::Conversation;
use crate::domain::credential::PasswordHash;
use crate::domain::emoji::Emoji;
use crate::domain::id::Seq;
use crate::domain::media::Attachment;
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Message, Reaction, SystemEvent};
use crate::domain::role::Role;
use crate::domain::session::Session;
use crate::domain::text::Title;
use crate::domain::user::{About, Email, User, Username};
use crate::ports::{Change, Login};

/// Texts that a careless store changes, refuses or executes.
pub(super) fn texts() -> Vec<String> {
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
            message: Arc::new(system(
                conversation.id,
                n,
                ana,
                SystemEvent::AboutChanged { about: hostile.clone() },
            )),
            conversation: Box::new(conversation.clone()),
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
        waveform: None,
        is_processing: false,
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

pub async fn names_that_differ_in_bytes_are_different(trial: Trial) {
    // A collation ignores case, accents or trailing blanks, and a C string ends at NUL.
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

pub async fn credentials_are_found_only_by_the_exact_login(trial: Trial) {
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
