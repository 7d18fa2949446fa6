//! Schemas of fields whose rules are in `domain/`, for API documents: lengths, patterns, formats and words.
//!
//! JSON Schema counts code points where the rules count characters as a reader does, and knows no invisible characters.
//! So a schema allows no text that is too long, and refuses none that people type.

use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::body::Body;
use crate::domain::contact::Alias;
use crate::domain::emoji::Emoji;
use crate::domain::id::Rev;
use crate::domain::search::SearchText;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, Adders, Audience, DisplayName, Email, Username};
use crate::protocol::fields::MAX_CONVERSATIONS;
use crate::protocol::requests::Password;
use crate::protocol::sync_mark::{SyncMark, SyncSince};

/// Line with at least one visible character and no control characters.
const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$";

/// Any number of lines, without other control characters than newline and tab.
const LINES: &str = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$";

/// Characters of a line, none of them a control character.
const BLANK_OR_LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

/// UUID of version 4 or 7.
const CHOSEN: &str = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/// Text form of a [`SyncMark`].
const MARK: &str = r"^m[0-9a-fA-F]{1,16}(\.[0-9a-fA-F]{1,16}\.[0-9a-fA-F]{32})?$";

/// A password that is compared with the right one, which may be too short for a new one.
#[derive(Debug)]
pub struct CurrentPassword;

/// The text of a message, which may be empty if there are attachments.
#[derive(Debug)]
pub struct Caption;

/// An id that clients may choose: a UUID of version 4 or 7.
#[derive(Debug)]
pub struct ClientChosenId;

/// The name of a device; a blank one counts as none.
#[derive(Debug)]
pub struct DeviceName;

/// Numbers of changes by the id of the conversation.
#[derive(Debug)]
pub struct Positions;

macro_rules! schemas {
    ($($name:ty = $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {}
    )*};
}

schemas! {
    Username = text(Username::MIN, Username::MAX, Some(r"^[A-Za-z0-9_.]+$"));
    DisplayName = text(1, DisplayName::MAX, Some(LINE));
    Title = text(1, Title::MAX, Some(LINE));
    Alias = text(1, Alias::MAX, Some(LINE));
    DeviceName = text(0, 100, Some(BLANK_OR_LINE));
    About = text(0, About::MAX, Some(LINES));
    Body = text(1, Body::MAX, Some(LINES));
    Caption = text(0, Body::MAX, Some(LINES));
    SearchText = text(1, SearchText::MAX, Some(r"[^\x00-\x20\x7f-\xa0]"));
    Emoji = text(1, Emoji::MAX_BYTES, None);
    Password = text(Password::MIN, Password::MAX, None);
    CurrentPassword = text(0, Password::MAX, None);
    Email = object(
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(Email::MAX_BYTES))
            .format(Some(SchemaFormat::Custom("email".to_owned()))),
    );
    ClientChosenId = object(
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .pattern(Some(CHOSEN)),
    );
    Audience = words(&["everyone", "contacts", "nobody"]);
    Adders = words(&["everyone", "contacts"]);
    SyncMark = object(ObjectBuilder::new().schema_type(Type::String).pattern(Some(MARK)));
    SyncSince = RefOr::T(Schema::AnyOf(
        AnyOfBuilder::new().item(SyncMark::schema()).item(Timestamp::schema()).build(),
    ));
    Positions = object(
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .max_properties(Some(MAX_CONVERSATIONS))
            .property_names(Some(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
                    .build(),
            ))
            .additional_properties(Some(AdditionalProperties::RefOr(Rev::schema()))),
    );
}

fn text(min: usize, max: usize, pattern: Option<&str>) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let text = text.min_length((min > 0).then_some(min)).max_length(Some(max));
    object(text.pattern(pattern))
}

fn words(words: &[&str]) -> RefOr<Schema> {
    object(
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.iter().copied())),
    )
}

fn object(builder: ObjectBuilder) -> RefOr<Schema> {
    builder.build().into()
}
