//! Parses query strings and collects all invalid parameters, so that one response names every one of them.

use std::borrow::{Borrow, Cow};
use std::str::FromStr;

use letsapp_core::domain::page::{CursorKey, Limit};
use letsapp_core::protocol::FieldError;
use letsapp_core::protocol::fields::{Fault, FromFields};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The parameters of a query string, and the errors found so far.
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    faults: Vec<FieldError>,
}

impl<'a> Query<'a> {
    /// Splits and decodes a query string.
    pub(super) fn parse(query: &'a str) -> Self {
        Self {
            pairs: form_urlencoded::parse(query.as_bytes()).collect(),
            faults: Vec::new(),
        }
    }

    /// Returns a parameter as text; the first one if it is repeated.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_ref())
    }

    /// Returns a parameter as text. A missing one is an error.
    pub(super) fn required(&mut self, name: &str) -> String {
        match self.text(name) {
            Some(text) => text.to_owned(),
            None => {
                self.faults.push(FieldError::new(name, "required", "is missing"));
                String::new()
            }
        }
    }

    /// Returns a parameter as text of at most `max` characters. A missing one is an error.
    pub(super) fn required_at_most(&mut self, name: &str, max: usize) -> String {
        let text = self.required(name);
        if text.chars().nth(max).is_some() {
            self.faults.push(Fault::TooLong(max).at(name));
        }
        text
    }

    /// Parses a request whose fields are the parameters. `None` if one of them is invalid.
    pub(super) fn request<T: FromFields>(&mut self) -> Option<T> {
        let mut fields = Map::new();
        for (name, value) in &self.pairs {
            fields.entry(&**name).or_insert_with(|| Value::from(&**value));
        }
        let request = T::parse(&Value::Object(fields));
        request.map_err(|faults| self.faults.extend(faults)).ok()
    }

    /// Parses a whole number.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        self.read(name, "must be a whole number that is not negative")
    }

    /// Parses at most `max` ids separated by commas. A missing parameter is an error.
    pub(super) fn ids<T: FromStr>(&mut self, name: &str, max: usize) -> Vec<T> {
        let text = self.required(name);
        let words: Vec<_> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.len() > max {
            self.faults.push(Fault::TooMany(max).at(name));
            return Vec::new();
        }
        let mut ids = Vec::with_capacity(words.len());
        for (index, word) in words.into_iter().enumerate() {
            match word.parse() {
                Ok(id) => ids.push(id),
                Err(_) => self.faults.push(Fault::Uuid.at(&format!("{name}.{index}"))),
            }
        }
        ids
    }

    /// Parses `limit`, the number of items per page.
    pub(super) fn limit(&mut self) -> Limit {
        let asked: Option<usize> = self.read("limit", "must be a whole number from 1 to 200");
        match asked.map(Limit::new) {
            None => Limit::default(),
            Some(Some(limit)) => limit,
            Some(None) => {
                self.faults.push(FieldError::new(
                    "limit",
                    "out_of_range",
                    "must be a whole number from 1 to 200",
                ));
                Limit::default()
            }
        }
    }

    /// Ends the parsing, and opens the cursor of the list called `list`, if there is one.
    ///
    /// # Errors
    /// `validation_failed` with every invalid parameter; `invalid_request` if the only one is a cursor of another list.
    pub(super) fn cursor<P: DeserializeOwned>(
        mut self,
        key: impl Borrow<CursorKey>,
        list: &str,
    ) -> Result<Option<P>, ApiError> {
        let opened = self
            .text("cursor")
            .map(|cursor| key.borrow().open(list, cursor))
            .transpose();
        if let (Err(error), false) = (&opened, self.faults.is_empty()) {
            self.faults
                .push(FieldError::new("cursor", "invalid_cursor", error.to_string()));
        }
        self.finish()?;
        Ok(opened?)
    }

    /// Ends the parsing.
    ///
    /// # Errors
    /// `validation_failed` with every invalid parameter.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.faults))
        }
    }

    fn read<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.faults.push(FieldError::new(name, "invalid_type", expected));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use letsapp_core::domain::id::UserId;

    use super::*;

    #[test]
    fn every_fault_is_named() {
        let mut query = Query::parse("limit=0&after=x");
        assert_eq!(query.number("after"), None);
        assert_eq!(query.limit(), Limit::default());
        assert_eq!(query.required("query"), "");
        let problem = query.finish().unwrap_err().into_problem();
        let named: Vec<_> = problem
            .errors
            .iter()
            .map(|error| (error.field.as_str(), error.code.as_str()))
            .collect();
        assert_eq!(
            named,
            [
                ("after", "invalid_type"),
                ("limit", "out_of_range"),
                ("query", "required")
            ]
        );
    }

    #[test]
    fn every_invalid_id_is_named() {
        let id = UserId::from_bytes([7; 16]);
        let mut query =
            Query::parse("users=07070707-0707-0707-0707-070707070707,%2007070707070707070707070707070707,&none=");
        assert_eq!(query.ids::<UserId>("users", 2), [id, id]);
        assert_eq!(query.ids::<UserId>("none", 2), []);
        query.finish().expect("nothing is at fault");
        let mut query = Query::parse("users=ana,07070707-0707-0707-0707-070707070707,ben&many=a,b,c");
        query.ids::<UserId>("users", 3);
        query.ids::<UserId>("many", 2);
        query.ids::<UserId>("missing", 2);
        let problem = query.finish().unwrap_err().into_problem();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["users.0", "users.2", "many", "missing"]);
    }

    #[test]
    fn text_is_decoded() {
        let query = Query::parse("query=Zo%C3%AB+B");
        assert_eq!(query.text("query"), Some("Zoë B"));
    }

    #[test]
    fn a_cursor_fits_its_own_list_only() {
        let key = CursorKey::new([3; 32]);
        let address = format!("cursor={}", key.seal("members", &7u64));
        assert_eq!(Query::parse(&address).cursor::<u64>(&key, "members").unwrap(), Some(7));
        let error = Query::parse(&address).cursor::<u64>(&key, "messages").unwrap_err();
        assert_eq!(error.into_problem().status, 400);
        let address = format!("{address}&limit=0");
        let mut query = Query::parse(&address);
        query.limit();
        let problem = query.cursor::<u64>(&key, "messages").unwrap_err().into_problem();
        let named: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!((problem.status, &*named), (422, &["limit", "cursor"][..]));
        assert_eq!(Query::parse("").cursor::<u64>(&key, "members").unwrap(), None);
    }
}
