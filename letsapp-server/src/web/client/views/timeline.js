// @ts-check
// The messages of a chat, of which a window is in the document. `scroll.js` says which, and what stays in view; this view measures,
// draws and scrolls.
/** @import {Id, Watermarks} from "../../types/protocol.d.ts" */
/** @import {KnownConversation, OutboxItem, State, Target, Timeline as Messages} from "../../types/state.d.ts" */
/** @import {ActionKind, KeyEvent} from "../../types/views.d.ts" */
/** @import {Message} from "../../types/protocol.d.ts" */
/** @import {Client} from "../actions/client.js" */
/** @import {Window} from "./scroll.js" */
import { countsAsUnread } from "../state/conversations.js";
import { timelineOf } from "../state/reduce.js";
import { textOf } from "../text/messages.js";
import { nameOf } from "../text/names.js";
import { Component, html } from "../vendor/htm-preact.js";
import { Empty, IconButton, moveFocus, Spinner } from "./elements.js";
import * as scroll from "./scroll.js";
import { messageRows, waitingRows } from "./timeline-rows.js";

/** After a page that could not be loaded, scrolling requests it again only after this time. */
const RETRY_MS = 3_000;

/**
 * @typedef {object} TimelineProps
 * @property {Client} client
 * @property {KnownConversation} conversation
 * @property {Messages} timeline
 * @property {OutboxItem[]} waiting
 * @property {Record<Id, Watermarks> | undefined} receipts
 * @property {State["users"]} users
 * @property {Target | null} target
 * @property {(kind: ActionKind, message: Message) => void} onAction
 */
/** @typedef {Window & {atBottom: boolean}} TimelineState */
/** @typedef {{sent: boolean, anchor: {element: HTMLElement, top: number} | null}} Snapshot */

/** @extends {Component<TimelineProps, TimelineState>} */
export class Timeline extends Component {
  /** @type {HTMLElement} */
  list = /** @type {any} */ (null);
  /** The `turn` of the target that was shown last. @type {number | null} */
  shownTurn = null;
  /** Until when no page is requested by scrolling, in milliseconds since the epoch. */
  retryAt = 0;
  resizes = new ResizeObserver(() => this.state.atBottom && this.scrollToBottom());

  /** @param {TimelineProps} props */
  constructor(props) {
    super(props);
    const { conversation, timeline, target } = props;
    // The divider stays where the first unread message was when the chat was opened.
    this.divider = conversation.me.unread > 0 ? conversation.me.read_seq : null;
    const around = target && scroll.windowAround(timeline.messages, target.seq);
    this.state = around ? { ...around, atBottom: false } : { ...scroll.newestWindow(timeline.messages), atBottom: true };
    this.announcedSeq = conversation.head.seq;
  }

  componentDidMount() {
    this.resizes.observe(this.list);
    this.resizes.observe(/** @type {Element} */ (this.list.querySelector(".messages")));
    window.addEventListener("focus", this.markRead);
    document.addEventListener("visibilitychange", this.markRead);
    /** @type {HTMLElement | null} */
    const divider = this.list.querySelector(".divider");
    if (this.showTarget()) return this.onScroll();
    if (divider) this.list.scrollTop = scroll.dividerScrollTop(divider.offsetTop, this.list.clientHeight);
    else this.scrollToBottom();
    this.onScroll();
  }

  componentWillUnmount() {
    const { store } = this.props.client;
    if (this.shownTurn !== null && store.state.target?.turn === this.shownTurn) store.dispatch({ type: "targetCleared" });
    this.resizes.disconnect();
    window.removeEventListener("focus", this.markRead);
    document.removeEventListener("visibilitychange", this.markRead);
  }

  /**
   * @param {TimelineProps} before
   * @returns {Snapshot}
   */
  getSnapshotBeforeUpdate(before) {
    const { waiting, timeline } = this.props;
    const latest = waiting.at(-1);
    const sent = latest !== undefined && latest.id !== before.waiting.at(-1)?.id && !hasMessage(timeline, latest.id);
    return { sent, anchor: this.state.atBottom ? null : this.anchor() };
  }

  /**
   * @param {TimelineProps} before
   * @param {TimelineState} _
   * @param {Snapshot} snapshot
   */
  componentDidUpdate(before, _, { sent, anchor }) {
    const { target, timeline, waiting } = this.props;
    if (sent) this.divider = null;
    if (sent && !this.following) return void this.showLatest();
    if (target && target.turn !== this.shownTurn) {
      const around = scroll.windowAround(timeline.messages, target.seq);
      if (around && !this.elementOf(target.seq)) return this.setState({ ...around, atBottom: false });
      if (this.showTarget()) return this.onScroll();
    }
    const held = anchor && { connected: anchor.element.isConnected };
    const stuckTo = scroll.stickTo({ anchor: held, following: this.following, sent });
    if (stuckTo === "bottom") this.scrollToBottom();
    else if (stuckTo === "anchor" && anchor) {
      const { top } = anchor.element.getBoundingClientRect();
      this.list.scrollTop = scroll.anchoredScrollTop(this.list.scrollTop, anchor.top, top);
    }
    if (before.timeline !== timeline || before.waiting !== waiting) this.onScroll();
  }

