// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { byActivity } from "../../client/state/conversations.js";
import { deliveryStatus } from "../../client/state/receipts.js";
import { conversationsWithGaps, initialState, reduce, syncPositions } from "../../client/state/reduce.js";
import { conversation, group, leftGroup, ME, message, PEER, syncReply, user } from "../fixtures.js";

const run = (actions, state = initialState(user(ME))) => actions.reduce(reduce, state);
const met = (fields) => run([{ type: "conversation", conversation: conversation(fields) }]);
const created = (item) => ({ type: "message", message: item, created: true });
const updated = (item) => ({ type: "message", message: item, created: false });
const opened = (items, reachedStart = true) => [
  { type: "historyRequested", conversation_id: "c", pending: "a" },
  { type: "history", conversation_id: "c", pending: "a", items, reachedStart },
];
const read = (seq, user_id = ME) => ({
  type: "receipts",
  conversation_id: "c",
  items: [{ user_id, delivered_seq: seq, read_seq: seq }],
});
const unread = (state) => state.conversations.c.me.unread;

test("another user's message is unread, and an own one marks everything before it as read", () => {
  const two = run([created(message(1)), created(message(2))], met());
  assert.equal(unread(two), 2);
  assert.equal(unread(run([created(message(3, { sender_id: ME }))], two)), 0);
});

test("a repeated message counts once", () => {
  assert.equal(unread(run([created(message(1)), created(message(1))], met())), 1);
});

test("a message that the server has counted isn't counted again", () => {
  const state = run([created(message(3))], met({ seq: 3, unread: 3 }));
  assert.equal(unread(state), 3);
});

test("messages that arrive out of order are all counted and leave no gap", () => {
  const state = run(
    [3, 1, 2].map((seq) => created(message(seq))),
    met(),
  );
  assert.equal(unread(state), 3);
  assert.deepEqual(conversationsWithGaps(state), []);
  assert.deepEqual(syncPositions(state), { c: 3 });
});

test("system messages and edits don't count as unread, and a deletion lowers the count", () => {
  const state = run(
    [created(message(1)), created(message(2, { kind: "system", system: {} })), updated(message(1, { rev: 3 }))],
    met(),
  );
  assert.equal(unread(state), 1);
  assert.equal(unread(run([updated(message(1, { rev: 4, deleted_at: "t" }))], state)), 0);
});

test("a skipped change is a gap until a sync closes it", () => {
  const state = run([created(message(3, { rev: 4 }))], met({ seq: 2 }));
  assert.deepEqual(conversationsWithGaps(state), ["c"]);
  assert.deepEqual(syncPositions(state), { c: 2 });
  const reply = syncReply({ conversations: [conversation({ seq: 3, rev: 4, unread: 1 })], positions: { c: 4 } });
  const synced = run([{ type: "synced", reply }], state);
  assert.deepEqual(conversationsWithGaps(synced), []);
  assert.equal(unread(synced), 1);
});

test("a change that the reader may not see closes its gap", () => {
  const state = run([created(message(3, { rev: 4 })), { type: "rev", conversation_id: "c", rev: 3 }], met({ seq: 2 }));
  assert.deepEqual(conversationsWithGaps(state), []);
});

test("a conversation that is newer than its messages has a gap", () => {
  const state = run([{ type: "conversation", conversation: conversation({ seq: 4, unread: 2 }) }], met({ seq: 2 }));
  assert.deepEqual(conversationsWithGaps(state), ["c"]);
});

test("an outdated conversation keeps the newer head and count", () => {
  const live = run([created(message(3))], met({ seq: 2 }));
  const state = run([{ type: "conversation", conversation: conversation({ seq: 2, title: "late" }) }], live);
  assert.equal(state.conversations.c.head.seq, 3);
  assert.equal(unread(state), 1);
  assert.equal(state.conversations.c.title, "late");
});

test("after reading a part the rest is counted from the loaded messages", () => {
  const items = [4, 3, 2, 1].map((seq) => message(seq, seq === 3 ? { sender_id: ME } : {}));
  const state = run([...opened(items), read(1)], met({ seq: 4, unread: 3, read: 0 }));
  assert.equal(unread(state), 2);
  assert.equal(unread(run([read(4)], state)), 0);
});

test("a count that the loaded messages don't tell is left to the server", () => {
  const state = run([read(5)], met({ seq: 90, unread: 90 }));
  assert.equal(state.conversations.c.unreadUnknown, true);
  assert.equal(
    run([{ type: "conversation", conversation: conversation({ seq: 90, unread: 85 }) }], state).conversations.c.unreadUnknown,
    undefined,
  );
});

test("watermarks only rise", () => {
  const state = run([read(3), read(1)], met({ seq: 4, unread: 4 }));
  assert.equal(state.conversations.c.me.read_seq, 3);
});

test("ticks of a direct chat follow the peer's watermarks and messages", () => {
  const state = met({ seq: 5 });
  assert.equal(deliveryStatus(state.receipts.c, 5, ME), "sent");
  const delivered = run(
    [{ type: "receipts", conversation_id: "c", items: [{ user_id: PEER, delivered_seq: 5, read_seq: 4 }] }],
    state,
  );
  assert.equal(deliveryStatus(delivered.receipts.c, 5, ME), "delivered");
  assert.equal(deliveryStatus(run([created(message(6))], delivered).receipts.c, 5, ME), "read");
});

