// @ts-check
// Filled-in values of the API's types, and stand-ins for what a browser provides.
/** @import {Attachment, Conversation, Id, Message, Profile, SyncReply} from "../types/protocol.d.ts" */

export const ME = "me";
export const PEER = "peer";

/**
 * @param {Id} id
 * @returns {Profile}
 */
export function user(id) {
  return { id, username: id, display_name: "", about: "", created_at: "2026-01-01T00:00:00.000Z", last_seen_at: null };
}

/**
 * @param {number} seq
 * @param {object} [fields]
 * @returns {Message}
 */
export function message(seq, fields = {}) {
  return {
    id: `m${seq}`,
    conversation_id: "c",
    seq,
    rev: seq,
    sender_id: PEER,
    kind: "user",
    body: `message ${seq}`,
    reactions: [],
    sent_at: "2026-11-22T09:00:00.000Z",
    edited_at: null,
    deleted_at: null,
    ...fields,
  };
}

/**
 * A picture in a message.
 * @param {Partial<Attachment>} fields
 * @returns {Attachment}
 */
export function attachment(fields = {}) {
  return { id: "a", file_name: "photo.jpg", content_type: "image/jpeg", size: 1_000, ...fields };
}

/**
 * A direct conversation with `PEER`, unless the fields say otherwise. `read`: the reader's own watermark.
 * @param {{seq?: number, rev?: number, unread?: number, read?: number, [field: string]: unknown}} fields
 * @returns {Conversation}
 */
export function conversation({ seq = 0, rev = seq, unread = 0, read = seq - unread, ...fields } = {}) {
  return /** @type {Conversation} */ ({
    id: "c",
    kind: "direct",
    title: null,
    created_at: "2026-11-22T08:00:00.000Z",
    member_count: 2,
    head: { seq, rev, last_message: seq ? message(seq, { rev }) : null },
    me: { role: "member", read_seq: read, delivered_seq: seq, unread },
    peer: user(PEER),
    peer_receipt: { delivered_seq: 0, read_seq: 0 },
    ...fields,
  });
}

/** A group with `PEER`. */
export function group(fields = {}) {
  return conversation({ kind: "group", title: "All", peer: undefined, peer_receipt: undefined, ...fields });
}

/** A group that the reader has left, as it was then. */
export function leftGroup(fields = {}) {
  const then = group({ member_count: 1, ...fields });
  return { ...then, me: { ...then.me, left_at: "2026-11-23T09:00:00.000Z" } };
}

/**
 * @param {Partial<SyncReply>} fields
 * @returns {SyncReply}
 */
export function syncReply(fields = {}) {
  return { conversations: [], removed: [], changes: [], positions: {}, reset: [], more: false, mark: "m", server_time: "t", epoch: "e", ...fields };
}

export class MemoryStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

/** Locks that all tabs of a test share. */
export class SharedLocks {
  #held = new Set();
  #tails = new Map();

  request(name, work) {
    const turn = (this.#tails.get(name) ?? Promise.resolve()).then(async () => {
      this.#held.add(name);
      try {
        return await work();
      } finally {
        this.#held.delete(name);
      }
    });
    this.#tails.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  }

  async query() {
    return { held: [...this.#held].map((name) => ({ name })), pending: [] };
  }

  /** Releases all locks, as a browser does with those of a closed tab. */
  releaseAll() {
    this.#held.clear();
  }
}

/** Waits until everything that is already due has happened. */
export async function settled() {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
