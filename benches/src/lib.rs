//! What the benches share: the bare things that ratios are taken against, the lean load client, and the report.
//!
//! Absolute times do not hold from one machine to the next, so each bench measures the bare thing in the same run and
//! prints the ratio. Nothing here is a product: the bare relay keeps no message, the bare tables answer no question.

pub mod bare;
pub mod embedded;
pub mod filling;
pub mod load;
pub mod process;
pub mod report;
pub mod sample;
pub mod scale;
pub mod target;
pub mod turns;
