//! Bound on the size of an answer.

use std::io;

use serde::Serialize;

/// Bytes of JSON that an answer may have before it ends. One item more may follow, or one page of conversations.
const MAX_BYTES: usize = 4 << 20;

/// Bytes that are left for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_BYTES }
    }
}

impl Budget {
    /// Takes the size of an item from the budget.
    pub(super) fn spend(&mut self, item: &impl Serialize) {
        let mut size = Size(0);
        serde_json::to_writer(&mut size, item).expect("what is sent is plain data, and counting does not fail");
        // The comma behind it.
        self.left = self.left.saturating_sub(size.0 + 1);
    }

    /// Reports whether the answer is to end here.
    pub(super) const fn is_spent(self) -> bool {
        self.left == 0
    }
}

/// Counts the bytes that are written.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
