//! Creating and checking tokens. Pure: keys and the time are passed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::id::{SessionId, UserId};
use crate::domain::key::{Key, Kid};
use crate::domain::session::TokenHash;
use crate::domain::timestamp::Timestamp;
use crate::engine::error::AuthError;

/// Issuer (`iss`) of access tokens.
const ISSUER: &str = "letsapp";
/// Audience (`aud`) of access tokens.
const AUDIENCE: &str = "letsapp";

/// The claims of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The user.
    pub(crate) sub: UserId,
    /// The session.
    pub(crate) sid: SessionId,
    /// The number of the session's refresh token with which it was issued.
    #[serde(rename = "gen")]
    pub(crate) generation: u32,
    /// Time of expiry, in seconds since the Unix epoch.
    pub(crate) exp: i64,
}

/// The claims as they are signed, together with the issuer and the audience.
#[derive(Serialize, Deserialize)]
struct SignedClaims<'a> {
    #[serde(flatten)]
    claims: Claims,
    iss: std::borrow::Cow<'a, str>,
    aud: std::borrow::Cow<'a, str>,
}

/// Signs and checks access tokens (JWT, HS256).
pub(crate) struct AccessTokens {
    signing: (Kid, EncodingKey),
    checking: Vec<(Kid, DecodingKey)>,
    validation: Validation,
}

impl AccessTokens {
    /// Creates a signer that signs with the first of the keys and accepts tokens signed with any of them, so that keys
    /// can be rotated.
    pub(crate) fn new(keys: &[Key]) -> Self {
        let newest = keys.first().expect("a store has at least one key of each purpose");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        // Expiry is checked in `check` against the engine's clock instead of the computer's.
        validation.validate_exp = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        Self {
            signing: (newest.kid.clone(), EncodingKey::from_secret(&newest.secret)),
            checking: keys
                .iter()
                .map(|key| (key.kid.clone(), DecodingKey::from_secret(&key.secret)))
                .collect(),
            validation,
        }
    }

    pub(crate) fn sign(&self, claims: Claims) -> String {
        let (kid, key) = &self.signing;
        let header = Header {
            kid: Some(kid.0.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let signed = SignedClaims {
            claims,
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
        };
        jsonwebtoken::encode(&header, &signed, key).expect("claims are plain data")
    }

    /// Checks the signature and the expiry of a token and returns its claims.
    ///
    /// # Errors
    /// [`AuthError::TokenExpired`] if only the time is wrong, [`AuthError::Unauthenticated`] otherwise.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Claims, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Unauthenticated)?;
        let (_, key) = self
            .checking
            .iter()
            .find(|(kid, _)| Some(&kid.0) == header.kid.as_ref())
            .ok_or(AuthError::Unauthenticated)?;
        let signed: jsonwebtoken::TokenData<SignedClaims<'static>> =
            jsonwebtoken::decode(token, key, &self.validation).map_err(|_| AuthError::Unauthenticated)?;
        let claims = signed.claims.claims;
        if now.as_millis() >= claims.exp.saturating_mul(1_000) {
            return Err(AuthError::TokenExpired);
        }
        Ok(claims)
    }
}

/// A refresh token: the session, the number of the token within the session, and a proof that this server derived it.
/// Only a hash of the token is stored; the token itself can be derived again from the key, to answer a client that lost
/// the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: SessionId,
    pub(crate) number: u32,
}

