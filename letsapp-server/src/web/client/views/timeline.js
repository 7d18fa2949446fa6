// The messages of a chat, of which only a window is in the document. What is in view stays where it is, whatever is added above or
// below it; at the bottom, the view follows what comes in. A target is brought into the middle, wherever it is.
import { isUnread } from "../state/conversations.js";
import { tick } from "../state/receipts.js";
import { timelineOf } from "../state/reduce.js";
import { dayOf, minutesBetween, nameOf, sameDay } from "../text.js";
import { Component, html } from "../vendor/htm-preact.js";
import { Empty, IconButton, moveFocus, Spinner } from "./elements.js";
import { Message, SystemMessage, WaitingMessage } from "./message.js";

/** How many messages are in the document at most, and by how many the window moves. */
const WINDOW = 150;
const STEP = 50;
/** This close to an edge, the window moves or more is loaded. */
const NEAR_EDGE_PX = 700;
const AT_BOTTOM_PX = 48;
/** After a page that couldn't be loaded, scrolling asks again only after a while. */
const REST_MS = 3_000;
/** Messages of one sender closer than this are shown as one group. */
const GROUPED_MINUTES = 5;

export class Timeline extends Component {
  constructor(props) {
    super(props);
    const { conversation, timeline } = props;
    // The first unread message is marked where it was when the chat was opened.
    this.divider = conversation.me.unread > 0 ? conversation.me.read_seq : null;
    this.state = this.startingAt(props.target) ?? { ...lastWindow(timeline.messages), atBottom: true };
    this.heard = conversation.head.seq;
    this.resting = 0;
    this.list = null;
    this.shownTurn = null;
  }

  componentDidMount() {
    this.resizes = new ResizeObserver(() => this.state.atBottom && this.toBottom());
    this.resizes.observe(this.list);
    this.resizes.observe(this.list.querySelector(".messages"));
    window.addEventListener("focus", this.see);
    document.addEventListener("visibilitychange", this.see);
    const divider = this.list.querySelector(".divider");
    if (this.showTarget()) return this.scrolled();
    if (divider) this.list.scrollTop = divider.offsetTop - this.list.clientHeight / 4;
    else this.toBottom();
    this.scrolled();
  }

  componentWillUnmount() {
    const { store } = this.props.client;
    if (this.shownTurn !== null && store.state.target?.turn === this.shownTurn) store.dispatch({ type: "targetGone" });
    this.resizes.disconnect();
    window.removeEventListener("focus", this.see);
    document.removeEventListener("visibilitychange", this.see);
  }

  getSnapshotBeforeUpdate(before) {
    const { waiting, timeline } = this.props;
    const wrote = waiting.length > 0 && waiting.at(-1).id !== before.waiting.at(-1)?.id && !has(timeline, waiting.at(-1).id);
    return { wrote, anchor: this.state.atBottom ? null : this.anchor() };
  }

  componentDidUpdate(before, _, { wrote, anchor }) {
    if (wrote) this.divider = null;
    if (wrote && !this.following) return this.showLatest();
    if (this.props.target && this.props.target.turn !== this.shownTurn) {
      const wanted = this.startingAt(this.props.target);
      if (wanted && !this.list.querySelector(`[data-seq="${this.props.target.seq}"]`)) return this.setState(wanted);
      if (this.showTarget()) return this.scrolled();
    }
    if (anchor?.element.isConnected && !wrote) this.list.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    else if (this.following) this.toBottom();
    if (before.timeline !== this.props.timeline || before.waiting !== this.props.waiting) this.scrolled();
  }

