//! Hashing and checking passwords, never on the threads that serve.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::credential::PasswordHash;
use crate::protocol::requests::Password;

/// Hashes passwords with argon2id, a bounded number at a time, on the runtime's blocking threads.
#[derive(Clone)]
pub(crate) struct Hasher {
    permits: Arc<Semaphore>,
    /// What a password is checked against when there is no such user, so that it takes the same time.
    decoy: Arc<str>,
}

/// OWASP's recommendation for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

impl Hasher {
    /// Makes a hasher that occupies at most as many threads as the computer runs at once.
    pub(crate) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let decoy = hash("a decoy", &[0; 16]);
        Self {
            permits: Arc::new(Semaphore::new(threads)),
            decoy: decoy.into(),
        }
    }

    /// Hashes a new password with this salt.
    pub(crate) async fn hash(&self, password: Password, salt: [u8; 16]) -> PasswordHash {
        self.run(move || PasswordHash::from_phc(hash(password.expose(), &salt)))
            .await
    }

    /// Tells whether a password is the one that was hashed; without a hash it is not, and that takes as long.
    pub(crate) async fn verify(&self, password: Password, expected: Option<PasswordHash>) -> bool {
        let decoy = Arc::clone(&self.decoy);
        self.run(move || {
            let phc = expected.as_ref().map_or(&*decoy, PasswordHash::as_phc);
            let right = verify(password.expose(), phc);
            right && expected.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .expect("hashing does not panic")
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str, salt: &[u8; 16]) -> String {
    argon2()
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("a password of 128 characters fits")
        .to_string()
}

fn verify(password: &str, phc: &str) -> bool {
    argon2::password_hash::phc::PasswordHash::new(phc)
        .is_ok_and(|expected| argon2().verify_password(password.as_bytes(), &expected).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let hasher = Hasher::new();
        let password = |text: &str| Password::parse(text).unwrap();
        let hash = hasher.hash(password("correct horse"), [1; 16]).await;
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(password("correct horse"), Some(hash.clone())).await);
        assert!(!hasher.verify(password("battery staple"), Some(hash)).await);
        assert!(!hasher.verify(password("a decoy."), None).await);
    }
}