  /**
   * @param {TimelineProps} props
   * @param {TimelineState} state
   */
  render({ client, timeline, waiting, conversation, target }, { from, to, atBottom }) {
    const { messages, reachedStart, pending } = timeline;
    const shown = scroll.messagesIn(messages, { from, to });
    const before = messages.indexOf(shown[0]) - 1;
    // The Tab key comes to one message of the list; arrow keys go on from there.
    const tabStop = shown.find(({ seq }) => seq === target?.seq) ?? shown.findLast(({ kind }) => kind === "user");
    const empty = reachedStart && messages.length + waiting.length === 0;
    const { divider } = this;
    return html`<div class="timeline-frame">
      <div
        class="timeline" ref=${(element) => (this.list = element)} onScroll=${this.onScroll} onKeyDown=${this.onKeyDown}
        data-testid="timeline" data-at-bottom=${atBottom} tabindex="-1"
      >
        <div class="timeline-edge">${pending && html`<${Spinner} label="Loading messages" />`}</div>
        ${empty && html`<${Empty} title="Say hello">This is the very beginning of your conversation.<//>`}
        <ol class="messages" aria-label="Messages">
          ${shown.flatMap((message, i) =>
            messageRows(this.props, message, messages[before + i], { divider, isTabStop: message === tabStop }),
          )}
          ${
            this.following &&
            waitingRows(
              client,
              waiting.filter(({ id }) => !hasMessage(timeline, id)),
              messages.at(-1),
              divider,
            )
          }
        </ol>
      </div>
      <p class="visually-hidden" aria-live="polite">${this.announcement()}</p>
      ${
        !atBottom &&
        html`<div class="to-latest">
        ${conversation.me.unread > 0 && html`<span class="badge" aria-hidden="true">${conversation.me.unread}</span>`}
        <${IconButton} icon="down" label="Go to the latest message" testid="to-latest" onClick=${this.showLatest} />
      </div>`
      }
    </div>`;
  }

  /** Whether the window ends with the newest message, so that new ones are shown. */
  get following() {
    return this.state.to === null && this.props.timeline.reachedEnd;
  }

  /** @param {KeyEvent} event */
  onKeyDown = (event) => {
    if (event.key === "End") this.showLatest();
    else moveFocus(event, ".message");
  };

  /** Scrolls to a target that was not shown yet. Returns whether there was one. */
  showTarget() {
    const { target } = this.props;
    const element = target && target.turn !== this.shownTurn && this.elementOf(target.seq);
    if (!element) return false;
    this.shownTurn = target.turn;
    element.scrollIntoView({ block: "center" });
    // The focus stays in a panel, so that its keys go on through the search results. On a touch screen it would open the tools.
    const keepFocus = window.matchMedia("(hover: none)").matches || document.activeElement?.closest(".panel");
    if (!keepFocus) element.focus({ preventScroll: true });
    return true;
  }

  /** Returns the newest message of another user, for screen readers. */
  announcement() {
    const { conversation, client, users } = this.props;
    const last = conversation.head.last_message;
    if (!last || last.seq <= this.announcedSeq || !countsAsUnread(last, client.store.state.me.id)) return "";
    return `${nameOf(users[last.sender_id])}: ${textOf(last)}`;
  }

  onScroll = () => {
    const atBottom = this.following && scroll.isAtBottom(this.list);
    if (atBottom !== this.state.atBottom) this.setState({ atBottom });
    const edge = scroll.nearEdge(this.list);
    if (edge === "older") this.showOlder();
    else if (edge === "newer") this.showNewer();
    this.markRead();
  };

  showOlder() {
    const { messages, reachedStart, pending } = this.props.timeline;
    const moved = scroll.olderWindow(messages, this.state);
    if (moved) return this.setState(moved);
    const { history } = this.props.client;
    if (messages.length > 0 && !reachedStart && !pending) this.load((id) => history.loadOlder(id));
  }

  showNewer() {
    const { messages, reachedEnd, pending } = this.props.timeline;
    const moved = scroll.newerWindow(messages, this.state);
    if (moved) return this.setState(moved);
    const { history } = this.props.client;
    if (!reachedEnd && !pending) this.load((id) => history.loadNewer(id));
    const trimmed = scroll.trimmedWindow(messages, this.state);
    if (trimmed) this.setState(trimmed);
  }

  /** @param {(id: Id) => Promise<void>} loadPage */
  async load(loadPage) {
    const { client, conversation } = this.props;
    if (Date.now() <= this.retryAt) return;
    const loaded = await client.attempt(() => loadPage(conversation.id));
    if (!loaded) this.retryAt = Date.now() + RETRY_MS;
  }

  showLatest = async () => {
    const { client, conversation } = this.props;
    if (!(await client.attempt(() => client.history.returnToNewest(conversation.id)))) return;
    // The props are those of the last drawing; the messages loaded just now are only in the store.
    const { messages } = timelineOf(client.store.state, conversation.id);
    this.setState({ ...scroll.newestWindow(messages), atBottom: true });
  };

  scrollToBottom() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Returns the first visible message, with its distance to the top of the page. */
  anchor() {
    const element = scroll.firstVisible(this.messageElements(), boxOf, boxOf(this.list).top);
    return element ? { element, top: boxOf(element).top } : null;
  }

  /** Marks the visible messages as read, while the reader has the page before them. */
  markRead = () => {
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    const last = scroll.lastVisible(this.messageElements(), boxOf, boxOf(this.list).bottom);
    if (last) this.props.client.messages.markRead(this.props.conversation.id, Number(last.dataset.seq));
  };

  /** @returns {HTMLElement[]} */
  messageElements() {
    return [...this.list.querySelectorAll("[data-seq]")].map((element) => /** @type {HTMLElement} */ (element));
  }

  /**
   * @param {number} seq
   * @returns {HTMLElement | null}
   */
  elementOf(seq) {
    return this.list.querySelector(`[data-seq="${seq}"]`);
  }
}

/** @param {HTMLElement} element */
const boxOf = (element) => element.getBoundingClientRect();

/**
 * @param {Messages} timeline
 * @param {Id} id
 */
function hasMessage({ messages }, id) {
  return messages.findLast((message) => message.id === id) !== undefined;
}
