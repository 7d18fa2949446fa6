//! Authentication by password and by token, beside the hash and the signature alone.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use futures_util::FutureExt;
use jsonwebtoken::{DecodingKey, Validation};
use letsapp_core::{
    domain::{
        key::{Key, KeyPurpose, Kid},
        timestamp::Timestamp,
        user::Username,
    },
    ports::BoxError,
    protocol::requests::{Login, Password, Register},
};
use serde::Deserialize;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{
    compare::{Costs, compare_costs},
    embedded::Embedded,
    report::Row,
    scale::Scale,
    subjects::{Run, Server, Subject},
    target::Store,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "auth",
    question: "Cost of a login, and of checking a request's access token",
    server: Server::NotNeeded,
    run,
};

const PASSWORD: &str = "correct horse battery staple";

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let runtime = Runtime::new()?;
    let letsapp = runtime.block_on(Embedded::on(&Store::Memory))?;
    let register = Register::new(Username::parse("ana")?, Password::parse(PASSWORD)?);
    let signed_in = runtime.block_on(letsapp.app().auth().register(register))?;

    let costs = log_in(scale, &runtime, &letsapp)?;
    report.row(row("login by password, beside argon2id", costs))?;
    let costs = authenticate(scale, &runtime, &letsapp, &signed_in.tokens.access_token)?;
    report.row(row("access token checked, beside jsonwebtoken", costs))?;
    runtime.block_on(letsapp.shutdown());
    Ok(())
}

fn log_in(scale: Scale, runtime: &Runtime, letsapp: &Embedded) -> Result<Costs, BoxError> {
    // OWASP's recommended parameters, which LetsApp uses.
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
            .block_on(letsapp.app().auth().login(request.clone()))
            .expect("the password is right");
    };
    let verify = || {
        argon2
            .verify_password(PASSWORD.as_bytes(), &expected)
            .expect("the password is right");
    };
    Ok(compare_costs(scale.measure(), login, verify))
}

fn authenticate(scale: Scale, runtime: &Runtime, letsapp: &Embedded, token: &str) -> Result<Costs, BoxError> {
    // The store would keep this key if it had none, but LetsApp has made one already.
    let unused = Key {
        kid: Kid("unused".into()),
        purpose: KeyPurpose::Access,
        secret: [0; 32],
        created_at: Timestamp::from_millis(0),
    };
    let keys = runtime.block_on(letsapp.store().keys().keys(KeyPurpose::Access, unused))?;
    let key = DecodingKey::from_secret(&keys[0].secret);
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["letsapp"]);
    validation.set_issuer(&["letsapp"]);
    let _entered = runtime.enter();
    let authenticate = || {
        let authenticated = letsapp.app().auth().authenticate(token).now_or_never();
        authenticated
            .expect("a memory store answers at once")
            .expect("the token is valid")
    };
    let decode = || jsonwebtoken::decode::<Claims>(token, &key, &validation).expect("the token is valid");
    assert_eq!(decode().claims.sub, *authenticate().user_id.as_uuid());
    Ok(compare_costs(scale.measure(), authenticate, decode))
}

#[derive(Deserialize)]
struct Claims {
    sub: Uuid,
}

fn row(label: &str, costs: Costs) -> Row {
    let micros = |cost: std::time::Duration| cost.as_secs_f64() * 1e6;
    Row::new(label, "µs")
        .letsapp(micros(costs.letsapp))
        .baseline(micros(costs.baseline))
}
