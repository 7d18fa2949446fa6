//! Changes and heads for the tests.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::conversation::{Conversation, Head, Kind};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Fingerprint, Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;
use crate::ports::{Change, TermsChange};

pub(in crate::adapters::mongodb::messages) const USER: UserId = UserId::from_bytes([3; 16]);

/// Returns the id of the n-th conversation. Ids ascend.
pub(in crate::adapters::mongodb::messages) fn conversation_id(n: u64) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u64_pair(n, 1))
}

/// Returns the n-th message id.
pub(in crate::adapters::mongodb::messages) fn message_id(n: u64) -> MessageId {
    MessageId::from_uuid(Uuid::from_u64_pair(n, 2))
}

/// Returns the n-th message of a user; its text is its number.
pub(in crate::adapters::mongodb::messages) fn text(conversation_id: ConversationId, n: u64) -> Message {
    Message {
        conversation_id,
        id: message_id(n),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: USER,
        content: Content::Text(n.to_string()),
        reply_to: None,
        forwarded: false,
        mentions: vec![],
        attachments: vec![],
        reactions: vec![],
        // In no order, as the clocks of several servers may set them.
        sent_at: Timestamp::from_millis(i64::try_from(n * 7_919 % 1_000).expect("it is small")),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [0; 32],
        },
    }
}

/// Returns the n-th message, as a system message.
pub(in crate::adapters::mongodb::messages) fn system(conversation_id: ConversationId, n: u64) -> Arc<Message> {
    Arc::new(Message {
        content: Content::System(SystemEvent::MemberLeft { user_id: USER }),
        ..text(conversation_id, n)
    })
}

pub(in crate::adapters::mongodb::messages) fn append(message: Message, fence: u64) -> Change {
    Change::Append {
        message: Arc::new(message),
        fence: Seq(fence),
    }
}

/// Returns the change of a message's text to a number.
pub(in crate::adapters::mongodb::messages) fn revise(message: &Message, n: u64, fence: u64) -> Change {
    Change::Revise {
        message: Arc::new(Message {
            content: Content::Text(n.to_string()),
            ..message.clone()
        }),
        terms: TermsChange::Keep,
        fence: Seq(fence),
    }
}

/// Returns the change that adds the n-th message as a note about nothing stored.
pub(in crate::adapters::mongodb::messages) fn note(conversation_id: ConversationId, n: u64, fence: u64) -> Change {
    Change::UpdateGroup {
        conversation: None,
        members: vec![],
        preceding: vec![],
        message: system(conversation_id, n),
        fence: Seq(fence),
    }
}

/// Returns the change that removes a member, announced by the n-th message.
pub(in crate::adapters::mongodb::messages) fn removal(conversation_id: ConversationId, n: u64, fence: u64) -> Change {
    Change::UpdateGroup {
        conversation: None,
        members: vec![MemberChange::Left(USER)],
        preceding: vec![],
        message: system(conversation_id, n),
        fence: Seq(fence),
    }
}

/// Returns the creation of a group, announced by the n-th message.
pub(in crate::adapters::mongodb::messages) fn create(conversation_id: ConversationId, n: u64) -> Change {
    Change::Create {
        conversation: Box::new(group(conversation_id, n)),
        members: vec![MemberChange::Joined(USER, Role::Owner)],
        message: system(conversation_id, n),
    }
}

/// Returns a group; its title is a number.
pub(in crate::adapters::mongodb::messages) fn group(id: ConversationId, n: u64) -> Conversation {
    Conversation {
        id,
        kind: Kind::Group,
        title: Some(Title::from_stored(n.to_string())),
        about: About::from_stored(""),
        avatar_media_id: None,
        created_by: USER,
        created_at: Timestamp::default(),
        pair: None,
        fingerprint: Some([7; 32]),
        deleted_at: None,
    }
}

pub(in crate::adapters::mongodb::messages) const fn head(seq: u64, rev: u64, ordinal: u64, fence: u64) -> Head {
    Head {
        seq: Seq(seq),
        rev: Rev(rev),
        ordinal,
        fence: Seq(fence),
        sent_at: Timestamp::from_millis(0),
    }
}
