//! Query plans: every query must find its rows through an index.

use rusqlite::Connection;

use crate::adapters::sqlite::schema::SCHEMA;
use crate::adapters::sqlite::{
    contacts, conversations, heads, media, members, messages, purge, sessions, standings, terms, users,
};

/// Returns the plan of a query, one line per step.
fn plan(sql: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    rusqlite::vtab::array::load_module(&connection).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
    lines.unwrap()
}

#[test]
fn no_query_scans_a_table() {
    let all = [
        users::READS,
        sessions::READS,
        contacts::READS,
        conversations::READS,
        members::READS,
        standings::READS,
        heads::READS,
        messages::READS,
        purge::READS,
        terms::READS,
    ];
    for sql in [&all[..], media::READS].concat().concat() {
        let plan = plan(sql);
        let scans = |line: &String| {
            // FTS5 reports every query as a scan; `:M` marks one that looks up terms. The others are bounded by a
            // parameter, of which `ids` is an alias.
            let bounded = line.contains("rarray")
                || line.starts_with("SCAN ids VIRTUAL TABLE")
                || line == "SCAN CONSTANT ROW"
                || line.contains(":M");
            line.starts_with("SCAN ") && !bounded
        };
        assert!(!plan.iter().any(scans), "{sql}\n{plan:#?}");
    }
}

#[test]
fn pages_and_heads_need_no_sorting() {
    for sql in [
        messages::PAGES,
        heads::READS,
        contacts::PAGES,
        users::PAGES,
        conversations::PAGES,
        sessions::PAGES,
        &media::PAGES.concat(),
    ]
    .concat()
    {
        let plan = plan(sql);
        assert!(
            !plan.iter().any(|line| line.contains("TEMP B-TREE")),
            "{sql}\n{plan:#?}"
        );
    }
}

#[test]
fn visible_messages_are_read_from_a_covering_index() {
    let plan = plan(messages::VISIBLE);
    assert!(plan[0].contains("COVERING INDEX"), "{plan:#?}");
}

#[test]
fn the_newest_revs_are_the_ends_of_a_covering_index() {
    let plan = plan(standings::REVS);
    let looked_up = |line: &String| line.contains("USING COVERING INDEX") && line.ends_with("(conversation_id=?)");
    assert!(plan.iter().any(looked_up), "{plan:#?}");
    assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:#?}");
}

#[test]
fn unread_messages_are_counted_by_reading_deleted_ones_only() {
    let plan = plan(messages::COUNT_UNREAD);
    let counted = |line: &&String| line.contains("seq>? AND seq<?");
    let index = plan
        .iter()
        .find(counted)
        .expect("one step reads the messages of the span");
    assert!(index.contains("INDEX messages_deleted"), "{plan:#?}");
}

#[test]
fn what_a_user_has_sent_is_found_by_their_blocks() {
    for (sql, search) in [
        (
            messages::LAST_SENT,
            "sent USING PRIMARY KEY (conversation_id=? AND sender_id=?)",
        ),
        (
            messages::HAS_SENT,
            "sent USING PRIMARY KEY (conversation_id=? AND sender_id=? AND block>? AND block<?)",
        ),
    ] {
        let plan = plan(sql);
        assert!(plan.iter().any(|line| line.contains(search)), "{sql}\n{plan:#?}");
        assert!(!plan.iter().any(|line| line.starts_with("SCAN")), "{sql}\n{plan:#?}");
    }
}

#[test]
fn the_files_and_uploads_of_a_user_are_counted_in_covering_indexes() {
    for (sql, index) in [
        (media::USAGE, "COVERING INDEX media_by_owner (owner_id=?)"),
        (media::UNFINISHED, "COVERING INDEX uploads_unfinished (owner_id=?)"),
    ] {
        let plan = plan(sql);
        assert!(plan[0].contains(index), "{plan:#?}");
    }
}

#[test]
fn files_that_are_processing_or_due_are_found_in_indexes_of_those_alone() {
    for (sql, index) in [
        (media::UNPROCESSED, "INDEX media_processing (id>?)"),
        (media::DUE, "INDEX media_due (check_at<?)"),
    ] {
        let plan = plan(sql);
        assert!(plan[0].contains(index), "{plan:#?}");
    }
}

#[test]
fn a_receipt_writes_no_index() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let mut program = connection.prepare(&format!("EXPLAIN {}", members::RAISE)).unwrap();
    let steps = program
        .raw_query()
        .mapped(|row| row.get(1))
        .collect::<Result<Vec<String>, _>>();
    let steps = steps.unwrap();
    // The one entry that is written is the record: the table is stored in the order of its key.
    let written = |name| steps.iter().filter(|step| *step == name).count();
    assert_eq!(written("IdxInsert"), 1, "{steps:?}");
    assert_eq!(written("IdxDelete"), 0, "{steps:?}");
}
