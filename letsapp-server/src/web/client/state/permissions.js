// What the roles of a group allow, as the server sees it: what isn't allowed isn't offered.

const RANK = { owner: 0, admin: 1, member: 2 };

/** Members in the order of a list: who may do most comes first. */
export const byRank = (a, b) => RANK[a.role] - RANK[b.role];

/** Whether somebody with this role may describe the group, add people, moderate messages, or delete the group. */
export function may(role, action) {
  return role === "owner" || (role === "admin" && action !== "delete");
}

/** What somebody with this role may do with another member: `promote`, `demote`, `hand over`, `remove`. */
export function stepsFor(role, other) {
  if (role === "owner") return [other === "admin" ? "demote" : "promote", "hand over", "remove"];
  return role === "admin" && other === "member" ? ["remove"] : [];
}
