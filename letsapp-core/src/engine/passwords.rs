//! Hashing and checking passwords, on blocking threads so that the threads that serve requests never stall.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::credential::PasswordHash;
use crate::protocol::requests::Password;

/// Hashes passwords with argon2id on the runtime's blocking threads, a bounded number at a time.
#[derive(Clone)]
pub(crate) struct Hasher {
    permits: Arc<Semaphore>,
    /// Hash that a password is checked against if the user does not exist, so that login takes the same time and
    /// reveals nothing about which accounts exist.
    decoy: Arc<str>,
}

/// Memory of one hash in KiB. OWASP's recommendation for argon2id (Password Storage Cheat Sheet) is 19 MiB, two passes
/// and one lane.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Parallel lanes of one hash.
const LANES: u32 = 1;

impl Hasher {
    /// Creates a hasher that uses at most as many threads as the computer runs in parallel: more would only compete for
    /// the processor and memory.
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

    /// Returns whether a password matches a hash; false without a hash, after the same time.
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
    async fn only_the_right_password_verifies() {
        let hasher = Hasher::new();
        let password = |text: &str| Password::parse(text).unwrap();
        let hash = hasher.hash(password("correct horse"), [1; 16]).await;
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(password("correct horse"), Some(hash.clone())).await);
        assert!(!hasher.verify(password("battery staple"), Some(hash)).await);
        assert!(!hasher.verify(password("a decoy."), None).await);
    }
}