  render({ timeline, waiting, conversation, target }, { from, to, atBottom }) {
    const { messages, reachedStart, asking } = timeline;
    const shown = windowOf(messages, from, to);
    const before = messages.indexOf(shown[0]) - 1;
    const stop = shown.find(({ seq }) => seq === target?.seq) ?? shown.findLast(({ kind }) => kind === "user");
    const empty = reachedStart && messages.length + waiting.length === 0;
    return html`<div class="timeline-frame">
      <div
        class="timeline" ref=${(element) => (this.list = element)} onScroll=${this.scrolled} onKeyDown=${this.keys}
        data-testid="timeline" data-at-bottom=${atBottom} tabindex="-1"
      >
        <div class="timeline-edge">${asking && html`<${Spinner} label="Loading messages" />`}</div>
        ${empty && html`<${Empty} title="Say hello">This is the very beginning of your conversation.<//>`}
        <ol class="messages" aria-label="Messages">
          ${shown.flatMap((message, i) => this.rows(message, messages[before + i], message === stop))}
          ${
            this.following &&
            this.waitingRows(
              waiting.filter(({ id }) => !has(timeline, id)),
              messages.at(-1),
            )
          }
        </ol>
      </div>
      <p class="visually-hidden" aria-live="polite">${this.spoken()}</p>
      ${
        !atBottom &&
        html`<div class="to-latest">
        ${conversation.me.unread > 0 && html`<span class="badge" aria-hidden="true">${conversation.me.unread}</span>`}
        <${IconButton} icon="down" label="Go to the latest message" testid="to-latest" onClick=${this.showLatest} />
      </div>`
      }
    </div>`;
  }

  /** `stop`: the one message of the list that the Tab key comes to. */
  rows(message, previous, stop) {
    const { client, users, receipts, conversation, target, onAction } = this.props;
    const me = client.store.state.me.id;
    const separators = this.separators(message, previous);
    if (message.kind === "system") {
      return [...separators, html`<${SystemMessage} key=${message.id} message=${message} users=${users} me=${me} />`];
    }
    const row = html`<${Message}
      key=${message.id} client=${client} message=${message} me=${me} sender=${users[message.sender_id]} inGroup=${conversation.kind === "group"}
      continues=${separators.length === 0 && continues(previous, message)} stop=${stop}
      tick=${message.sender_id === me ? tick(receipts ?? {}, message.seq, me) : null} closed=${Boolean(conversation.left)}
      mayModerate=${conversation.kind === "group" && conversation.me.role !== "member"} onAction=${onAction}
      target=${target?.seq === message.seq ? target : null}
    />`;
    return [...separators, row];
  }

  /** Messages on their way look as they will once they have arrived. */
  waitingRows(items, last) {
    const { client } = this.props;
    const rows = [];
    let previous = last;
    for (const item of items) {
      const message = { seq: item.id, kind: "user", sender_id: client.store.state.me.id, sent_at: item.queued_at };
      const separators = this.separators(message, previous);
      const grouped = separators.length === 0 && continues(previous, message);
      const [retry, discard] = [() => client.retry(item.id), () => client.discard(item.id)];
      rows.push(
        ...separators,
        html`<${WaitingMessage} key=${item.id} item=${item} continues=${grouped} onRetry=${retry} onDiscard=${discard} />`,
      );
      previous = message;
    }
    return rows;
  }

  /** What stands between a message and the one before it: a new day, the first unread one. */
  separators(message, previous) {
    const separators = [];
    if (!previous || !sameDay(previous.sent_at, message.sent_at)) {
      separators.push(html`<li class="day" key=${`day-${message.seq}`}><span>${dayOf(message.sent_at)}</span></li>`);
    }
    if (this.divider !== null && message.seq > this.divider && (previous?.seq ?? 0) <= this.divider) {
      separators.push(html`<li class="divider" key="divider" data-testid="unread-divider"><span>New messages</span></li>`);
    }
    return separators;
  }

  /** Whether the window ends where the conversation does, so that what comes in is shown. */
  get following() {
    return this.state.to === null && this.props.timeline.reachedEnd;
  }

  keys = (event) => {
    if (event.key === "End") this.showLatest();
    else moveFocus(event, ".message");
  };

  /** A window with a target in its middle, if it is at hand. */
  startingAt(target) {
    const { messages } = this.props.timeline;
    const at = target ? messages.findIndex(({ seq }) => seq === target.seq) : -1;
    if (at < 0) return null;
    const end = Math.min(messages.length, Math.max(at + WINDOW / 2, WINDOW));
    const from = messages[Math.max(0, end - WINDOW)].seq;
    return { from, to: end < messages.length ? messages[end - 1].seq : null, atBottom: false };
  }

  /** Brings a new target into view; returns whether there was one. */
  showTarget() {
    const { target } = this.props;
    const element = target && target.turn !== this.shownTurn && this.list.querySelector(`[data-seq="${target.seq}"]`);
    if (!element) return false;
    this.shownTurn = target.turn;
    element.scrollIntoView({ block: "center" });
    // Whoever goes through findings goes on from there; on a touch screen the focus would open the tools.
    const pointed = window.matchMedia("(hover: none)").matches || document.activeElement?.closest(".panel");
    if (!pointed) element.focus({ preventScroll: true });
    return true;
  }

  /** The newest message of somebody else, for those who listen instead of looking. */
  spoken() {
    const { conversation, client, users } = this.props;
    const last = conversation.head.last_message;
    if (!last || last.seq <= this.heard || !isUnread(last, client.store.state.me.id)) return "";
    return `${nameOf(users[last.sender_id])}: ${last.body}`;
  }

  scrolled = () => {
    const { list } = this;
    const below = list.scrollHeight - list.clientHeight - list.scrollTop;
    const atBottom = this.following && below < AT_BOTTOM_PX;
    if (atBottom !== this.state.atBottom) this.setState({ atBottom });
    if (list.scrollTop < NEAR_EDGE_PX) this.wantOlder();
    else if (below < NEAR_EDGE_PX) this.wantNewer();
    this.see();
  };

  wantOlder() {
    const { timeline } = this.props;
    const { messages } = timeline;
    const first = messages.findIndex(({ seq }) => seq >= this.state.from);
    if (first > 0) {
      const from = Math.max(0, first - STEP);
      const end = from + WINDOW;
      this.setState({ from: messages[from].seq, to: end < messages.length ? messages[end - 1].seq : null });
    } else if (messages.length > 0 && !timeline.reachedStart && !timeline.asking && Date.now() > this.resting) {
      this.load((history, id) => history.loadOlder(id));
    }
  }

  async load(page) {
    const { client, conversation } = this.props;
    const loaded = await client.attempt(() => page(client.history, conversation.id));
    if (!loaded) this.resting = Date.now() + REST_MS;
  }

  wantNewer() {
    const { messages, reachedEnd, asking } = this.props.timeline;
    if (this.state.to === null) {
      if (!reachedEnd && !asking && Date.now() > this.resting) this.load((history, id) => history.loadNewer(id));
      return this.trim();
    }
    const last = messages.findLastIndex(({ seq }) => seq <= this.state.to);
    const end = Math.min(messages.length, last + 1 + STEP);
    this.setState({
      from: messages[Math.max(0, end - WINDOW)].seq,
      to: end < messages.length ? messages[end - 1].seq : null,
    });
  }

  /** Following a long chat, the window would grow without end. */
  trim() {
    const { messages } = this.props.timeline;
    if (windowOf(messages, this.state.from, null).length > WINDOW + STEP) this.setState(lastWindow(messages));
  }

  showLatest = async () => {
    const { client, conversation } = this.props;
    if (!(await client.attempt(() => client.history.returnToNewest(conversation.id)))) return;
    // What was loaded just now is drawn later.
    this.setState({ ...lastWindow(timelineOf(client.store.state, conversation.id).messages), atBottom: true });
  };

  toBottom() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** The first message that can be seen, and where it is. */
  anchor() {
    const top = this.list.getBoundingClientRect().top;
    for (const element of this.list.querySelectorAll("[data-seq]")) {
      const at = element.getBoundingClientRect();
      if (at.bottom > top) return { element, top: at.top };
    }
    return null;
  }

  /** Marks as read what the reader has before their eyes. */
  see = () => {
    if (document.visibilityState !== "visible" || !document.hasFocus()) return;
    const bottom = this.list.getBoundingClientRect().bottom;
    const elements = [...this.list.querySelectorAll("[data-seq]")];
    const last = elements.findLast((element) => element.getBoundingClientRect().top < bottom - 16);
    if (last) this.props.client.markRead(this.props.conversation.id, Number(last.dataset.seq));
  };
}

function has({ messages }, id) {
  return messages.findLast((message) => message.id === id) !== undefined;
}

function windowOf(messages, from, to) {
  return messages.filter(({ seq }) => seq >= from && (to === null || seq <= to));
}

function lastWindow(messages) {
  return { from: messages.at(-WINDOW)?.seq ?? messages[0]?.seq ?? 0, to: null };
}

function continues(previous, message) {
  return (
    previous.kind === "user" &&
    previous.sender_id === message.sender_id &&
    minutesBetween(previous.sent_at, message.sent_at) < GROUPED_MINUTES
  );
}
