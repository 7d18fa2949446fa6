// How far each member has come: `{user_id: {delivered_seq, read_seq}}`, numbers that only rise.

export function raise(receipts, { user_id, delivered_seq, read_seq }) {
  const held = receipts[user_id] ?? { delivered_seq: 0, read_seq: 0 };
  const raised = {
    delivered_seq: Math.max(held.delivered_seq, delivered_seq, read_seq),
    read_seq: Math.max(held.read_seq, read_seq),
  };
  const same = raised.delivered_seq === held.delivered_seq && raised.read_seq === held.read_seq;
  return same && receipts[user_id] ? receipts : { ...receipts, [user_id]: raised };
}

/** What the ticks of an own message say: "read" or "delivered" when that is true of every other member who shows it. */
export function tick(receipts, seq, me) {
  const others = Object.entries(receipts).filter(([user]) => user !== me);
  if (others.length === 0) return "sent";
  if (others.every(([, { read_seq }]) => read_seq >= seq)) return "read";
  if (others.every(([, { delivered_seq }]) => delivered_seq >= seq)) return "delivered";
  return "sent";
}
