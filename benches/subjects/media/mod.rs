//! Files: sent and received through the server beside a bare endpoint over the same store, the memory that uploads
//! take, and previews.

mod previews;
mod sides;
mod uploads;

use letsapp_core::ports::BoxError;
use tokio::runtime::Builder;

use crate::{
    subjects::{NO_MONGODB, Run, Server, Subject},
    target::Store,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "media",
    question: "Rate of files up and down, memory of uploads, cost of previews",
    server: Server::Needed,
    run,
};

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    // One thread, so that the load client costs as little as possible.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    previews::cost(scale, &mut report)?;
    previews::sends(&runtime, scale, &mut report)?;
    runtime.block_on(uploads::memory(scale, &mut report))?;
    sides::transfers(&runtime, scale, &mut report, "files", &Store::Sqlite, &Store::Sqlite)?;
    let Some(server) = letsapp_testkit::mongodb::shared() else {
        return Ok(report.note(NO_MONGODB)?);
    };
    let [letsapp, baseline] = [(); 2].map(|()| Store::MongoDb(server.unique_database_uri()));
    sides::transfers(&runtime, scale, &mut report, "GridFS", &letsapp, &baseline)
}
