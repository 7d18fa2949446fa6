//! Write commands, as raw BSON: what `insert_many` does, without encoding every document twice, and with the server's
//! whole answer.

use mongodb::bson::error::Result;
use mongodb::bson::raw::RawArrayBuf;
use mongodb::bson::{Document, RawDocumentBuf, cstr, doc, rawdoc, serialize_to_raw_document_buf};
use serde::Serialize;

/// Whether a command stops at the first document that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It does.
    Kept,
    /// It doesn't, and the server may take them in any order.
    Any,
}

/// Makes an `insert` command of documents.
pub(super) fn insert(collection: &str, documents: impl IntoIterator<Item = RawDocumentBuf>) -> RawDocumentBuf {
    let mut command = rawdoc! {"insert": collection, "ordered": true};
    command.append(cstr!("documents"), documents.into_iter().collect::<RawArrayBuf>());
    command
}

/// Makes an `insert` command of one value.
pub(super) fn insert_one(collection: &str, value: &impl Serialize) -> Result<RawDocumentBuf> {
    Ok(insert(collection, [serialize_to_raw_document_buf(value)?]))
}

/// Makes a `delete` command of all that a filter selects.
pub(super) fn delete(collection: &str, filter: &Document) -> Result<RawDocumentBuf> {
    let mut command = rawdoc! {"delete": collection};
    let statement = RawDocumentBuf::try_from(&doc! {"q": filter, "limit": 0})?;
    command.append(cstr!("deletes"), RawArrayBuf::from_iter([statement]));
    Ok(command)
}

/// Makes an `update` command of statements.
pub(super) fn update(
    collection: &str,
    statements: impl IntoIterator<Item = Document>,
    order: Order,
) -> Result<RawDocumentBuf> {
    let mut command = rawdoc! {"update": collection, "ordered": order == Order::Kept};
    let statements = statements
        .into_iter()
        .map(|statement| RawDocumentBuf::try_from(&statement))
        .collect::<Result<RawArrayBuf>>()?;
    command.append(cstr!("updates"), statements);
    Ok(command)
}
