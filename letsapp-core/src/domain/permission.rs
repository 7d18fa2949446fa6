//! Permissions of the roles in a group, as one table.

use crate::domain::role::Role;

/// Action of a member on a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Change the title, description or picture.
    Describe,
    /// Add members.
    Add,
    /// Remove a member with this role.
    Remove(Role),
    /// Leave the group.
    Leave,
    /// Change the role of a member with this role.
    Assign(Role),
    /// Transfer ownership to a member with this role.
    TransferOwnership(Role),
    /// Delete another user's message for all members.
    DeleteMessage,
    /// Delete the group.
    DeleteGroup,
}

/// Reports whether a member with the role `actor` may carry out `action`.
pub(crate) const fn allows(actor: Role, action: Action) -> bool {
    match (actor, action) {
        (Role::Owner, _) | (_, Action::Leave) => true,
        (Role::Admin, Action::Describe | Action::Add | Action::DeleteMessage | Action::Remove(Role::Member)) => true,
        (Role::Admin, Action::Remove(Role::Admin | Role::Owner)) => false,
        (Role::Admin, Action::Assign(_) | Action::TransferOwnership(_) | Action::DeleteGroup) => false,
        (Role::Member, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_do_what() {
        use Action::{Add, Assign, DeleteGroup, DeleteMessage, Describe, Leave, Remove, TransferOwnership};
        use Role::{Admin, Member, Owner};
        let table = [
            // action              member  admin  owner
            (Describe, [false, true, true]),
            (Add, [false, true, true]),
            (Remove(Member), [false, true, true]),
            (Remove(Admin), [false, false, true]),
            (Remove(Owner), [false, false, true]),
            (Leave, [true, true, true]),
            (Assign(Member), [false, false, true]),
            (Assign(Admin), [false, false, true]),
            (Assign(Owner), [false, false, true]),
            (TransferOwnership(Member), [false, false, true]),
            (TransferOwnership(Admin), [false, false, true]),
            (TransferOwnership(Owner), [false, false, true]),
            (DeleteMessage, [false, true, true]),
            (DeleteGroup, [false, false, true]),
        ];
        for (action, expected) in table {
            for (actor, expected) in [Member, Admin, Owner].into_iter().zip(expected) {
                assert_eq!(allows(actor, action), expected, "{actor:?} {action:?}");
            }
        }
    }
}
