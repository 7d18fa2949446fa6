//! Finding messages by their terms.
//!
//! The index knows terms and nothing else: it names all messages that have them, whoever may see these. They are
//! narrowed down from the side that is shorter: by going through what may be found, or by looking up each.

use std::cmp::Reverse;
use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::row;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::search::{Hit, Query, QueryTerm, Rank, Scope, Score, Search};
use crate::domain::timestamp::Timestamp;

pub(super) const MATCHES: &str = "SELECT rowid FROM message_terms WHERE message_terms MATCH ?1 ORDER BY rowid";
/// From an index alone.
pub(in crate::adapters::sqlite) const VISIBLE: &str =
    "SELECT docid FROM messages WHERE conversation_id = ?1 AND seq BETWEEN ?2 AND ?3";
pub(super) const PLACE: &str = "SELECT conversation_id, seq, sender_id, sent_at FROM messages WHERE docid = ?1";

/// Going past so many messages takes as long as looking one up.
const PASSES_PER_LOOK: usize = 10;

/// Returns the best hits, the best first.
pub(super) fn search(connection: &Connection, search: &Search) -> rusqlite::Result<Vec<Hit>> {
    let mut hits = Vec::new();
    if search.query.is_empty() || search.within.is_empty() {
        return Ok(hits);
    }
    let mut better = None;
    for score in search.query.scores() {
        let expression = expression(&search.query, *score);
        // What is left of those that were not found before: what answers as well answers less well too.
        let left = match &better {
            Some(better) => format!("({expression}) NOT ({better})"),
            None => expression.clone(),
        };
        better = Some(expression);
        if search.past.is_some_and(|past| past.score < *score) {
            continue;
        }
        let wanted = search.limit - hits.len();
        if wanted == 0 {
            break;
        }
        let mut ranks = ranks(connection, search, *score, &left)?;
        ranks.sort_unstable_by_key(|rank| Reverse(*rank));
        ranks.truncate(wanted);
        for rank in ranks {
            let message = row::one(connection, row::BY_SEQ, params![rank.conversation_id, rank.seq])?;
            hits.extend(message.map(|message| Hit { message, score: *score }));
        }
    }
    Ok(hits)
}

/// Returns where the messages that an expression finds stand in the order of hits, those that are looked for only.
fn ranks(connection: &Connection, search: &Search, score: Score, expression: &str) -> rusqlite::Result<Vec<Rank>> {
    let scopes: HashMap<_, _> = search
        .within
        .iter()
        .map(|scope| (scope.conversation_id, scope))
        .collect();
    let matches = matches(connection, expression)?;
    let candidates = among_visible(connection, &search.within, &matches)?.unwrap_or(matches);
    let mut statement = connection.prepare_cached(PLACE)?;
    let mut ranks = Vec::new();
    for docid in candidates {
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
    Ok(ranks)
}

/// Returns all messages that an expression finds, in order.
fn matches(connection: &Connection, expression: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(MATCHES)?;
    statement.query_map([expression], |row| row.get(0))?.collect()
}

/// Returns those of the matches that may be found; `None` if there is so much more that may be, that it takes less to
/// look at each match.
fn among_visible(connection: &Connection, within: &[Scope], matches: &[i64]) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut passes = matches.len().saturating_mul(PASSES_PER_LOOK);
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

/// What decides whether a match is a hit, and where it stands.
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

/// Writes what finds the messages that answer a query so well, or better.
fn expression(query: &Query, score: Score) -> String {
    let terms: Vec<_> = query.terms().iter().map(|term| answering(term, score)).collect();
    terms.join(" AND ")
}

/// Writes what finds a term. Terms are letters and digits: nothing in them means anything to the index.
fn answering(term: &QueryTerm, score: Score) -> String {
    let word = term.encoded();
    match (score, term.prefix) {
        (Score::BodyWord, _) => format!("body : \"{word}\""),
        (Score::BodyStart, true) => format!("(\"{word}\" OR body : \"{word}\" *)"),
        (Score::NameStart, true) => format!("\"{word}\" *"),
        (Score::NameWord | Score::BodyStart | Score::NameStart, _) => format!("\"{word}\""),
    }
}
