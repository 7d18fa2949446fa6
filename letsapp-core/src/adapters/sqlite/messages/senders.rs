//! Messages by their sender: the newest of each user, and the senders of a span. Each user asked about is one search of
//! an index.

use rusqlite::{Connection, params};

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::ports::SenderQuery;

pub(in crate::adapters::sqlite) const LAST_SENT: &str =
    "SELECT max(seq) FROM messages WHERE conversation_id = ?1 AND sender_id = ?2 AND system IS NULL";
pub(in crate::adapters::sqlite) const HAS_SENT: &str = "
    SELECT 1 FROM messages
    WHERE conversation_id = ?1 AND sender_id = ?2 AND seq > ?3 AND seq <= ?4 AND system IS NULL
    LIMIT 1";

/// Returns the newest message that each user has sent, without those who have sent none.
pub(super) fn last_sent(
    connection: &Connection,
    of: &[(ConversationId, UserId)],
) -> rusqlite::Result<Vec<((ConversationId, UserId), Seq)>> {
    let mut statement = connection.prepare_cached(LAST_SENT)?;
    let mut last_sent = Vec::with_capacity(of.len());
    for key in of {
        let seq: Option<Seq> = statement.query_row(params![key.0, key.1], |row| row.get(0))?;
        last_sent.extend(seq.map(|seq| (*key, seq)));
    }
    Ok(last_sent)
}

/// Returns, for each query, the users who sent messages in its span.
pub(super) fn senders(connection: &Connection, asked: &[SenderQuery]) -> rusqlite::Result<Vec<Vec<UserId>>> {
    let mut statement = connection.prepare_cached(HAS_SENT)?;
    let mut answers = Vec::with_capacity(asked.len());
    for SenderQuery { span, among } in asked {
        let mut senders = Vec::new();
        for user_id in among {
            if statement.exists(params![span.conversation_id, user_id, span.after, span.through])? {
                senders.push(*user_id);
            }
        }
        answers.push(senders);
    }
    Ok(answers)
}