impl RefreshToken {
    /// Derives the token from a key.
    pub(crate) fn token(self, key: &Key) -> String {
        let mut bytes = self.named().to_vec();
        bytes.extend_from_slice(&self.mac(key).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Decodes a token that was derived from one of these keys; `None` if it was not.
    pub(crate) fn read(token: &str, keys: &[Key]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (session_id, rest) = bytes.split_first_chunk::<16>()?;
        let (number, proof) = rest.split_first_chunk::<4>()?;
        let read = Self {
            session_id: SessionId::from_bytes(*session_id),
            number: u32::from_be_bytes(*number),
        };
        keys.iter()
            .any(|key| read.mac(key).verify_slice(proof).is_ok())
            .then_some(read)
    }

    fn named(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(self.session_id.as_bytes());
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    fn mac(self, key: &Key) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.secret).expect("HMAC takes a key of any length");
        mac.update(&self.named());
        mac
    }
}

impl TokenHash {
    /// Hashes a token. A fast hash suffices, since tokens can't be guessed like passwords.
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::KeyPurpose;

    fn key(kid: &str, secret: u8) -> Key {
        Key {
            kid: Kid(kid.to_owned()),
            purpose: KeyPurpose::Access,
            secret: [secret; 32],
            created_at: Timestamp::default(),
        }
    }

    fn claims() -> Claims {
        Claims {
            sub: UserId::from_bytes([1; 16]),
            sid: SessionId::from_bytes([2; 16]),
            generation: 3,
            exp: 1_000,
        }
    }

    #[test]
    fn an_access_token_is_valid_until_exactly_its_expiry() {
        let tokens = AccessTokens::new(&[key("a", 1)]);
        let token = tokens.sign(claims());
        assert_eq!(tokens.check(&token, Timestamp::from_millis(999_999)).unwrap(), claims());
        let late = tokens.check(&token, Timestamp::from_millis(1_000_000));
        assert!(matches!(late, Err(AuthError::TokenExpired)));
    }

    #[test]
    fn a_rotated_key_still_checks_the_tokens_it_signed() {
        let token = AccessTokens::new(&[key("old", 1)]).sign(claims());
        let now = Timestamp::from_millis(0);
        assert!(
            AccessTokens::new(&[key("new", 2), key("old", 1)])
                .check(&token, now)
                .is_ok()
        );
        assert!(AccessTokens::new(&[key("new", 2)]).check(&token, now).is_err());
        assert!(
            AccessTokens::new(&[key("old", 2)]).check(&token, now).is_err(),
            "same name, another secret"
        );
    }

    #[test]
    fn a_token_of_another_issuer_audience_or_algorithm_is_refused() {
        let ours = AccessTokens::new(&[key("a", 1)]);
        let signing = EncodingKey::from_secret(&[1; 32]);
        let header = |algorithm| Header {
            kid: Some("a".to_owned()),
            ..Header::new(algorithm)
        };
        let signed = |iss: &'static str, aud: &'static str| SignedClaims {
            claims: claims(),
            iss: iss.into(),
            aud: aud.into(),
        };
        let forged = [
            jsonwebtoken::encode(&header(Algorithm::HS256), &signed("else", AUDIENCE), &signing).unwrap(),
            jsonwebtoken::encode(&header(Algorithm::HS256), &signed(ISSUER, "else"), &signing).unwrap(),
            jsonwebtoken::encode(&header(Algorithm::HS512), &signed(ISSUER, AUDIENCE), &signing).unwrap(),
            jsonwebtoken::encode(&header(Algorithm::HS256), &claims(), &signing).unwrap(),
            "not a token".to_owned(),
        ];
        for token in forged {
            assert!(ours.check(&token, Timestamp::from_millis(0)).is_err(), "{token}");
        }
    }

    #[test]
    fn a_refresh_token_can_be_derived_again_but_not_forged() {
        let read = RefreshToken {
            session_id: SessionId::from_bytes([5; 16]),
            number: 7,
        };
        let token = read.token(&key("a", 1));
        assert_eq!(token, read.token(&key("a", 1)));
        assert_eq!(RefreshToken::read(&token, &[key("b", 2), key("a", 1)]), Some(read));
        assert_eq!(RefreshToken::read(&token, &[key("b", 2)]), None);
        assert_eq!(RefreshToken::read("", &[key("a", 1)]), None);
    }
}
