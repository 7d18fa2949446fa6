// Types of the client's own state, and of the actions that change it.
import type {
  Block,
  Contact,
  Conversation,
  DirectConversation,
  Draft,
  GroupConversation,
  Id,
  Media,
  Member,
  Message,
  PresenceItem,
  Profile,
  Receipt,
  SyncReply,
  Timestamp,
  TypingData,
  User,
  Watermarks,
} from "./protocol.d.ts";

/** A user as the client shows them: with the reader's own name for them, where they are a contact under one. */
export interface Person extends User {
  alias?: string;
}

/** The parts of a user that their name is made of; of some users only the id is known. */
export type Named = Partial<Pick<Person, "username" | "display_name" | "alias" | "deleted" | "avatar_media_id">>;

interface Local {
  /** The change number up to which `me.unread` is exact; later messages are counted by the client. */
  countedRev: number;
  /** True once the reader is no longer a member; the conversation is shown as it was. */
  left: boolean;
  /** True where only the server can say how many messages are unread. */
  unreadUnknown?: boolean;
}

/** A conversation as the client keeps it. */
export type KnownConversation = (DirectConversation & Local) | (GroupConversation & Local);

/** The change numbers of a conversation that have arrived: all up to `upTo`, and beyond a gap those in `ahead`. */
export interface Revs {
  upTo: number;
  ahead: number[];
}

/** The loaded messages of one conversation, in the order of `seq` and without a gap. */
export interface Timeline {
  /** "empty" until the first page is requested, then "loading", then "ready" or "failed". */
  status: "empty" | "loading" | "ready" | "failed";
  messages: Message[];
  /** Whether `messages` begins with the first message that the reader may see. */
  reachedStart: boolean;
  /** Whether `messages` ends with the newest message. */
  reachedEnd: boolean;
  /** The id of the request for a page that is under way; an answer to any other is ignored. */
  pending: Id | null;
}

/** A page of history. An end that is left out is unchanged. */
export interface HistoryPage {
  items: Message[];
  reachedStart?: boolean;
  reachedEnd?: boolean;
}

/** A range of a string, in UTF-16 code units. */
export interface Range {
  start: number;
  end: number;
}

/** The message that the timeline is to bring into view. */
export interface Target {
  conversation_id: Id;
  seq: number;
  /** Ranges of the body to mark. */
  highlights: Range[];
  /** Distinguishes a jump from the next one to the same message. */
  turn: number;
}

/** A message that the server has not acknowledged. */
export interface OutboxItem extends Draft {
  id: Id;
  conversation_id: Id;
  queued_at: Timestamp;
  status: "waiting" | "failed";
  /** The tab that sends the message. */
  tab: Id;
  /** The reason to show where `status` is "failed". */
  error?: string;
  /** True while the server's rate limit holds the message back. */
  slowed?: boolean;
}

/** A file that is being uploaded, above the message field of its conversation. */
export interface Upload {
  /** The id of the file to be, so that a repeated upload can't make a second one. */
  id: Id;
  conversation_id: Id;
  file_name: string;
  content_type: string;
  /** In bytes. */
  size: number;
  status: "waiting" | "uploading" | "done" | "failed";
  /** The part that has been sent, from 0 to 1. */
  progress: number;
  /** The reason to show where `status` is "failed". */
  error?: string;
  /** Whether the same file may be accepted when it is sent again. */
  retryable?: boolean;
  /** A `blob:` address of the picture, or of one of the video. */
  preview?: string;
  waveform?: number[];
  /** The message that carries the file, once the reader has sent it: it leaves with its last file. */
  batch?: { id: Id; draft: Draft };
}

/** A notification: the result of an action, or ("arrival") a message in another conversation. */
export type Toast =
  | { id: number; tone: "error" | "good"; text: string; conversation_id?: undefined }
  | { id: number; tone: "arrival"; text: string; title: string; conversation_id: Id };

