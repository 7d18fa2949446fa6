//! Changed messages in order of `rev`.

use rusqlite::{Connection, params};

use super::super::values::integer;
use super::row;
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::message::Message;
use crate::domain::window::{ChangesPlan, Window, visible_count};

// The plus signs keep SQLite from choosing another index than the one that gives the order.
pub(super) const BY_REV: &str =
    row::select!("conversation_id = ?1 AND rev > ?2 AND +seq >= ?3 AND +seq <= ?4 ORDER BY rev");
pub(super) const BY_SEQ: &str =
    row::select!("conversation_id = ?1 AND seq BETWEEN ?2 AND ?3 AND +rev > ?4 ORDER BY +rev LIMIT ?5");
// The last is the `rev` of a system message, which is never revised: every later message has a greater one.
pub(super) const NEWEST: &str = "
    SELECT
        coalesce((SELECT max(seq) FROM messages WHERE conversation_id = ?1), 0),
        coalesce((SELECT max(rev) FROM messages WHERE conversation_id = ?1), 0),
        (SELECT rev FROM messages WHERE conversation_id = ?1 AND seq = ?2 AND system IS NOT NULL)";

/// Returns at most `limit` messages in the windows that changed after `after`, in order of `rev`.
pub(super) fn after(
    connection: &Connection,
    id: ConversationId,
    windows: &[Window],
    after: Rev,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
        return Ok(Vec::new());
    };
    let mut messages = Vec::new();
    let through = last.to.unwrap_or(Seq(u64::MAX));
    if windows == [Window::WHOLE] {
        row::all(
            connection,
            BY_REV,
            params![id, after, first.from, through],
            limit,
            &mut messages,
            |_| true,
        )?;
        return Ok(messages);
    }
    let newest = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (seq, rev, joined): (Seq, Rev, Option<Rev>) = connection
        .prepare_cached(NEWEST)?
        .query_row(params![id, first.from], newest)?;
    // A message's `rev` is at least its `seq`.
    let earliest = joined.map_or(first.from.0, |joined| joined.0).saturating_sub(1);
    let after = after.max(Rev(earliest));
    match ChangesPlan::choose(visible_count(windows, seq), rev.0.saturating_sub(after.0), limit) {
        ChangesPlan::ByRev => {
            let visible = |seq: Seq| windows.iter().any(|window| window.contains(seq));
            row::all(
                connection,
                BY_REV,
                params![id, after, first.from, through],
                limit,
                &mut messages,
                visible,
            )?;
        }
        ChangesPlan::BySeq => {
            for window in windows {
                let to = window.to.unwrap_or(Seq(u64::MAX));
                let most = integer(limit as u64);
                let params = params![id, window.from, to, after, most];
                row::all(connection, BY_SEQ, params, limit, &mut messages, |_| true)?;
            }
            messages.sort_unstable_by_key(|message| message.rev);
            messages.truncate(limit);
        }
    }
    Ok(messages)
}
