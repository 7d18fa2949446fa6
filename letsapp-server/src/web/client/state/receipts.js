// @ts-check
// The watermarks of a conversation: the last message that each member has received, and read. Pure.
/** @import {Id, Receipt, Watermarks} from "../../types/protocol.d.ts" */

/**
 * Raises one member's watermarks. They never fall: receipts may arrive out of order.
 * @param {Record<Id, Watermarks>} receipts
 * @param {Receipt} receipt
 */
export function raiseReceipt(receipts, { user_id, delivered_seq, read_seq }) {
  const held = receipts[user_id] ?? { delivered_seq: 0, read_seq: 0 };
  const raised = {
    delivered_seq: Math.max(held.delivered_seq, delivered_seq, read_seq),
    read_seq: Math.max(held.read_seq, read_seq),
  };
  const same = raised.delivered_seq === held.delivered_seq && raised.read_seq === held.read_seq;
  return same && receipts[user_id] ? receipts : { ...receipts, [user_id]: raised };
}

/**
 * Returns the state of an own message that its ticks show: "read" or "delivered" once that is true of every other member whose
 * receipts are visible.
 * @param {Record<Id, Watermarks>} receipts
 * @param {number} seq
 * @param {Id} me
 */
export function deliveryStatus(receipts, seq, me) {
  const others = Object.entries(receipts).filter(([user]) => user !== me);
  if (others.length === 0) return "sent";
  if (others.every(([, { read_seq }]) => read_seq >= seq)) return "read";
  if (others.every(([, { delivered_seq }]) => delivered_seq >= seq)) return "delivered";
  return "sent";
}
