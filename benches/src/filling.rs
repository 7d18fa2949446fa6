//! Stores that hold a lot before anything is measured.

use std::sync::Arc;

use letsapp_core::{
    id::{MessageId, Rev, Seq},
    messages::{Change, Content, Fingerprint, Message, Outcome},
    storage::BoxError,
    time::Timestamp,
};

use crate::{
    embedded::{Embedded, Talker},
    sample::{MessageRow, Rows, Sample},
};

/// Messages that are stored in one step.
const BATCH: usize = 512;

/// Stores so many messages, spread evenly over the conversations of these people.
///
/// # Errors
/// When one is not stored.
pub async fn fill(ours: &Embedded, talkers: &[Talker], count: u64) -> Result<(), BoxError> {
    let (sample, messages) = (Sample::new(), ours.store().messages());
    let mut rows = Rows::new(
        &sample,
        talkers.len(),
        talkers[0].conversation.as_uuid().as_u64_pair().0,
    );
    let mut talkers = talkers.iter().cycle();
    let mut left = usize::try_from(count)?;
    while left > 0 {
        let batch = rows.by_ref().take(left.min(BATCH)).zip(talkers.by_ref());
        let changes: Vec<_> = batch.map(|(row, talker)| append(row, talker)).collect();
        left -= changes.len();
        for outcome in messages.commit(changes).await {
            if !matches!(outcome?, Outcome::Committed(_)) {
                return Err("a message was not stored".into());
            }
        }
    }
    Ok(())
}

fn append(row: MessageRow<'_>, talker: &Talker) -> Change {
    let message = Message {
        conversation_id: talker.conversation,
        id: MessageId::from_uuid(row.id),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: talker.principal.user_id,
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
