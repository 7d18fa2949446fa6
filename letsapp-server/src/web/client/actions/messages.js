// @ts-check
// Messages: sending, forwarding, editing, deleting, reacting, marking as read, searching.
/** @import {Draft, Id, Message, Requests, SearchQuery} from "../../types/protocol.d.ts" */
/** @import {Api} from "../net/api.js" */
/** @import {Socket} from "../net/socket.js" */
/** @import {Acknowledger} from "../sync/acknowledger.js" */
/** @import {Live} from "../sync/live.js" */
/** @import {Outbox} from "../sync/outbox.js" */
/** @import {Typing} from "../sync/typing.js" */

export class Messages {
  #api;
  #socket;
  #live;
  #outbox;
  #acknowledger;
  #typing;

  /**
   * @param {object} parts
   * @param {Api} parts.api
   * @param {Socket} parts.socket
   * @param {Live} parts.live
   * @param {Outbox} parts.outbox
   * @param {Acknowledger} parts.acknowledger
   * @param {Typing} parts.typing
   */
  constructor({ api, socket, live, outbox, acknowledger, typing }) {
    this.#api = api;
    this.#socket = socket;
    this.#live = live;
    this.#outbox = outbox;
    this.#acknowledger = acknowledger;
    this.#typing = typing;
  }

  /**
   * Sends a message, or keeps it until there is a connection.
   * @param {Id} conversationId
   * @param {Draft} draft
   */
  send(conversationId, draft) {
    this.#typing.onSent(conversationId);
    this.#outbox.add(conversationId, draft);
  }

  /**
   * Forwards a message to other conversations.
   * @param {Message} message
   * @param {Id[]} conversationIds
   */
  forward({ body, attachments = [] }, conversationIds) {
    const files = attachments.length > 0 ? attachments.map(({ id }) => id) : undefined;
    conversationIds.forEach((id) => this.#outbox.add(id, { body, forwarded: true, attachments: files }));
  }

  /**
   * Sends a message again that the server has refused.
   * @param {Id} id
   */
  retry(id) {
    this.#outbox.retry(id);
  }

  /**
   * Gives up a message that was not sent.
   * @param {Id} id
   */
  discard(id) {
    this.#outbox.remove(id);
  }

  /**
   * @param {Message} message
   * @param {{body: string, mentions: Id[]}} changes
   */
  edit({ conversation_id, seq }, { body, mentions }) {
    this.#typing.onSent(conversation_id);
    return this.#change("message.edit", { conversation_id, seq, body, mentions });
  }

  /** @param {Message} message */
  delete({ conversation_id, seq }) {
    return this.#change("message.delete", { conversation_id, seq });
  }

  /**
   * Reacts with an emoji, or removes the reader's reaction where it is the same.
   * @param {Message} message
   * @param {string} emoji
   */
  react({ conversation_id, seq, my_reaction }, emoji) {
    return this.#change("message.react", { conversation_id, seq, emoji, remove: my_reaction === emoji });
  }

  /**
   * Returns the reactions of all users to a message.
   * @param {Message} message
   */
  reactions({ conversation_id, seq }) {
    return this.#api.reactions(conversation_id, seq);
  }

  /**
   * Marks a conversation as read up to this message.
   * @param {Id} conversationId
   * @param {number} seq
   */
  markRead(conversationId, seq) {
    this.#acknowledger.markRead(conversationId, seq);
  }

  /**
   * Returns a page of the messages that a search finds.
   * @param {SearchQuery} query
   */
  search(query) {
    return this.#api.search(query);
  }

  /**
   * @template {"message.edit" | "message.delete" | "message.react"} Op
   * @param {Op} op
   * @param {Requests[Op]} data
   */
  async #change(op, data) {
    this.#live.applyMessage(await this.#socket.request(op, data), false);
  }
}
