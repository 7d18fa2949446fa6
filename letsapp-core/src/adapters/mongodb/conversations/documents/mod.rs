//! Documents of conversations and members, and their conversion to and from the domain's types.

mod conversation;
mod departure;
mod member;
mod membership;
mod pair;
mod window;

pub(in crate::adapters::mongodb) use self::conversation::ConversationDocument;
pub(in crate::adapters::mongodb) use self::departure::DepartureDocument;
pub(in crate::adapters::mongodb) use self::member::{MemberDocument, MemberKey};
pub(super) use self::membership::WatermarksDocument;
pub(in crate::adapters::mongodb) use self::membership::{MembershipDocument, MembershipKey, PeerDocument, changed};
pub(in crate::adapters::mongodb) use self::pair::{PairDocument, PairKey};
