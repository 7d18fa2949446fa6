//! The roster after a change of a group, derived from the one before.

use crate::domain::conversation::{Conversation, Roster};
use crate::domain::id::Seq;
use crate::domain::member::MemberChange;
use crate::domain::timestamp::Timestamp;

/// The effect of a change of a group on its roster.
#[derive(Clone, Debug)]
pub(crate) struct GroupUpdate {
    /// The new state of the conversation; `None` if it stays the same.
    pub(crate) conversation: Option<Conversation>,
    /// The users who join, leave or get another role.
    pub(crate) members: Vec<MemberChange>,
}

impl GroupUpdate {
    /// Returns the roster after the change, whose system message has the seq `fence` and was sent `at`. `None` if a user
    /// joins, since a former member's record holds more than the roster, or if the group is deleted.
    pub(crate) fn apply(&self, before: &Roster, fence: Seq, at: Timestamp) -> Option<Roster> {
        let conversation = self.conversation.as_ref().unwrap_or(&before.conversation);
        let joins = |change: &MemberChange| matches!(change, MemberChange::Joined(..));
        if conversation.deleted_at.is_some() || self.members.iter().any(joins) {
            return None;
        }
        let mut members = before.members.clone();
        for change in &self.members {
            if let Some(member) = members.iter_mut().find(|member| member.user_id == change.user_id())
                && let Some(after) = change.apply(conversation.id, Some(&*member), fence, at)
            {
                *member = after;
            }
        }
        members.retain(|member| member.is_in());
        Some(Roster {
            conversation: conversation.clone(),
            members,
            fence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Role;
    use crate::domain::text::Title;
    use crate::engine::fixtures::{ANA, BEN, NOW, group};

    #[test]
    fn a_title_a_role_and_a_departure_are_derived() {
        let before = group(&[ANA, BEN], 1);
        let renamed = Conversation {
            title: Some(Title::parse("Renamed").unwrap()),
            ..before.conversation.clone()
        };
        let update = GroupUpdate {
            conversation: Some(renamed.clone()),
            members: vec![MemberChange::Left(ANA), MemberChange::Role(BEN, Role::Owner)],
        };
        let after = update.apply(&before, Seq(7), NOW).unwrap();
        assert_eq!((after.conversation, after.fence), (renamed, Seq(7)));
        let members: Vec<_> = after
            .members
            .iter()
            .map(|member| (member.user_id, member.role))
            .collect();
        assert_eq!(members, [(BEN, Role::Owner)]);
    }

    #[test]
    fn a_roster_with_new_members_has_to_be_read() {
        let before = group(&[ANA], 1);
        let update = GroupUpdate {
            conversation: None,
            members: vec![MemberChange::Joined(BEN, Role::Member)],
        };
        assert_eq!(update.apply(&before, Seq(7), NOW), None);
        let deleted = GroupUpdate {
            conversation: Some(before.conversation.deleted(NOW)),
            members: Vec::new(),
        };
        assert_eq!(deleted.apply(&before, Seq(7), NOW), None);
    }
}
