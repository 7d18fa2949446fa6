// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Problem } from "../../client/net/http.js";
import { initialState, reduce, syncPositions, timelineOf } from "../../client/state/reduce.js";
import { Store } from "../../client/state/store.js";
import { History } from "../../client/sync/history.js";
import { conversation, leftGroup, ME, message, syncReply, user } from "../fixtures.js";

/** A conversation of `length` messages, on a server that counts what it is asked. */
function story(length) {
  const asked = [];
  const store = new Store(reduce, initialState(user(ME)));
  const all = Array.from({ length }, (_, i) => message(i + 1));
  const api = {
    async history(_, { before, after, limit }) {
      asked.push({ before, after });
      const older = () => all.filter(({ seq }) => before === undefined || seq < before).reverse();
      const items = after === undefined ? older() : all.filter(({ seq }) => seq > after);
      return { items: items.slice(0, limit), next_cursor: items.length > limit ? "more" : null };
    },
    // A group that the reader has left.
    async conversation(id) {
      return leftGroup({ id, seq: length });
    },
    async message(_, seq) {
      asked.push({ seq });
      if (!all[seq - 1]) throw new Problem({ code: "not_found", status: 404 });
      return all[seq - 1];
    },
  };
  store.dispatch({ type: "conversation", conversation: conversation({ seq: length }) });
  return { asked, store, all, api, history: new History({ store, api }), seqs: () => seqsOf(store) };
}

function seqsOf(store) {
  const { messages } = timelineOf(store.state, "c");
  const seqs = messages.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    Array.from({ length: seqs.length }, (_, i) => seqs[0] + i),
    "without a gap",
  );
  return [seqs[0], seqs.at(-1)];
}

test("a jump loads the messages around its target, and paging goes on from there in both directions", async () => {
  const { store, history, seqs } = story(1_000);
  await history.loadNewest("c");
  assert.deepEqual(seqs(), [951, 1_000]);
  await history.jumpTo("c", 300);
  assert.deepEqual(seqs(), [261, 340]);
  assert.deepEqual(store.state.target, { conversation_id: "c", seq: 300, highlights: [], turn: 1 });
  await history.loadOlder("c");
  await history.loadNewer("c");
  assert.deepEqual(seqs(), [211, 390]);
});

test("a jump to a loaded message makes no request", async () => {
  const { asked, store, history } = story(60);
  await history.loadNewest("c");
  await history.jumpTo("c", 20, [{ start: 1, end: 2 }]);
  await history.jumpTo("c", 20);
  assert.equal(asked.length, 1);
  assert.equal(store.state.target.turn, 2);
});

test("a jump next to the loaded messages keeps the newest ones", async () => {
  const { store, history, seqs } = story(200);
  await history.loadNewest("c");
  await history.jumpTo("c", 130);
  assert.deepEqual(seqs(), [91, 200]);
  assert.equal(timelineOf(store.state, "c").reachedEnd, true);
});

test("paging forward after a jump ends at the newest message, including ones that arrived meanwhile", async () => {
  const { store, all, history, seqs } = story(120);
  await history.jumpTo("c", 20);
  assert.deepEqual(seqs(), [1, 60]);
  const late = message(121);
  store.dispatch({ type: "message", message: late, created: true });
  assert.deepEqual(seqs(), [1, 60]);
  await history.loadNewer("c");
  await history.loadNewer("c");
  assert.equal(timelineOf(store.state, "c").reachedEnd, false);
  all.push(late);
  await history.loadNewer("c");
  assert.deepEqual([seqs(), timelineOf(store.state, "c").reachedEnd], [[1, 121], true]);
});

test("returning to the newest messages loads one page", async () => {
  const { asked, store, history, seqs } = story(1_000);
  await history.jumpTo("c", 300);
  asked.length = 0;
  await history.returnToNewest("c");
  assert.deepEqual([asked.length, seqs(), timelineOf(store.state, "c").reachedEnd], [1, [951, 1_000], true]);
});

test("a jump to an unavailable message fails, and its quote is null", async () => {
  const { store, history } = story(10);
  await assert.rejects(history.jumpTo("c", 11), { code: "not_found" });
  await history.loadQuoted("c", 11);
  assert.equal(store.state.quoted.c[11], null);
  await history.loadQuoted("c", 3);
  assert.equal(store.state.quoted.c[3], undefined, "it is at hand");
});

test("an edited message changes in its quote too", async () => {
  const { store, history } = story(300);
  await history.loadQuoted("c", 3);
  store.dispatch({ type: "message", message: message(3, { rev: 400, body: "edited" }), created: false });
  assert.equal(store.state.quoted.c[3].body, "edited");
});

test("a quote is fetched once, and again after a reset of its conversation", async () => {
  const { asked, store, history } = story(300);
  await Promise.all([history.loadQuoted("c", 3), history.loadQuoted("c", 3)]);
  await history.loadQuoted("c", 3);
  assert.deepEqual(asked, [{ seq: 3 }]);
  const reply = syncReply({ conversations: [conversation({ seq: 300 })], positions: { c: 300 }, reset: ["c"] });
  store.dispatch({ type: "synced", reply });
  assert.equal(store.state.quoted.c, undefined, "the message may be another one now");
  await history.loadQuoted("c", 3);
  assert.equal(store.state.quoted.c[3].seq, 3);
  assert.equal(asked.length, 2);
});

test("a jump into a group that the reader has left shows it, and the group stays left", async () => {
  const { store, history } = story(100);
  await history.jumpTo("d", 20);
  assert.equal(store.state.conversations.d.left, true);
  assert.equal(timelineOf(store.state, "d").status, "ready");
  assert.deepEqual([store.state.target.conversation_id, store.state.target.seq], ["d", 20]);
  assert.equal("d" in syncPositions(store.state), false, "a sync brings it if its reader is in it after all");
});

test("a jump into a group that is about to arrive follows it", async () => {
  const { store, api, history } = story(100);
  const answer = api.conversation;
  api.conversation = async (id) => present(await answer(id));
  await history.jumpTo("d", 20);
  assert.deepEqual([store.state.conversations.d.left, syncPositions(store.state).d], [false, 100]);
});

test("a jump into a group that has just arrived does not mark it as left", async () => {
  const { store, api, history } = story(100);
  const answer = api.conversation;
  api.conversation = async (id) => {
    store.dispatch({ type: "conversation", conversation: present(await answer(id)) });
    return answer(id);
  };
  await history.jumpTo("d", 20);
  assert.equal(store.state.conversations.d.left, false);
});

test("a group that the reader has come back to is restored by a sync", async () => {
  const { store, api, history } = story(100);
  await history.jumpTo("d", 20);
  const reply = syncReply({ conversations: [present(await api.conversation("d"))], positions: { d: 100 } });
  store.dispatch({ type: "synced", reply });
  assert.equal(store.state.conversations.d.left, false);
  assert.equal(syncPositions(store.state).d, 100);
});

/** A conversation as one who is in it sees it. */
function present(conversation) {
  return { ...conversation, me: { ...conversation.me, left_at: null } };
}
