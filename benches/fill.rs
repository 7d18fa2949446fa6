//! Stores messages in bulk, before anything is measured.

use std::sync::Arc;

use letsapp_core::{
    domain::{
        id::{MessageId, Rev, Seq},
        message::{Content, Fingerprint, Message},
        timestamp::Timestamp,
    },
    ports::{BoxError, Change, Outcome},
};

use crate::{
    embedded::{Embedded, Participant},
    sample::{MessageRow, Rows, Sample},
};

/// Messages per commit, the most that the MongoDB store puts into one command.
const BATCH: usize = 512;

/// Stores `count` messages, spread evenly over the conversations of `participants`.
///
/// The messages go straight to the store, past the checks that every sent message passes.
///
/// # Errors
/// Fails if a message is not stored.
pub async fn fill(letsapp: &Embedded, participants: &[Participant], count: u64) -> Result<(), BoxError> {
    let (sample, messages) = (Sample::new(), letsapp.store().messages());
    let mut rows = Rows::new(
        &sample,
        participants.len(),
        participants[0].conversation.as_uuid().as_u64_pair().0,
    );
    let mut participants = participants.iter().cycle();
    let mut left = usize::try_from(count)?;
    while left > 0 {
        let batch = rows.by_ref().take(left.min(BATCH)).zip(participants.by_ref());
        let changes: Vec<_> = batch.map(|(row, participant)| append(row, participant)).collect();
        let count = changes.len();
        left -= count;
        for outcome in messages.commit(changes).in_order(count).await {
            if !matches!(outcome?, Outcome::Committed(_)) {
                return Err("a message was not stored".into());
            }
        }
    }
    Ok(())
}

fn append(row: MessageRow<'_>, participant: &Participant) -> Change {
    let message = Message {
        conversation_id: participant.conversation,
        id: MessageId::from_uuid(row.id),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: participant.principal.user_id,
        content: Content::Text(row.text.body.clone()),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: Timestamp::from_millis(row.sent_at),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: row.fingerprint,
        },
    };
    Change::Append {
        message: Arc::new(message),
        fence: Seq::ZERO,
    }
}
