//! Requests for registration, login and account management.

use serde::Serialize;
use serde_json::Value;

use super::secret::{Password, Presented, RefreshToken};
use crate::domain::text::one_line;
use crate::domain::user::{DisplayName, Email, Username};
use crate::protocol::fields::{Fault, Fields, FromFields, Scalar, text};
#[cfg(feature = "openapi")]
use crate::protocol::schemas::CurrentPassword;

/// Body of `POST /v1/auth/register`: creates an account and signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Register {
    /// Name to sign in with and to be found by: 3–32 of `a-z 0-9 _ .`, compared case-insensitively.
    pub username: Username,
    /// Password of 8–128 characters.
    pub password: Password,
    /// Name to show: one line of 1–64 characters. The username if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,
    /// Email address, visible only to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Name of the device that signs in: one line of at most 100 characters, shown in the list of sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::protocol::schemas::DeviceName>))]
    pub device_name: Option<String>,
}

/// Body of `POST /v1/auth/login`: signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// Username or email address; a longer text is neither.
    #[cfg_attr(feature = "openapi", schema(max_length = 254))]
    pub username: String,
    /// Password.
    #[cfg_attr(feature = "openapi", schema(value_type = CurrentPassword))]
    pub password: Password,
    /// Name of the device that signs in: one line of at most 100 characters, shown in the list of sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::protocol::schemas::DeviceName>))]
    pub device_name: Option<String>,
}

/// Body of `POST /v1/auth/refresh`: exchanges a refresh token for the next pair of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// Refresh token received last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, max_length = 1024))]
    pub refresh_token: RefreshToken,
}

/// Body of `POST /v1/auth/password`: changes the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangePassword {
    /// Current password.
    #[cfg_attr(feature = "openapi", schema(value_type = CurrentPassword))]
    pub current_password: Password,
    /// New password of 8–128 characters.
    pub new_password: Password,
}

/// Body of `DELETE /v1/me`: deletes the account for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeleteAccount {
    /// Current password, as proof that the owner makes the request.
    #[cfg_attr(feature = "openapi", schema(value_type = CurrentPassword))]
    pub password: Password,
}

impl Register {
    /// Creates a registration with the required fields only.
    pub const fn new(username: Username, password: Password) -> Self {
        Self {
            username,
            password,
            display_name: None,
            email: None,
            device_name: None,
        }
    }
}

impl FromFields for Register {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let username = fields.required("username");
        let password = fields.required("password");
        let display_name = fields.optional("display_name");
        let email = fields.optional("email");
        let device_name = device_name(fields);
        Some(Self {
            username: username?,
            password: password?,
            display_name: display_name?,
            email: email?,
            device_name: device_name?,
        })
    }
}

impl FromFields for Login {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let username = fields.required("username");
        // Also accepts passwords that are too short for a new one, see `Password::presented`.
        let password = fields.required::<Presented>("password");
        let device_name = device_name(fields);
        Some(Self {
            username: username?,
            password: password?.0,
            device_name: device_name?,
        })
    }
}

impl FromFields for Refresh {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            refresh_token: fields.required("refresh_token")?,
        })
    }
}

impl FromFields for ChangePassword {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let current_password = fields.required::<Presented>("current_password");
        let new_password = fields.required("new_password");
        Some(Self {
            current_password: current_password?.0,
            new_password: new_password?,
        })
    }
}

impl FromFields for DeleteAccount {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            password: fields.required::<Presented>("password")?.0,
        })
    }
}

/// Maximum number of characters in the name of a device.
const MAX_DEVICE_NAME: usize = 100;

/// Name of a device: one line of at most 100 characters, trimmed; `None` if blank.
struct DeviceName(Option<String>);

impl Scalar for DeviceName {
    fn read(value: &Value) -> Result<Self, Fault> {
        let name = text(value)?;
        if name.trim().is_empty() {
            return Ok(Self(None));
        }
        let name = one_line(name, MAX_DEVICE_NAME).map_err(Fault::Text)?;
        Ok(Self(Some(name.to_owned())))
    }
}

/// Reads the optional name of a device; a blank name counts as none.
fn device_name(fields: &mut Fields<'_>) -> Option<Option<String>> {
    let name = fields.optional::<DeviceName>("device_name")?;
    Some(name.and_then(|name| name.0))
}
