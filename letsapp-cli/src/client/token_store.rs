//! Where a client keeps its tokens.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::sync::{Mutex, PoisonError};

use letsapp_core::protocol::Tokens;

/// A place for the tokens of one session.
///
/// Several clients may share one place, in one process or in many: who refreshes holds the place's lock meanwhile, and
/// looks first whether another has done it.
pub trait TokenStore: Debug + Send + Sync {
    /// Returns the tokens that are kept, if there are any.
    ///
    /// # Errors
    /// When the place can't be read.
    fn load(&self) -> io::Result<Option<Tokens>>;

    /// Keeps these tokens instead of what was there.
    ///
    /// # Errors
    /// When the place can't be written.
    fn save(&self, tokens: &Tokens) -> io::Result<()>;

    /// Forgets the tokens.
    ///
    /// # Errors
    /// When the place can't be written.
    fn clear(&self) -> io::Result<()>;

    /// Waits until nobody else refreshes these tokens, and keeps others from it until the guard is dropped. May block.
    ///
    /// # Errors
    /// When the place can't be locked.
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }
}

/// Keeps tokens for as long as the process lives.
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
