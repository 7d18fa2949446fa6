//! What does it cost to prove who one is, beside the hash and the signature by themselves?

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use futures_util::FutureExt;
use jsonwebtoken::{DecodingKey, Validation};
use letsapp_benches::{
    embedded::Embedded,
    report::{Report, Row},
    scale::Scale,
    target::Store,
    turns::{Costs, cost_by_turns},
};
use letsapp_core::{
    auth::{Key, KeyPurpose, Kid},
    protocol::requests::{Login, Password, Register},
    storage::BoxError,
    time::Timestamp,
    users::Username,
};
use serde::Deserialize;
use tokio::runtime::Runtime;
use uuid::Uuid;

const PASSWORD: &str = "correct horse battery staple";

fn main() -> Result<(), BoxError> {
    let (scale, runtime) = (Scale::from_env(), Runtime::new()?);
    let mut report = Report::new("auth")?;
    let ours = runtime.block_on(Embedded::on(&Store::Memory))?;
    let register = Register::new(Username::parse("ana")?, Password::parse(PASSWORD)?);
    let signed_in = runtime.block_on(ours.app().auth().register(register))?;

    let costs = sign_in(scale, &runtime, &ours)?;
    report.row(&row("signing in · argon2id of the password", costs))?;
    let costs = authenticate(scale, &runtime, &ours, &signed_in.tokens.access_token)?;
    report.row(&row("a request's access token · jsonwebtoken", costs))?;
    runtime.block_on(ours.shutdown());
    Ok(())
}

fn sign_in(scale: Scale, runtime: &Runtime, ours: &Embedded) -> Result<Costs, BoxError> {
    // OWASP's parameters, as LetsApp has them.
    let argon2 = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(19 * 1_024, 2, 1, None)?,
    );
    let hash = argon2
        .hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16])?
        .to_string();
    let expected = PasswordHash::new(&hash)?;
    let request = Login {
        username: "ana".into(),
        password: Password::parse(PASSWORD)?,
        device_name: None,
    };
    let login = || {
        runtime
            .block_on(ours.app().auth().login(request.clone()))
            .expect("the password is right");
    };
    let verify = || {
        argon2
            .verify_password(PASSWORD.as_bytes(), &expected)
            .expect("the password is right");
    };
    Ok(cost_by_turns(scale.measure(), login, verify))
}

fn authenticate(scale: Scale, runtime: &Runtime, ours: &Embedded, token: &str) -> Result<Costs, BoxError> {
    let unused = Key {
        kid: Kid("unused".into()),
        purpose: KeyPurpose::Access,
        secret: [0; 32],
        created_at: Timestamp::from_millis(0),
    };
    let keys = runtime.block_on(ours.store().keys().keys(KeyPurpose::Access, unused))?;
    let key = DecodingKey::from_secret(&keys[0].secret);
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["letsapp"]);
    validation.set_issuer(&["letsapp"]);
    let _entered = runtime.enter();
    let authenticate = || {
        let authenticated = ours.app().auth().authenticate(token).now_or_never();
        authenticated
            .expect("a store in memory does not wait")
            .expect("the token is good")
    };
    let decode = || jsonwebtoken::decode::<Claims>(token, &key, &validation).expect("the token is good");
    assert_eq!(decode().claims.sub, *authenticate().user_id.as_uuid());
    Ok(cost_by_turns(scale.measure(), authenticate, decode))
}

#[derive(Deserialize)]
struct Claims {
    sub: Uuid,
}

fn row(name: &str, costs: Costs) -> Row {
    let micros = |cost: std::time::Duration| cost.as_secs_f64() * 1e6;
    Row::new(name, "µs").ours(micros(costs.ours)).bare(micros(costs.bare))
}
