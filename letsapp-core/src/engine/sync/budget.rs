//! Bound on the size of an answer.

use serde::Serialize;

use crate::domain::page::{MAX_ANSWER_BYTES, json_bytes};

/// Bytes that are left for an answer. One item more may follow, or one page of conversations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_ANSWER_BYTES }
    }
}

impl Budget {
    /// Takes the size of an item from the budget.
    pub(super) fn spend(&mut self, item: &impl Serialize) {
        // One more for the comma.
        self.left = self.left.saturating_sub(json_bytes(item) + 1);
    }

    /// Reports whether the answer is to end here.
    pub(super) const fn is_spent(self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_costs_as_many_bytes_as_it_has_on_the_wire() {
        let mut budget = Budget { left: 10 };
        budget.spend(&"é\n");
        assert_eq!(budget.left, 10 - r#""é\n","#.len());
        budget.spend(&"a long text");
        assert!(budget.is_spent());
    }
}
