// Types of the server's API as the client uses it: the bodies of HTTP requests and answers, and the frames of the socket.

/** A UUID in its textual form. */
export type Id = string;

/** A time in RFC 3339, UTC, with milliseconds. */
export type Timestamp = string;

/** A page of a list. `next_cursor` asks for the next page, null on the last one. */
export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

// --- Failures

/** A field of a request that the server did not accept. */
export interface FieldError {
  field: string;
  code: string;
  /** A sentence in English without a capital letter. */
  detail: string;
}

/** A failure as an HTTP problem document (RFC 9457) or the `error` of a reply on the socket. */
export interface ProblemDocument {
  /** The stable word to branch on, such as `not_found`. */
  code: string;
  status?: number;
  title?: string;
  detail?: string;
  errors?: FieldError[];
  /** Seconds to wait before the next attempt. */
  retry_after?: number | null;
}

// --- Accounts

export interface User {
  id: Id;
  /** Null for a deleted account. */
  username: string | null;
  /** Empty where the user has set none. */
  display_name: string;
  about: string;
  avatar_media_id?: Id | null;
  created_at: Timestamp;
  /** Null where the user's settings hide it from the reader. */
  last_seen_at: Timestamp | null;
  deleted?: boolean;
}

export interface Settings {
  last_seen: "everyone" | "contacts" | "nobody";
  read_receipts: boolean;
  groups: "everyone" | "contacts";
}

/** The reader's own profile. */
export interface Profile extends User {
  email?: string | null;
  settings?: Settings;
}

export interface ProfileChanges {
  display_name?: string;
  about?: string;
  avatar_media_id?: Id | null;
  settings?: Partial<Settings>;
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: "Bearer";
  /** Seconds until the access token ends. */
  expires_in: number;
}

/** The answer to registering and to signing in. */
export interface SignedIn {
  user: Profile;
  tokens: Tokens;
}

export interface Credentials {
  username: string;
  password: string;
  device_name?: string;
}

export interface Registration extends Credentials {
  display_name?: string;
}

/** A device on which the reader is signed in. */
export interface DeviceSession {
  id: Id;
  device_name: string | null;
  created_at: Timestamp;
  last_used_at: Timestamp;
  /** True for the session that asks. */
  current: boolean;
}

export interface Contact {
  user: User;
  /** The reader's own name for the contact. */
  alias: string | null;
  added_at: Timestamp;
}

export interface Block {
  user: User;
  blocked_at: Timestamp;
}

export interface PresenceItem {
  user_id: Id;
  status: "online" | "offline";
  last_seen_at: Timestamp | null;
}

// --- Conversations

export type Role = "owner" | "admin" | "member";

/** The newest state of a conversation: its last message and the number of its last change. */
export interface Head {
  seq: number;
  rev: number;
  last_message: Message | null;
}

/** The reader's own part in a conversation. */
export interface Membership {
  role: Role;
  joined_at: Timestamp;
  left_at: Timestamp | null;
  read_seq: number;
  delivered_seq: number;
  unread: number;
  muted_until: Timestamp | null;
  archived: boolean;
  pinned: boolean;
}

export interface MembershipChanges {
  muted_until?: Timestamp | null;
  archived?: boolean;
  pinned?: boolean;
}

/** The `seq` of the last message that a member has received, and read. Both only rise. */
export interface Watermarks {
  delivered_seq: number;
  read_seq: number;
}

interface ConversationBase {
  id: Id;
  about: string | null;
  avatar_media_id: Id | null;
  created_by: Id;
  created_at: Timestamp;
  member_count: number;
  head: Head;
  me: Membership;
}

export interface DirectConversation extends ConversationBase {
  kind: "direct";
  title: null;
  /** The other of the two users. */
  peer: User;
  peer_receipt?: Watermarks;
}

export interface GroupConversation extends ConversationBase {
  kind: "group";
  title: string;
  peer?: undefined;
  peer_receipt?: undefined;
}

export type Conversation = DirectConversation | GroupConversation;

export interface GroupChanges {
  title?: string;
  about?: string;
  avatar_media_id?: Id | null;
}

export interface Member {
  user: User;
  role: Role;
  joined_at: Timestamp;
}

export interface Receipt extends Watermarks {
  user_id: Id;
}

// --- Messages

export interface Reaction {
  emoji: string;
  count: number;
  /** The latest 20 users who reacted so. */
  user_ids: Id[];
}

/** A reaction of one user, from the list of all of them. */
export interface UserReaction {
  user_id: Id;
  emoji: string;
}

/** The event that a system message reports. */
export type SystemEvent =
  | { type: "group_created"; user_ids: Id[] }
  | { type: "title_changed"; title: string }
  | { type: "about_changed"; about: string }
  | { type: "picture_changed"; avatar_media_id: Id | null }
  | { type: "members_added"; user_ids: Id[] }
  | { type: "member_removed"; user_id: Id }
  | { type: "member_left"; user_id: Id }
  | { type: "role_changed"; user_id: Id; role: Role }
  | { type: "call"; media: "audio" | "video"; outcome: string };