export type Presence = Pick<PresenceItem, "status" | "last_seen_at">;

export interface State {
  me: Profile;
  /** "connecting" until the first sync. `retryAt` is the time of the next attempt, in milliseconds since the epoch. */
  connection: { status: "connecting" | "online" | "offline"; retryAt: number | null };
  /** Whether the list of conversations is complete. */
  ready: boolean;
  users: Record<Id, Person>;
  conversations: Record<Id, KnownConversation>;
  /** Groups that the reader has left and that are in their list, in its order. Null until loaded. */
  leftGroups: Id[] | null;
  timelines: Record<Id, Timeline>;
  revs: Record<Id, Revs>;
  /** Watermarks of each member by conversation. A group has none until they are requested; undefined where they are to be again. */
  receipts: Record<Id, Record<Id, Watermarks> | undefined>;
  members: Record<Id, Member[]>;
  /** Messages fetched for quotes by conversation and `seq`; null where the reader can't see one. */
  quoted: Record<Id, Record<number, Message | null>>;
  target: Target | null;
  /** The `turn` of the last target. */
  turn: number;
  /** Null until loaded. */
  contacts: Record<Id, { alias: string | null; added_at: Timestamp }> | null;
  /** Null until loaded. */
  blocks: Record<Id, { blocked_at: Timestamp }> | null;
  presence: Record<Id, Presence>;
  /** Users who are typing by conversation. */
  typing: Record<Id, Id[]>;
  /** Messages that the server has not acknowledged, oldest first. */
  outbox: OutboxItem[];
  /** Files that are being uploaded, in the order in which they were picked. */
  uploads: Upload[];
  /** Facts about files that are not in their messages; null where the reader can't see one. */
  media: Record<Id, Media | null>;
  toasts: Toast[];
}

type HistoryAnswer = { conversation_id: Id; pending: Id } & HistoryPage;

export type Action =
  | { type: "connection"; status: State["connection"]["status"]; retryAt?: number | null }
  | { type: "synced"; reply: SyncReply }
  | { type: "restored" }
  | { type: "conversation"; conversation: Conversation }
  | { type: "left"; id: Id }
  | { type: "leftGroups"; items: Conversation[] }
  | { type: "unlisted"; id: Id }
  | { type: "message"; message: Message; created: boolean }
  | { type: "rev"; conversation_id: Id; rev: number }
  | { type: "receipts"; conversation_id: Id; items: Receipt[] }
  | { type: "receiptsLoaded"; conversation_id: Id; items: Receipt[] }
  | { type: "historyRequested"; conversation_id: Id; pending: Id }
  | { type: "historyFailed"; conversation_id: Id; pending: Id }
  | ({ type: "history" } & HistoryAnswer)
  | ({ type: "historyAround" } & HistoryAnswer)
  | { type: "target"; target: Omit<Target, "turn"> }
  | { type: "targetCleared" }
  | { type: "quoted"; conversation_id: Id; seq: number; message: Message | null }
  | { type: "users"; users: User[] }
  | { type: "profile"; profile: Profile }
  | { type: "contacts"; items: Contact[] }
  | { type: "contact"; item: Contact }
  | { type: "contactRemoved"; id: Id }
  | { type: "blocks"; items: Block[] }
  | { type: "blocked"; id: Id; at: Timestamp }
  | { type: "unblocked"; id: Id }
  | { type: "presence"; items: PresenceItem[] }
  | { type: "presenceCleared" }
  | ({ type: "typing" } & TypingData)
  | { type: "members"; conversation_id: Id; items: Member[] }
  | { type: "outbox"; items: OutboxItem[] }
  | { type: "uploads"; items: Upload[] }
  | { type: "media"; item: Media }
  | { type: "mediaMissing"; id: Id }
  | { type: "toast"; toast: Toast }
  | { type: "toastDismissed"; id: number }
  | { type: "conversationOpened"; conversation_id: Id };
