// @ts-check
// The permissions of a group's roles, as the server enforces them: the views offer nothing that would be refused. Pure.
/** @import {Role} from "../../types/protocol.d.ts" */

/** @typedef {"promote" | "demote" | "hand over" | "remove"} MemberAction */

/** @type {Record<Role, number>} */
const RANK = { owner: 0, admin: 1, member: 2 };

/**
 * Orders members by role, the owner first.
 * @param {{role: Role}} a
 * @param {{role: Role}} b
 */
export const byRank = (a, b) => RANK[a.role] - RANK[b.role];

/**
 * Tells whether a role may change the group's description, add members, moderate messages, or delete the group.
 * @param {Role} role
 * @param {"describe" | "add" | "moderate" | "delete"} action
 */
export function isAllowed(role, action) {
  return role === "owner" || (role === "admin" && action !== "delete");
}

/**
 * Returns the actions of a role on a member with the role `other`.
 * @param {Role} role
 * @param {Role} other
 * @returns {MemberAction[]}
 */
export function memberActions(role, other) {
  if (role === "owner") return [other === "admin" ? "demote" : "promote", "hand over", "remove"];
  return role === "admin" && other === "member" ? ["remove"] : [];
}
