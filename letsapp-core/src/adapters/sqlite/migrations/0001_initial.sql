-- Ids are their sixteen bytes. Times are milliseconds since 1970, in UTC. Truth values are 0 and 1.

CREATE TABLE users (
    id                  BLOB NOT NULL PRIMARY KEY,
    username            TEXT NOT NULL UNIQUE,
    display_name        TEXT NOT NULL,
    -- Without case and accents, to be found by its beginning.
    display_name_folded TEXT NOT NULL,
    about               TEXT NOT NULL,
    email               TEXT,
    -- Without case: an address belongs to one user, however it is spelt.
    email_key           TEXT UNIQUE,
    avatar_media_id     BLOB,
    last_seen           TEXT NOT NULL,
    read_receipts       INTEGER NOT NULL,
    password            TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    last_seen_at        INTEGER,
    deleted_at          INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_display_name ON users (display_name_folded);

CREATE TABLE sessions (
    id                BLOB NOT NULL PRIMARY KEY,
    user_id           BLOB NOT NULL,
    device_name       TEXT,
    created_at        INTEGER NOT NULL,
    last_used_at      INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    refresh_number    INTEGER NOT NULL,
    refresh_hash      BLOB NOT NULL,
    refresh_kid       TEXT NOT NULL,
    refresh_issued_at INTEGER NOT NULL,
    refresh_used_at   INTEGER,
    previous_hash     BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);

CREATE TABLE keys (
    purpose    TEXT NOT NULL,
    kid        TEXT NOT NULL,
    secret     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (purpose, kid)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    id              BLOB NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL,
    title           TEXT,
    about           TEXT NOT NULL,
    avatar_media_id BLOB,
    created_by      BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    -- The two of a direct conversation.
    pair_low        BLOB,
    pair_high       BLOB,
    fingerprint     BLOB
) STRICT, WITHOUT ROWID;

-- One row for ever for each user who is or was in a conversation.
CREATE TABLE members (
    conversation_id BLOB NOT NULL,
    user_id         BLOB NOT NULL,
    role            TEXT NOT NULL,
    joined_at       INTEGER NOT NULL,
    -- JSON: what they may read. The last window is open while they are in.
    windows         TEXT NOT NULL,
    is_in           INTEGER NOT NULL,
    delivered_seq   INTEGER NOT NULL,
    read_seq        INTEGER NOT NULL,
    muted_until     INTEGER,
    archived        INTEGER NOT NULL,
    pinned          INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user_id);

-- Never deleted from while the conversation lives, so that the highest numbers are the head. The docid is what the
-- terms are filed under.
CREATE TABLE messages (
    docid               INTEGER PRIMARY KEY,
    conversation_id     BLOB NOT NULL,
    id                  BLOB NOT NULL,
    seq                 INTEGER NOT NULL,
    rev                 INTEGER NOT NULL,
    -- How many messages of users there are up to this one, so that unread ones are counted by subtraction.
    ordinal             INTEGER NOT NULL,
    sender_id           BLOB NOT NULL,
    -- A user's words, or else what the system tells, as JSON.
    body                TEXT,
    system              TEXT,
    reply_to            INTEGER,
    forwarded           INTEGER NOT NULL,
    -- JSON; null where there are none.
    mentions            TEXT,
    attachments         TEXT,
    sent_at             INTEGER NOT NULL,
    edited_at           INTEGER,
    deleted_at          INTEGER,
    fingerprint_version INTEGER NOT NULL,
    fingerprint         BLOB NOT NULL,
    UNIQUE (conversation_id, id),
    UNIQUE (conversation_id, seq),
    UNIQUE (conversation_id, rev)
) STRICT;

-- What is to be left out when unread messages are counted.
CREATE INDEX messages_deleted ON messages (conversation_id, seq) WHERE deleted_at IS NOT NULL AND system IS NULL;

-- The newest of these is the conversation's fence.
CREATE INDEX messages_system ON messages (conversation_id, seq) WHERE system IS NOT NULL;

-- At most one of each user on a message; n gives the order in which they came.
CREATE TABLE reactions (
    conversation_id BLOB NOT NULL,
    seq             INTEGER NOT NULL,
    user_id         BLOB NOT NULL,
    emoji           TEXT NOT NULL,
    n               INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq, user_id)
) STRICT, WITHOUT ROWID;

-- The terms come as words of a to z and 0 to 9 already, so the plainest tokenizer does. Nothing but the index is kept:
-- the messages have the text. Where in a message a term stands is kept too, for phrases; it costs next to nothing.
CREATE VIRTUAL TABLE message_terms USING fts5 (
    body,
    attachments,
    content = '',
    contentless_delete = 1,
    tokenize = 'ascii'
);
