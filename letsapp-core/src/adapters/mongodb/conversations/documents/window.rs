//! Windows within the documents of `members` and `memberships`.

use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{count, long};
use crate::domain::id::Seq;
use crate::domain::window::Window;

/// A range of `seq` that a member may read.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct WindowDocument {
    /// First `seq`, included.
    from: i64,
    /// Last `seq`, included; absent while the user is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
}

impl From<WindowDocument> for Window {
    fn from(window: WindowDocument) -> Self {
        Self {
            from: Seq(count(window.from)),
            to: window.to.map(|to| Seq(count(to))),
        }
    }
}

/// Returns the stored form of windows.
pub(super) fn windows(windows: &[Window]) -> Vec<WindowDocument> {
    let write = |window: &Window| WindowDocument {
        from: long(window.from.0),
        to: window.to.map(|to| long(to.0)),
    };
    windows.iter().map(write).collect()
}