test("ticks of a group need the watermarks of all members", () => {
  const met = run([{ type: "conversation", conversation: group({ seq: 2 }) }]);
  const spoke = run([created(message(3))], met);
  assert.equal(spoke.receipts.c, undefined);
  const items = [PEER, "third"].map((user_id) => ({ user_id, delivered_seq: 2, read_seq: 0 }));
  const loaded = run([{ type: "receiptsLoaded", conversation_id: "c", items }], spoke);
  assert.equal(deliveryStatus(loaded.receipts.c, 2, ME), "delivered");
  assert.equal(deliveryStatus(run([read(2, PEER)], loaded).receipts.c, 2, ME), "delivered");
  assert.equal(deliveryStatus(run([read(2, PEER), read(2, "third")], loaded).receipts.c, 2, ME), "read");
});

test("a conversation that was left disappears from the list, and starts empty on return", () => {
  const left = run([...opened([message(1)]), { type: "left", id: "c" }], met({ seq: 1 }));
  assert.deepEqual(byActivity(left.conversations), []);
  assert.deepEqual(syncPositions(left), {});
  const back = run([{ type: "conversation", conversation: conversation({ seq: 9 }) }], left);
  assert.equal(back.timelines.c.status, "empty");
  assert.deepEqual(syncPositions(back), { c: 9 });
});

test("an update of a group that the reader has left keeps its messages, and shows the group as it was then", () => {
  const held = group({ seq: 2, rev: 7, title: "All", member_count: 3 });
  const left = run([{ type: "conversation", conversation: held }, ...opened([message(2), message(1)]), { type: "left", id: "c" }]);
  const then = leftGroup({ seq: 2, rev: 5, title: "All of us", member_count: 2 });
  const changed = { ...then, me: { ...then.me, archived: true } };
  const state = run([{ type: "conversation", conversation: changed }], left);
  assert.deepEqual([state.timelines.c, state.timelines.c.messages.length], [left.timelines.c, 2]);
  const { left: stays, title, member_count, me } = state.conversations.c;
  assert.deepEqual([stays, title, member_count, me.archived], [true, "All of us", 2, true]);
  assert.deepEqual(syncPositions(state), {}, "its changes are not followed");
});

test("a description from after leaving ends the membership, however old it is", () => {
  const open = run([{ type: "conversation", conversation: group({ seq: 2, rev: 7 }) }, ...opened([message(2), message(1)])]);
  const gone = { type: "conversation", conversation: leftGroup({ seq: 2, rev: 5, title: "All of us" }) };
  const state = run([gone], open);
  assert.deepEqual([state.conversations.c.left, state.conversations.c.head.rev, syncPositions(state)], [true, 5, {}]);
  assert.equal(state.timelines.c.messages.length, 2);
});

test("a sync updates an open chat, and empties one that changed too much", () => {
  const state = run(opened([message(2), message(1)]), met({ seq: 2 }));
  const changes = [message(1, { rev: 3, body: "edited" }), message(3, { rev: 4 })];
  const reply = syncReply({ changes, conversations: [conversation({ seq: 3, rev: 4 })], positions: { c: 4 } });
  const synced = run([{ type: "synced", reply }], state);
  assert.deepEqual(
    synced.timelines.c.messages.map(({ body }) => body),
    ["edited", "message 2", "message 3"],
  );
  const reset = run([{ type: "synced", reply: syncReply({ reset: ["c"] }) }], synced);
  assert.equal(reset.timelines.c.status, "empty");
});

test("a reset drops the receipts of a conversation, which may have gone back", () => {
  const reply = syncReply({ conversations: [conversation({ seq: 2 })], positions: { c: 2 }, reset: ["c"] });
  const state = run([read(9, PEER), { type: "synced", reply }], met({ seq: 9 }));
  assert.equal(deliveryStatus(state.receipts.c, 2, ME), "sent");
});

test("pinned conversations come first, then the most recently active", () => {
  const at = (id, sent_at, pinned) => {
    const held = conversation({ seq: 1, id });
    return { ...held, me: { ...held.me, pinned }, head: { ...held.head, last_message: { ...message(1), sent_at } } };
  };
  const all = [at("old", "2026-01-01", false), at("new", "2026-01-03", false), at("kept", "2025-01-01", true)];
  const state = run(all.map((item) => ({ type: "conversation", conversation: item })));
  assert.deepEqual(
    byActivity(state.conversations).map(({ id }) => id),
    ["kept", "new", "old"],
  );
});

test("only the latest message of a conversation is shown as a toast, until the conversation is opened", () => {
  const toast = (id, fields) => ({ type: "toast", toast: { id, ...fields } });
  const state = run([
    toast(1, { conversation_id: "c", text: "one" }),
    toast(2, { conversation_id: "d", text: "one" }),
    toast(3, { conversation_id: "c", text: "two" }),
    toast(4, { text: "failed" }),
    toast(5, { text: "failed" }),
  ]);
  const ids = ({ toasts }) => toasts.map(({ id }) => id);
  assert.deepEqual(ids(state), [2, 3, 5]);
  assert.deepEqual(ids(run([{ type: "conversationOpened", conversation_id: "c" }], state)), [2, 5]);
});

test("an action that changes nothing returns the same state", () => {
  const state = met({ seq: 2 });
  assert.equal(
    run(
      [
        { type: "users", users: [user(PEER)] },
        { type: "rev", conversation_id: "c", rev: 1 },
      ],
      state,
    ),
    state,
  );
});
