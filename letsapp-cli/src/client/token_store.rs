//! The trait for places that keep tokens, and one in memory.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::sync::{Mutex, PoisonError};

use letsapp_core::protocol::Tokens;

/// A place that keeps the tokens of one session.
///
/// Several clients may share a store, in one process or in many. Whoever refreshes the tokens holds the store's lock
/// meanwhile, and first checks whether another client has already refreshed them.
pub trait TokenStore: Debug + Send + Sync {
    /// Returns the stored tokens, if there are any.
    ///
    /// # Errors
    /// If the store can't be read.
    fn load(&self) -> io::Result<Option<Tokens>>;

    /// Stores these tokens in place of the previous ones.
    ///
    /// # Errors
    /// If the store can't be written.
    fn save(&self, tokens: &Tokens) -> io::Result<()>;

    /// Removes the tokens.
    ///
    /// # Errors
    /// If the store can't be written.
    fn clear(&self) -> io::Result<()>;

    /// Locks the store until the returned guard is dropped. Blocks while another client holds the lock.
    ///
    /// The default implementation does nothing, which is right for a store that only one client uses.
    ///
    /// # Errors
    /// If the store can't be locked.
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }
}

/// Keeps tokens in memory, for the lifetime of the process.
///
/// ```
/// # use letsapp_cli::{MemoryTokens, TokenStore};
/// let tokens = MemoryTokens::default();
/// assert!(tokens.load()?.is_none());
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryTokens(Mutex<Option<Tokens>>);

impl TokenStore for MemoryTokens {
    fn load(&self) -> io::Result<Option<Tokens>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, tokens: &Tokens) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens.clone());
        Ok(())
    }

    fn clear(&self) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
