//! Building indexes, however long it takes.
//!
//! A new index on a large collection takes hours. A start that gave up meanwhile would be repeated by whatever restarts
//! the program, and never succeed. So there is no limit as long as the build makes progress.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, Result as DriverResult};
use serde::Deserialize;
use tokio::time::Instant;

use super::connection::{Connection, silence, timed};
use super::retry;

/// Time without any progress after which a build is given up. It makes none while a member that has to take part is
/// down.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);
/// Interval at which the progress is looked up and logged. Most builds end before the first look.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Error code of a command for which the user has no privilege.
const UNAUTHORIZED: i32 = 13;

/// View of the builds on a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    /// Each build's phase, with the numbers of documents or keys handled and to be handled in it.
    Progress(Vec<(String, i64, i64)>),
    /// The user may not see it, so nothing more is known than that the server answers.
    Hidden,
    /// The server did not answer.
    Silent,
}

/// An operation that `$currentOp` reports.
#[derive(Debug, Deserialize)]
struct Operation {
    #[serde(default)]
    msg: String,
    #[serde(default)]
    progress: Steps,
}

#[derive(Debug, Default, Deserialize)]
struct Steps {
    #[serde(default)]
    done: i64,
    #[serde(default)]
    total: i64,
}

/// Creates those of the indexes that are missing. The server leaves existing ones alone; one of the same name with
/// other keys is an error, which names both.
///
/// # Errors
/// The driver's error, or a timeout if the build makes no progress for [`STALL_TIMEOUT`].
pub(super) async fn create(connection: &Connection, collection: &str, indexes: Vec<IndexModel>) -> DriverResult<()> {
    let documents = connection.collection::<Document>(collection);
    let build = async { documents.create_indexes(indexes).await.map(drop) };
    wait(build, || look(connection, collection)).await
}

/// Waits for a build, and looks at its progress at an interval.
async fn wait<T, L: Future<Output = Look>>(
    build: impl Future<Output = DriverResult<T>>,
    look: impl Fn() -> L,
) -> DriverResult<T> {
    let mut build = pin!(build);
    let (mut last, mut deadline) = (Look::Silent, retry::now() + STALL_TIMEOUT);
    loop {
        let looked = async {
            retry::until(Some(retry::now() + LOOK_INTERVAL)).await;
            look().await
        };
        let seen = tokio::select! {
            built = &mut build => return built,
            seen = looked => seen,
        };
        deadline = deadline_after(&last, &seen, deadline);
        // The next numbers are compared with the last ones seen, also if the server was silent in between.
        if matches!(seen, Look::Progress(_)) {
            last = seen;
        }
        if retry::now() >= deadline {
            return Err(silence());
        }
    }
}

/// Returns the time at which to give up, which moves with each progress.
fn deadline_after(last: &Look, seen: &Look, deadline: Instant) -> Instant {
    let progress = match seen {
        Look::Progress(_) => seen != last,
        Look::Hidden => true,
        Look::Silent => false,
    };
    if progress {
        retry::now() + STALL_TIMEOUT
    } else {
        deadline
    }
}

/// Looks up the progress of the builds on a collection, and logs it.
async fn look(connection: &Connection, collection: &str) -> Look {
    let database = connection.database().name();
    let in_database = [
        doc! {"command.$db": database},
        doc! {"ns": {"$regex": format!("^{database}\\.")}},
    ];
    let pipeline = [
        doc! {"$currentOp": {"allUsers": true}},
        doc! {"$match": {"command.createIndexes": collection, "$or": in_database.to_vec()}},
        doc! {"$project": {"msg": 1, "progress": 1}},
    ];
    let found = timed(retry::STEP_TIMEOUT, async {
        let found = connection.admin().aggregate(pipeline).with_type::<Operation>().await?;
        found.try_collect::<Vec<_>>().await
    });
    match found.await {
        Ok(operations) => {
            let mut builds: Vec<_> = operations
                .into_iter()
                .map(|operation| (operation.msg, operation.progress.done, operation.progress.total))
                .collect();
            // The order is the server's; only a change of the numbers is progress.
            builds.sort_unstable();
            for (phase, done, total) in &builds {
                tracing::info!(collection, done, total, "waiting for an index to be built: {phase}");
            }
            Look::Progress(builds)
        }
        Err(error) if is_unauthorized(&error) => Look::Hidden,
        Err(_) => Look::Silent,
    }
}

fn is_unauthorized(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == UNAUTHORIZED)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Waits for a build of this length, and returns whether it ended and after what time.
    async fn waited(length: Duration, look: impl Fn(u64) -> Look) -> (bool, Duration) {
        let (begun, looks) = (retry::now(), Cell::new(0));
        let build = async {
            retry::until(Some(retry::now() + length)).await;
            Ok(())
        };
        let look = || {
            looks.set(looks.get() + 1);
            std::future::ready(look(looks.get()))
        };
        let ended = wait(build, look).await.is_ok();
        (ended, begun.elapsed())
    }

    fn progress(done: u64) -> Look {
        Look::Progress(vec![("scanning".to_owned(), i64::try_from(done).unwrap(), 1_000_000)])
    }

    #[tokio::test(start_paused = true)]
    async fn a_build_that_makes_progress_is_waited_for_without_a_limit() {
        assert_eq!(waited(5 * HOUR, progress).await, (true, 5 * HOUR));
        // Progress is rare, and the server is silent in between.
        let rare = |looks| if looks % 50 == 0 { progress(looks) } else { Look::Silent };
        assert_eq!(waited(5 * HOUR, rare).await, (true, 5 * HOUR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_build_whose_progress_is_hidden_is_waited_for_while_the_server_answers() {
        assert_eq!(waited(HOUR, |_| Look::Hidden).await, (true, HOUR));
        let (ended, after) = waited(HOUR, |looks| if looks < 100 { Look::Hidden } else { Look::Silent }).await;
        assert!(!ended && after < HOUR, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_build_without_progress_is_given_up_after_ten_minutes() {
        let flaky = |looks| if looks % 2 == 0 { progress(7) } else { Look::Silent };
        for stuck in [|_| progress(7), |_| Look::Silent, flaky] {
            let (ended, after) = waited(HOUR, stuck).await;
            assert!(!ended);
            assert!(
                after >= STALL_TIMEOUT && after <= STALL_TIMEOUT + 2 * LOOK_INTERVAL,
                "{after:?}"
            );
        }
    }
}
