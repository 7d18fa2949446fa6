-- Set while what follows from erasing a user is not all done.
ALTER TABLE users ADD COLUMN erasing INTEGER NOT NULL DEFAULT 0;

CREATE INDEX users_erasing ON users (deleted_at, id) WHERE erasing;

ALTER TABLE conversations ADD COLUMN deleted_at INTEGER;

-- Set while there may be something left of a deleted conversation.
ALTER TABLE conversations ADD COLUMN remains INTEGER NOT NULL DEFAULT 0;

CREATE INDEX conversations_remains ON conversations (deleted_at, id) WHERE remains;
