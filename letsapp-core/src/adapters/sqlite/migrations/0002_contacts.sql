-- Whom a user lists, and under which name of their own.
CREATE TABLE contacts (
    owner_id BLOB NOT NULL,
    user_id  BLOB NOT NULL,
    alias    TEXT,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, user_id)
) STRICT, WITHOUT ROWID;

-- Of whom a user wants to hear nothing.
CREATE TABLE blocks (
    owner_id   BLOB NOT NULL,
    user_id    BLOB NOT NULL,
    blocked_at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, user_id)
) STRICT, WITHOUT ROWID;
