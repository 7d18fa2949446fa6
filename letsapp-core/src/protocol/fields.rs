//! Reading of requests: turns a JSON object into a request with domain types, or lists every invalid field.
//!
//! A serde error stops at the first problem and refers to lines and columns; a person who fills in a form wants all of
//! them, by field. Rules beyond a single field are checked by the services.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::body::Body;
use crate::domain::contact::Alias;
use crate::domain::emoji::Emoji;
use crate::domain::id::{CallId, ConversationId, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::domain::search::SearchText;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, DisplayName, Email, Username};
pub use crate::protocol::fault::Fault;
use crate::protocol::problem::{FieldError, MAX_ERRORS};
use crate::protocol::sync_mark::SyncSince;

/// A request that can be read from JSON.
///
/// ```
/// # use letsapp_core::protocol::fields::FromFields;
/// # use letsapp_core::protocol::requests::Register;
/// let faults = Register::parse(&serde_json::json!({"username": 7, "password": "short"})).unwrap_err();
/// let named: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.code.as_str())).collect();
/// assert_eq!(named, [("username", "invalid_type"), ("password", "too_short")]);
/// ```
pub trait FromFields: Sized {
    /// Reads the fields. Returns `None` if a field is invalid.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;

    /// Reads a valid request directly from the text, without building a tree of values, together with the
    /// `conversation_id` next to its fields, if present. A fast path for frequent requests: `None` only means that
    /// [`from_fields`](Self::from_fields) decides.
    fn quick(_json: &str) -> Option<(Option<ConversationId>, Self)> {
        None
    }

    /// Reads a request from a JSON value. Unknown fields are ignored.
    ///
    /// # Errors
    /// Returns the invalid fields by name, at most [`MAX_ERRORS`] of them.
    fn parse(value: &Value) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let Value::Object(object) = value else {
            return Err(vec![Fault::Type("an object").at("")]);
        };
        let request = Self::from_fields(&mut Fields {
            object,
            path: String::new(),
            faults: &mut faults,
        });
        match request {
            Some(request) if faults.is_empty() => Ok(request),
            _ => {
                faults.truncate(MAX_ERRORS);
                Err(faults)
            }
        }
    }

    /// Reads a request from JSON text.
    ///
    /// # Errors
    /// Returns [`Unreadable`] if the text is not JSON or a field is invalid.
    fn parse_json(json: &str) -> Result<Self, Unreadable> {
        if let Some((_, request)) = Self::quick(json) {
            return Ok(request);
        }
        let value = serde_json::from_str(json).map_err(Unreadable::Syntax)?;
        Self::parse(&value).map_err(Unreadable::Invalid)
    }
}

/// Reason why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(serde_json::Error),
    /// JSON with these invalid fields.
    #[error("{} fields are not valid", .0.len())]
    Invalid(Vec<FieldError>),
}

/// Fields of a JSON object, and the errors found so far.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
    faults: &'a mut Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Reads a required field.
    pub fn required<T: Field>(&mut self, name: &str) -> Option<T> {
        match self.object.get(name) {
            None | Some(Value::Null) => self.fault(name, &Fault::Required),
            Some(value) => self.read(name, value),
        }
    }

    /// Reads a field that may be missing or null. The outer option is `None` if the field is invalid.
    pub fn optional<T: Field>(&mut self, name: &str) -> Option<Option<T>> {
        match self.object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.read(name, value).map(Some),
        }
    }

    /// Reads a field of a patch that cannot be removed: a missing one is unchanged, null is invalid.
    pub fn changed<T: Field>(&mut self, name: &str) -> Option<Option<T>> {
        match self.object.get(name) {
            None => Some(None),
            Some(value) => self.read(name, value).map(Some),
        }
    }

    /// Reads a field of a patch that can be removed: a missing one is unchanged, null removes it.
    pub fn cleared<T: Field>(&mut self, name: &str) -> Option<Option<Option<T>>> {
        match self.object.get(name) {
            None => Some(None),
            Some(Value::Null) => Some(Some(None)),
            Some(value) => self.read(name, value).map(|value| Some(Some(value))),
        }
    }

    /// Reads an optional id chosen by the client: a UUID of version 4 or 7.
    pub fn client_id<T: Field + ClientId>(&mut self, name: &str) -> Option<Option<T>> {
        match self.optional::<T>(name)? {
            Some(id) if !id.is_for_clients() => self.fault(name, &Fault::IdVersion),
            id => Some(id),
        }
    }

    /// Reads a list of at most `max` items; a missing list is empty.
    pub fn list<T: Field>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        self.optional_list(name, max).map(Option::unwrap_or_default)
    }

    /// Reads an optional list of at most `max` items.
    pub fn optional_list<T: Field>(&mut self, name: &str, max: usize) -> Option<Option<Vec<T>>> {
        self.bounded(name, max)?;
        self.optional(name)
    }

    /// Reads a required list of at most `max` items.
    pub fn required_list<T: Field>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        self.bounded(name, max)?;
        self.required(name)
    }

    /// Reads an optional nested object.
    pub fn nested<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<Option<T>> {
        match self.object.get(name) {
            None => Some(None),
            Some(Value::Object(object)) => read(&mut Fields {
                object,
                path: self.path_of(name),
                faults: self.faults,
            })
            .map(Some),
            Some(_) => self.fault(name, &Fault::Type("an object")),
        }
    }

    /// Records that a field is invalid. Always returns `None`, for the caller to return.
    pub fn fault<T>(&mut self, name: &str, fault: &Fault) -> Option<T> {
        let path = self.path_of(name);
        self.faults.push(fault.at(&path));
        None
    }

    /// Refuses a list that is too long before its items are read. Otherwise each invalid item would add an error to the
    /// reply.
    fn bounded(&mut self, name: &str, max: usize) -> Option<()> {
        match self.object.get(name) {
            Some(Value::Array(items)) if items.len() > max => self.fault(name, &Fault::TooMany(max)),
            _ => Some(()),
        }
    }

    fn read<T: Field>(&mut self, name: &str, value: &Value) -> Option<T> {
        let path = self.path_of(name);
        T::read(value, &path, self.faults)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// Type of a field.
pub trait Field: Sized {
    /// Reads a value, or records what is wrong with it under the name `path`.
    fn read(value: &Value, path: &str, faults: &mut Vec<FieldError>) -> Option<Self>;
}

/// Type of a field with at most one error: the simple way to implement [`Field`].
pub trait Scalar: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// Returns the reason if the value is invalid.
    fn read(value: &Value) -> Result<Self, Fault>;
}

