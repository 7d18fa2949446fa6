//! Write commands as raw BSON.
//!
//! The driver's `insert_many` encodes every document twice and hides parts of the server's reply. Raw commands avoid
//! both.

use mongodb::bson::error::Result;
use mongodb::bson::raw::RawArrayBuf;
use mongodb::bson::{Document, RawDocumentBuf, cstr, doc, rawdoc, serialize_to_raw_document_buf};
use serde::Serialize;

/// Order in which the server carries out the statements of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// In the order given; the command stops at the first statement that is refused.
    Kept,
    /// In any order, possibly in parallel; a refused statement does not stop the others.
    Any,
}

/// Builds an ordered `insert` command of several documents.
pub(super) fn insert(collection: &str, documents: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    let mut command = rawdoc! {"insert": collection, "ordered": true};
    command.append(cstr!("documents"), documents.into_iter().collect::<RawArrayBuf>());
    command
}

/// Builds an `insert` command of one value.
pub(super) fn insert_one(collection: &str, value: &impl Serialize) -> Result<RawDocumentBuf> {
    Ok(insert(collection, [serialize_to_raw_document_buf(value)?]))
}

/// Builds a `delete` command for all documents that a filter selects.
pub(super) fn delete(collection: &str, filter: &Document) -> Result<RawDocumentBuf> {
    let mut command = rawdoc! {"delete": collection};
    // A limit of 0 deletes all that match; the protocol allows only 0 and 1.
    let statement = RawDocumentBuf::try_from(&doc! {"q": filter, "limit": 0})?;
    command.append(cstr!("deletes"), RawArrayBuf::from_iter([statement]));
    Ok(command)
}

/// Builds a `delete` command of several filters, each for all documents that it selects.
pub(super) fn delete_each(collection: &str, filters: impl IntoIterator<Item = Document>) -> Result<RawDocumentBuf> {
    let mut command = rawdoc! {"delete": collection, "ordered": false};
    let statements = filters
        .into_iter()
        .map(|filter| RawDocumentBuf::try_from(&doc! {"q": filter, "limit": 0}))
        .collect::<Result<Vec<_>>>()?;
    command.append(cstr!("deletes"), RawArrayBuf::from_iter(statements));
    Ok(command)
}

/// Builds an `update` command of statements such as `{q: …, u: …}`.
pub(super) fn update(
    collection: &str,
    statements: impl IntoIterator<Item = Document>,
    order: Order,
) -> Result<RawDocumentBuf> {
    let statements = statements
        .into_iter()
        .map(|statement| RawDocumentBuf::try_from(&statement))
        .collect::<Result<Vec<_>>>()?;
    Ok(update_raw(collection, statements, order))
}

/// Builds an `update` command of encoded statements.
pub(super) fn update_raw(
    collection: &str,
    statements: impl IntoIterator<Item = RawDocumentBuf>,
    order: Order,
) -> RawDocumentBuf {
    let mut command = rawdoc! {"update": collection, "ordered": order == Order::Kept};
    command.append(cstr!("updates"), statements.into_iter().collect::<RawArrayBuf>());
    command
}
