//! Ending of statements that run past a deadline, on the connections that search.

use std::cell::Cell;

use rusqlite::{Connection, ErrorCode};

use crate::adapters::deadline::Deadline;

thread_local! {
    /// Deadline of what runs on this thread; `None` while nothing has one. SQLite calls the handler on the thread that
    /// carries out the statement, so no other thread has to interrupt it, possibly too late, when the next one runs.
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
}

/// Number of instructions of SQLite's virtual machine between two looks at the clock: some tens of microseconds.
const INSTRUCTIONS: i32 = 1_000;

/// Makes a connection end its statements when the deadline of [`until`] is reached.
pub(super) fn enable(connection: &mut Connection) -> rusqlite::Result<()> {
    let passed = || DEADLINE.get().is_some_and(Deadline::has_passed);
    connection.progress_handler(INSTRUCTIONS, Some(passed))
}

/// Runs statements until a deadline. Returns `None` if one of them was ended by it.
pub(super) fn until<T>(deadline: Deadline, run: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    /// Removes the deadline, also when a panic unwinds.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            DEADLINE.set(None);
        }
    }
    let _reset = Reset;
    DEADLINE.set(Some(deadline));
    match run() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        enable(&mut connection).unwrap();
        connection
    }

    fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
        connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
    }

    #[test]
    fn an_endless_statement_ends_at_the_deadline() {
        let connection = connection();
        let ended = until(Deadline::after(Duration::from_millis(1)), || {
            number(&connection, ENDLESS)
        });
        assert_eq!(ended, Ok(None));
        assert_eq!(number(&connection, "SELECT 1"), Ok(1), "the next one has no deadline");
    }

    #[test]
    fn endlessly_many_short_statements_end_at_the_deadline() {
        let connection = connection();
        let ended = until(Deadline::after(Duration::ZERO), || -> rusqlite::Result<()> {
            loop {
                number(&connection, "SELECT 1")?;
            }
        });
        assert_eq!(ended, Ok(None));
    }

    #[test]
    fn what_ends_in_time_has_its_result() {
        let connection = connection();
        let later = Deadline::after(Duration::from_secs(60));
        assert_eq!(until(later, || number(&connection, "SELECT 7")), Ok(Some(7)));
        assert!(until(later, || number(&connection, "SELECT nothing")).is_err());
    }
}
