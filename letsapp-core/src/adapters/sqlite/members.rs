//! Member records: current and former members of conversations.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::departure::StoredDeparture;
use super::transaction::Transaction;
use super::values::{Json, array};
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, Preferences, PreferencesPatch, Watermarks};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;
use crate::ports::{Advance, Advanced};

/// Makes a SELECT of all columns that [`member`] reads, without the members of deleted conversations.
///
/// Deleting a conversation removes all of its current members. So for a row with `is_in` the conversation need not be
/// looked up, which keeps the common queries to the one table.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT conversation_id, user_id, role, joined_at, windows, delivered_seq, read_seq, muted_until, archived, ",
            "pinned, departure, changed_at FROM members WHERE (is_in OR NOT EXISTS (
                SELECT 1 FROM conversations WHERE id = conversation_id AND deleted_at IS NOT NULL
            )) AND ",
            $rest
        )
    };
}

const ONE: &str = select!("conversation_id = ?1 AND user_id = ?2");
const IN: &str = select!("conversation_id = ?1 AND is_in ORDER BY joined_at, user_id");
const OF_USER: &str = select!("user_id = ?1");
const COUNTS: &str = "
    SELECT conversation_id, count(*) FROM members WHERE conversation_id IN rarray(?1) AND is_in
    GROUP BY conversation_id";
const PUT: &str = "
    INSERT INTO members (
        conversation_id, user_id, role, joined_at, windows, is_in, delivered_seq, read_seq, muted_until, archived,
        pinned, departure, changed_at, changed, peer_id
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, (
        SELECT CASE ?2 WHEN pair_low THEN pair_high WHEN pair_high THEN pair_low END FROM conversations WHERE id = ?1
    ))
    ON CONFLICT (conversation_id, user_id) DO UPDATE SET role = ?3, joined_at = ?4, windows = ?5, is_in = ?6,
        delivered_seq = ?7, read_seq = ?8, muted_until = ?9, archived = ?10, pinned = ?11, departure = ?12,
        changed_at = ?13, changed = ?14";
// The memberships of each candidate are looked up in those of the user, up to the first that both have.
const ACQUAINTED: &str = "
    SELECT value FROM rarray(?2) WHERE EXISTS (
        SELECT 1 FROM members AS theirs JOIN members AS mine USING (conversation_id)
        WHERE theirs.user_id = value AND theirs.is_in AND mine.user_id = ?1 AND mine.is_in
            AND EXISTS (SELECT 1 FROM messages WHERE messages.conversation_id = theirs.conversation_id)
    )";
const WATERMARKS: &str = "SELECT delivered_seq, read_seq FROM members WHERE conversation_id = ?1 AND user_id = ?2";
pub(super) const RAISE: &str = "
    UPDATE members SET delivered_seq = ?3, read_seq = ?4, changed_at = max(changed_at, ?5), changed = ?6
    WHERE conversation_id = ?1 AND user_id = ?2";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[ONE, IN, OF_USER, COUNTS, ACQUAINTED, WATERMARKS];

/// Element of the column `windows`.
#[derive(Debug, Serialize, Deserialize)]
struct StoredWindow {
    from: Seq,
    /// `null` while the user is a member.
    to: Option<Seq>,
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        conversation_id: row.get(0)?,
        user_id: row.get(1)?,
        role: row.get(2)?,
        joined_at: row.get(3)?,
        windows: windows(row.get(4)?),
        watermarks: Watermarks {
            delivered: row.get(5)?,
            read: row.get(6)?,
        },
        preferences: Preferences {
            muted_until: row.get(7)?,
            archived: row.get(8)?,
            pinned: row.get(9)?,
        },
        departure: row
            .get::<_, Option<Json<StoredDeparture>>>(10)?
            .map(|Json(stored)| Box::new(stored.into())),
        changed_at: row.get(11)?,
    })
}

/// Returns a current or former member.
pub(super) fn one(
    connection: &Connection,
    conversation_id: ConversationId,
    user_id: UserId,
) -> rusqlite::Result<Option<Member>> {
    connection
        .prepare_cached(ONE)?
        .query_row(params![conversation_id, user_id], member)
        .optional()
}

/// Returns the current members of a conversation, in order of joining.
pub(super) fn of_now(connection: &Connection, conversation_id: ConversationId) -> rusqlite::Result<Vec<Member>> {
    connection
        .prepare_cached(IN)?
        .query_map([conversation_id], member)?
        .collect()
}

/// Returns all current and former memberships of a user.
pub(super) fn of_user(connection: &Connection, user_id: UserId) -> rusqlite::Result<Vec<Member>> {
    connection
        .prepare_cached(OF_USER)?
        .query_map([user_id], member)?
        .collect()
}

