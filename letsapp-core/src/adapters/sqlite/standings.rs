//! Standings of a user: what a sync reads of all conversations.

use rusqlite::{Connection, Row, params};

use super::values::array;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::{Mark, Since};
use crate::ports::{Standing, Standings};

/// Makes a SELECT of a user's memberships, without those of deleted conversations, as in `members.rs`, each with the mark
/// of the newest change since: of the record itself, or of that of the other user in a direct conversation, whose
/// receipts are shown to this one.
///
/// No index holds `changed`: it would make a receipt a third slower to gain 7 ms in 5,000 conversations here. The other
/// user's record is beside this one, mostly in the same page.
macro_rules! of_user {
    ($moved:literal) => {
        concat!(
            "SELECT conversation_id, is_in,
                CASE WHEN ",
            $moved,
            " THEN changed END,
                (SELECT changed FROM members AS peer
                    WHERE peer.conversation_id = own.conversation_id AND peer.user_id = own.peer_id AND ",
            $moved,
            ")
            FROM members AS own WHERE (is_in OR NOT EXISTS (
                SELECT 1 FROM conversations WHERE id = conversation_id AND deleted_at IS NOT NULL
            )) AND user_id = ?1"
        )
    };
}

const SINCE_MARK: &str = of_user!("changed > ?2");
const SINCE_TIME: &str = of_user!("changed_at >= ?2");
const LAST_MARK: &str = "SELECT commits FROM meta";
pub(super) const REVS: &str =
    "SELECT value, (SELECT max(rev) FROM messages WHERE conversation_id = value) FROM rarray(?1)";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[SINCE_MARK, SINCE_TIME, REVS];

/// Returns the standings of a user, all from the same snapshot.
pub(super) fn of(connection: &Connection, user_id: UserId, since: Since) -> rusqlite::Result<Standings> {
    let mark: Mark = connection.prepare_cached(LAST_MARK)?.query_row([], |row| row.get(0))?;
    // A mark that is not there yet is of a later state of the file, which was replaced by a copy. It covers nothing.
    let since = match since {
        Since::Mark(since) if since > mark => Since::Beginning,
        since => since,
    };
    let (own, after) = match since {
        // Every record counts. Those from before there were marks have zero.
        Since::Beginning => (SINCE_MARK, -1),
        Since::Mark(since) => (SINCE_MARK, i64::try_from(since.0).unwrap_or(i64::MAX)),
        Since::Time(since) => (SINCE_TIME, since.as_millis()),
    };
    let standing = |row: &Row<'_>| {
        let (own, peer): (Option<Mark>, Option<Mark>) = (row.get(2)?, row.get(3)?);
        Ok(Standing {
            conversation_id: row.get(0)?,
            is_in: row.get(1)?,
            moved: own.max(peer),
        })
    };
    let memberships = connection
        .prepare_cached(own)?
        .query_map(params![user_id, after], standing)?
        .collect::<Result<_, _>>()?;
    Ok(Standings { memberships, mark })
}

/// Returns the newest `rev` of each conversation that has messages.
pub(super) fn revs(connection: &Connection, ids: &[ConversationId]) -> rusqlite::Result<Vec<(ConversationId, Rev)>> {
    let mut statement = connection.prepare_cached(REVS)?;
    let ids = array(ids.iter().map(|id| *id.as_bytes()));
    let rows = statement.query_map([ids], |row| Ok((row.get(0)?, row.get::<_, Option<Rev>>(1)?)))?;
    rows.filter_map(|row| row.map(|(id, rev)| Some((id, rev?))).transpose())
        .collect()
}