export interface Message {
  id: Id;
  conversation_id: Id;
  /** The position in the conversation: 1, 2, 3 … without a gap. */
  seq: number;
  /** The conversation's change number at this message's last change. */
  rev: number;
  sender_id: Id;
  kind: "user" | "system";
  /** Empty where the message was deleted. */
  body: string;
  /** The `seq` of the message that this one answers. */
  reply_to?: number | null;
  forwarded?: boolean;
  mentions?: Id[];
  attachments?: Attachment[];
  reactions: Reaction[];
  /** The reader's own reaction; in replies and lists, not in events. */
  my_reaction?: string | null;
  sent_at: Timestamp;
  edited_at: Timestamp | null;
  deleted_at: Timestamp | null;
  system?: SystemEvent | null;
}

/** The content of a message to be sent. */
export interface Draft {
  body: string;
  reply_to?: number;
  forwarded?: boolean;
  mentions?: Id[];
  /** The ids of uploaded files, at most 10. */
  attachments?: Id[];
}

/** A part of a found message that a search has matched, counted in code points. */
export interface Highlight {
  /** The field of the message, such as `body`. */
  field: string;
  start: number;
  end: number;
}

export interface SearchHit {
  message: Message;
  score: number;
  highlights: Highlight[];
}

export interface SearchResults extends Page<SearchHit> {
  /** Not everything could be looked at in time. */
  partial?: boolean;
}

export interface SearchQuery {
  q: string;
  conversation_id?: Id;
  cursor?: string | null;
}

export interface HistoryQuery {
  before?: number;
  after?: number;
  limit: number;
}

// --- Files

/** The preview picture of a file. */
export interface Thumbnail {
  width: number;
  height: number;
  /** A blurred placeholder to show while the preview loads. */
  blurhash: string;
}

/** A file in a message. */
export interface Attachment {
  id: Id;
  file_name: string;
  /** Read from the content, such as `image/jpeg`. */
  content_type: string;
  /** In bytes. */
  size: number;
  /** In pixels; of pictures and videos. */
  width?: number;
  height?: number;
  /** In seconds; of audio and video. */
  duration?: number;
  /** Loudness over time: 64 numbers of 0–100. */
  waveform?: number[];
  thumbnail?: Thumbnail;
}

/** An uploaded file. Until it is "ready", facts about its content are missing. */
export interface Media extends Attachment {
  owner_id: Id;
  status: "processing" | "ready";
  /** True for a picture with several frames. */
  animated?: boolean;
  created_at: Timestamp;
}

/** A link to a file, for as long as it is valid. */
export interface MediaUrl {
  url: string;
  expires_at: Timestamp;
}

export type Variant = "original" | "thumbnail";

// --- Sync

export interface SyncRequest {
  /** The change number up to which each conversation is known. */
  conversations: Record<Id, number>;
  /** The `mark` of the last sync. */
  since?: string;
}

export interface SyncReply {
  conversations: Conversation[];
  removed: Id[];
  changes: Message[];
  positions: Record<Id, number>;
  reset: Id[];
  more: boolean;
  /** Opaque: what to send as `since` the next time, also where there is more. */
  mark: string;
  server_time: string;
  /** Opaque: another one than before means that the server's store was restored. */
  epoch: string;
}

// --- The socket

/** The data of each request by its `op`. */
export interface Requests {
  "message.send": { conversation_id: Id; id: Id } & Draft;
  "message.edit": { conversation_id: Id; seq: number; body: string; mentions?: Id[] };
  "message.delete": { conversation_id: Id; seq: number };
  "message.react": { conversation_id: Id; seq: number; emoji: string; remove?: boolean };
  receipt: ReceiptRequest;
  typing: { conversation_id: Id; typing: boolean };
  "presence.watch": { user_ids: Id[] };
  sync: SyncRequest;
  ping: {};
}

export interface ReceiptRequest {
  conversation_id: Id;
  delivered?: number;
  read?: number;
}

/** The `ok` of each reply by the request's `op`. */
export interface Replies {
  "message.send": Message;
  "message.edit": Message;
  "message.delete": Message;
  "message.react": Message;
  receipt: Watermarks;
  typing: {};
  "presence.watch": { items: PresenceItem[] };
  sync: SyncReply;
  ping: { server_time: string };
}

export interface Hello {
  connection_id: Id;
  session_id: Id;
  user_id: Id;
  server_time: string;
  /** Opaque, as in `SyncReply`. */
  epoch: string;
  /** Milliseconds between the server's pings. */
  heartbeat_ms: number;
  /** The longest frame that the server accepts, in bytes. */
  max_frame_bytes: number;
}

export interface TypingData {
  conversation_id: Id;
  user_id: Id;
  typing: boolean;
}

/** Frames that the server sends on its own. */
export type ServerEvent =
  | { event: "message.created" | "message.updated"; data: Message }
  | { event: "receipt.updated"; data: { conversation_id: Id; items: Receipt[] } }
  | { event: "conversation.created" | "conversation.updated"; data: Conversation }
  | { event: "conversation.removed"; data: { id: Id } }
  | { event: "conversation.rev"; data: { conversation_id: Id; rev: number } }
  | { event: "media.ready"; data: Media }
  | { event: "typing"; data: TypingData }
  | { event: "presence"; data: PresenceItem }
  | { event: "resync"; data: {} }
  | { event: "session.revoked"; data: { reason: string } };

export type HelloFrame = { event: "hello"; data: Hello };

export interface ReplyFrame {
  event?: undefined;
  id: number;
  ok?: unknown;
  error?: ProblemDocument;
}

export type Frame = HelloFrame | ServerEvent | ReplyFrame;