impl<T: Scalar> Field for T {
    fn read(value: &Value, path: &str, faults: &mut Vec<FieldError>) -> Option<Self> {
        T::read(value).map_err(|fault| faults.push(fault.at(path))).ok()
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(value: &Value, path: &str, faults: &mut Vec<FieldError>) -> Option<Self> {
        let Value::Array(values) = value else {
            faults.push(Fault::Type("a list").at(path));
            return None;
        };
        let mut items = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            items.push(T::read(value, &format!("{path}.{index}"), faults));
            if faults.len() >= MAX_ERRORS {
                return None;
            }
        }
        items.into_iter().collect()
    }
}

/// Maximum number of conversations in a sync request. Larger than what fits into the longest request that the server
/// accepts, so it only protects programs that read requests without a limit of their own.
pub(super) const MAX_CONVERSATIONS: usize = 25_000;

impl Field for BTreeMap<ConversationId, Rev> {
    fn read(value: &Value, path: &str, faults: &mut Vec<FieldError>) -> Option<Self> {
        let Value::Object(entries) = value else {
            faults.push(Fault::Type("an object").at(path));
            return None;
        };
        if entries.len() > MAX_CONVERSATIONS {
            faults.push(Fault::TooMany(MAX_CONVERSATIONS).at(path));
            return None;
        }
        let mut read = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let path = format!("{path}.{key}");
            let id: Option<ConversationId> = key.parse().map_err(|_| faults.push(Fault::Uuid.at(&path))).ok();
            read.push(id.and_then(|id| Some((id, <Rev as Field>::read(value, &path, faults)?))));
            if faults.len() >= MAX_ERRORS {
                return None;
            }
        }
        read.into_iter().collect()
    }
}

impl Scalar for String {
    fn read(value: &Value) -> Result<Self, Fault> {
        text(value).map(str::to_owned)
    }
}

impl Scalar for bool {
    fn read(value: &Value) -> Result<Self, Fault> {
        value.as_bool().ok_or(Fault::Type("true or false"))
    }
}

impl Scalar for u64 {
    fn read(value: &Value) -> Result<Self, Fault> {
        // JSON knows no kinds of numbers: 7 and 7.0 are one, and some clients write the longer.
        let whole = |number: &f64| number.fract() == 0.0 && (0.0..2.0_f64.powi(64)).contains(number);
        let number = value
            .as_u64()
            .or_else(|| value.as_f64().filter(whole).map(|number| number as u64));
        number.ok_or(Fault::Type("a whole number, not negative"))
    }
}

impl Scalar for Timestamp {
    fn read(value: &Value) -> Result<Self, Fault> {
        text(value)?.parse().map_err(|_| Fault::Time)
    }
}

impl Scalar for SyncSince {
    fn read(value: &Value) -> Result<Self, Fault> {
        let text = text(value)?;
        let mark = text.parse().map(Self::Mark).ok();
        let time = || text.parse().map(Self::Time).ok();
        mark.or_else(time).ok_or(Fault::Mark)
    }
}

impl Scalar for Seq {
    fn read(value: &Value) -> Result<Self, Fault> {
        <u64 as Scalar>::read(value).map(Self)
    }
}

impl Scalar for Rev {
    fn read(value: &Value) -> Result<Self, Fault> {
        <u64 as Scalar>::read(value).map(Self)
    }
}

/// An id that clients may choose when they create something.
pub trait ClientId {
    /// Reports whether clients may choose this id, which they may for versions 4 and 7. Ids of other versions are
    /// derived by servers, and no client may occupy one in advance.
    fn is_for_clients(&self) -> bool;
}

macro_rules! ids {
    ($($name:ident)*) => {$(
        impl Scalar for $name {
            fn read(value: &Value) -> Result<Self, Fault> {
                text(value)?.parse().map_err(|_| Fault::Uuid)
            }
        }

        impl ClientId for $name {
            fn is_for_clients(&self) -> bool {
                matches!(self.as_uuid().get_version_num(), 4 | 7)
            }
        }
    )*};
}

ids!(UserId SessionId ConversationId MessageId MediaId CallId);

macro_rules! texts {
    ($($name:ident)*) => {$(
        impl Scalar for $name {
            fn read(value: &Value) -> Result<Self, Fault> {
                Self::parse(text(value)?).map_err(Fault::Text)
            }
        }
    )*};
}

texts!(Username DisplayName About Email Alias Title Body Emoji SearchText);

/// Reads a value as text.
pub(super) fn text(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or(Fault::Type("text"))
}
