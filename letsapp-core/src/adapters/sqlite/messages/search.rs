//! Full-text search in messages.
//!
//! The index contains nothing but terms, so it returns matches from all conversations. These are then intersected with
//! the messages that the user may see, from whichever side costs less: scanning the visible messages, or looking up
//! each match.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::super::interruption::until;
use super::row;
use crate::adapters::deadline::Deadline;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::search::{Found, Hit, Query, QueryTerm, Rank, Scope, Score, Search};
use crate::domain::timestamp::Timestamp;

/// Row ids that match an expression, ascending.
pub(super) const MATCHES: &str = "SELECT rowid FROM message_terms WHERE message_terms MATCH ?1 ORDER BY rowid";
/// Row ids of a window's messages. Answered by a covering index, without reading the messages.
pub(in crate::adapters::sqlite) const VISIBLE: &str =
    "SELECT docid FROM messages WHERE conversation_id = ?1 AND seq BETWEEN ?2 AND ?3";
/// Columns that decide whether a match is a hit, and its rank.
pub(super) const PLACE: &str = "SELECT conversation_id, seq, sender_id, sent_at FROM messages WHERE docid = ?1";

/// Number of rows of an index that can be scanned in the time of looking up one message.
const SCANNED_ROWS_PER_LOOKUP: usize = 10;

/// Returns at most `search.limit` hits, best first: those that were found until the deadline.
pub(super) fn search(connection: &Connection, search: &Search, deadline: Deadline) -> rusqlite::Result<Found> {
    let mut ranks = Vec::new();
    let partial = !search.query.is_empty()
        && !search.within.is_empty()
        && (deadline.has_passed() || until(deadline, || rank_best(connection, search, &mut ranks))?.is_none());
    ranks.sort_unstable_by_key(|rank| Reverse(*rank));
    ranks.truncate(search.limit);
    let mut hits = Vec::new();
    // After the deadline too: the messages of one page take a moment only.
    for rank in ranks {
        let message = row::one(connection, row::BY_SEQ, params![rank.conversation_id, rank.seq])?;
        let score = rank.score;
        hits.extend(message.map(|message| Hit { message, score }));
    }
    Ok(Found { hits, partial })
}

/// Adds the ranks of the hits, those of the best score first, until there are enough for the search.
fn rank_best(connection: &Connection, search: &Search, ranks: &mut Vec<Rank>) -> rusqlite::Result<()> {
    let mut better = None;
    for score in search.query.scores() {
        let expression = expression(&search.query, *score);
        // An expression for a score also matches all better messages, which were returned before.
        let left = match &better {
            Some(better) => format!("({expression}) NOT ({better})"),
            None => expression.clone(),
        };
        better = Some(expression);
        // A cursor in a lower score: all hits of this score were on earlier pages.
        if search.past.is_some_and(|past| past.score < *score) {
            continue;
        }
        if ranks.len() >= search.limit {
            break;
        }
        rank_matches(connection, search, *score, &left, ranks)?;
    }
    Ok(())
}

/// Adds the ranks of the messages that match an expression and pass the search's filters, those stored last first.
fn rank_matches(
    connection: &Connection,
    search: &Search,
    score: Score,
    expression: &str,
    ranks: &mut Vec<Rank>,
) -> rusqlite::Result<()> {
    let scopes: HashMap<_, _> = search
        .within
        .iter()
        .map(|scope| (scope.conversation_id, scope))
        .collect();
    let matches = matches(connection, expression)?;
    let candidates = among_visible(connection, &search.within, &matches)?.unwrap_or(matches);
    let mut statement = connection.prepare_cached(PLACE)?;
    for docid in candidates.into_iter().rev() {
        let place = statement.query_row([docid], place)?;
        let visible = scopes
            .get(&place.conversation_id)
            .is_some_and(|scope| scope.contains(place.seq));
        if visible && search.passes(place.sender_id, place.sent_at) {
            let rank = place.rank(score);
            if search.past.is_none_or(|past| rank < past) {
                ranks.push(rank);
            }
        }
    }
    Ok(())
}

/// Returns the row ids of all messages that match an expression, ascending.
fn matches(connection: &Connection, expression: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(MATCHES)?;
    statement.query_map([expression], |row| row.get(0))?.collect()
}

/// Returns the matches that lie in the windows, by scanning the windows. Returns `None` once that has cost more than
/// looking up each match would.
fn among_visible(connection: &Connection, within: &[Scope], matches: &[i64]) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut passes = matches.len().saturating_mul(SCANNED_ROWS_PER_LOOKUP);
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(VISIBLE)?;
    for scope in within {
        for window in &scope.windows {
            let to = window.to.unwrap_or(Seq(u64::MAX));
            let mut rows = statement.query(params![scope.conversation_id, window.from, to])?;
            while let Some(row) = rows.next()? {
                let Some(left) = passes.checked_sub(1) else {
                    return Ok(None);
                };
                passes = left;
                let docid = row.get(0)?;
                if matches.binary_search(&docid).is_ok() {
                    found.push(docid);
                }
            }
        }
    }
    Ok(Some(found))
}

/// Properties of a match that decide whether it is a hit, and its rank.
struct Place {
    conversation_id: ConversationId,
    seq: Seq,
    sender_id: UserId,
    sent_at: Timestamp,
}

impl Place {
    const fn rank(&self, score: Score) -> Rank {
        Rank {
            score,
            sent_at: self.sent_at,
            conversation_id: self.conversation_id,
            seq: self.seq,
        }
    }
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        conversation_id: row.get(0)?,
        seq: row.get(1)?,
        sender_id: row.get(2)?,
        sent_at: row.get(3)?,
    })
}

/// Returns the FTS5 expression that matches messages with this score or a better one.
fn expression(query: &Query, score: Score) -> String {
    let terms: Vec<_> = query.terms().iter().map(|term| answering(term, score)).collect();
    terms.join(" AND ")
}

/// Returns the FTS5 expression for one term. Encoded terms consist of letters and digits, so quotes suffice as
/// escaping.
fn answering(term: &QueryTerm, score: Score) -> String {
    let word = term.encoded();
    match (score, term.prefix) {
        (Score::BodyWord, _) => format!("body : \"{word}\""),
        (Score::BodyStart, true) => format!("(\"{word}\" OR body : \"{word}\" *)"),
        (Score::NameStart, true) => format!("\"{word}\" *"),
        (Score::NameWord | Score::BodyStart | Score::NameStart, _) => format!("\"{word}\""),
    }
}