/// Counts the current members of each conversation. Conversations without any are left out.
pub(super) fn counts(
    connection: &Connection,
    ids: &[ConversationId],
) -> rusqlite::Result<Vec<(ConversationId, usize)>> {
    connection
        .prepare_cached(COUNTS)?
        .query_map([array(ids.iter().map(|id| *id.as_bytes()))], |row| {
            Ok((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
        })?
        .collect()
}

/// Returns those of the users who are in a conversation with a user now that has a message, each once.
pub(super) fn acquainted(connection: &Connection, user_id: UserId, with: &[UserId]) -> rusqlite::Result<Vec<UserId>> {
    let mut with = with.to_vec();
    with.sort_unstable();
    with.dedup();
    let with = array(with.iter().map(|id| *id.as_bytes()));
    connection
        .prepare_cached(ACQUAINTED)?
        .query_map(params![user_id, with], |row| row.get(0))?
        .collect()
}

/// Stores the departure of a member whose last window ends with it; a listed one only where there is none.
pub(super) fn put_departure(
    transaction: &Transaction<'_>,
    conversation_id: ConversationId,
    user_id: UserId,
    departure: &Departure,
) -> rusqlite::Result<()> {
    match one(transaction.connection(), conversation_id, user_id)? {
        Some(mut member) if member.takes(departure) => {
            member.departure = Some(Box::new(departure.clone()));
            put(transaction, &member)
        }
        _ => Ok(()),
    }
}

/// Inserts a member, or replaces the existing record.
pub(super) fn put(transaction: &Transaction<'_>, member: &Member) -> rusqlite::Result<()> {
    transaction.prepare(PUT)?.execute(params![
        member.conversation_id,
        member.user_id,
        member.role,
        member.joined_at,
        stored(&member.windows),
        member.is_in(),
        member.watermarks.delivered,
        member.watermarks.read,
        member.preferences.muted_until,
        member.preferences.archived,
        member.preferences.pinned,
        member
            .departure
            .as_deref()
            .map(|departure| Json(StoredDeparture::from(departure))),
        member.changed_at,
        transaction.mark()?,
    ])?;
    Ok(())
}

/// Raises a member's watermarks, which never fall. Returns them as they were and as they are; `None` if there is no
/// such member.
pub(super) fn advance(transaction: &Transaction<'_>, advance: &Advance) -> rusqlite::Result<Option<Advanced>> {
    let of = params![advance.conversation_id, advance.user_id];
    let watermarks = |row: &Row<'_>| {
        Ok(Watermarks {
            delivered: row.get(0)?,
            read: row.get(1)?,
        })
    };
    let before = transaction.prepare(WATERMARKS)?.query_row(of, watermarks).optional()?;
    let Some(from) = before else {
        return Ok(None);
    };
    let to = from.merge(advance.to);
    // An advance may repeat what is known already; then nothing is written.
    if to != from {
        transaction.prepare(RAISE)?.execute(params![
            advance.conversation_id,
            advance.user_id,
            to.delivered,
            to.read,
            advance.at,
            transaction.mark()?,
        ])?;
    }
    Ok(Some(Advanced { from, to }))
}

/// Applies a patch to a member's preferences. Returns the member, or `None` if there is no such member.
pub(super) fn update_preferences(
    transaction: &Transaction<'_>,
    conversation_id: ConversationId,
    user_id: UserId,
    patch: PreferencesPatch,
    at: Timestamp,
) -> rusqlite::Result<Option<Member>> {
    let Some(mut member) = one(transaction.connection(), conversation_id, user_id)? else {
        return Ok(None);
    };
    patch.apply(&mut member.preferences);
    member.changed_at = member.changed_at.max(at);
    put(transaction, &member)?;
    Ok(Some(member))
}

/// Reads the column `windows`.
fn windows(Json(stored): Json<Vec<StoredWindow>>) -> Vec<Window> {
    let window = |StoredWindow { from, to }| Window { from, to };
    stored.into_iter().map(window).collect()
}

/// Returns the value of the column `windows`.
fn stored(windows: &[Window]) -> Json<Vec<StoredWindow>> {
    let window = |Window { from, to }: &Window| StoredWindow { from: *from, to: *to };
    Json(windows.iter().map(window).collect())
}

#[cfg(test)]
mod tests {
    use rusqlite::types::{FromSql as _, ToSql as _, ToSqlOutput};

    use super::*;

    #[test]
    fn windows_keep_their_stored_form() {
        let ranges = [
            Window {
                from: Seq(1),
                to: Some(Seq(7)),
            },
            Window { from: Seq(9), to: None },
        ];
        let column = stored(&ranges);
        let ToSqlOutput::Owned(value) = column.to_sql().unwrap() else {
            panic!("the JSON is not owned");
        };
        assert_eq!(value, r#"[{"from":1,"to":7},{"from":9,"to":null}]"#.to_owned().into());
        assert_eq!(windows(Json::column_result((&value).into()).unwrap()), ranges);
    }
}
