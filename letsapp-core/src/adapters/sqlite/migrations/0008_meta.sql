-- The store as a whole, in one row. The schema's version is the file's user_version.
CREATE TABLE meta (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Random; null until the first server asks for it.
    epoch    BLOB,
    -- Rules by which the terms in message_terms were computed.
    analysis INTEGER NOT NULL,
    -- How many transactions changed members: the mark of the last one. All changes before this table count as one.
    commits  INTEGER NOT NULL
) STRICT;

INSERT INTO meta (id, analysis, commits) VALUES (1, 1, 1);

-- Mark of the last change of any other column.
ALTER TABLE members ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;

-- The other user of a direct conversation, whose receipts are shown to this one.
ALTER TABLE members ADD COLUMN peer_id BLOB;

UPDATE members SET peer_id = (
    SELECT CASE members.user_id WHEN pair_low THEN pair_high WHEN pair_high THEN pair_low END
    FROM conversations WHERE id = conversation_id
);

-- All that a sync reads of a conversation in which nothing has moved.
DROP INDEX members_by_user;
CREATE INDEX members_by_user ON members (user_id, changed, is_in);

CREATE INDEX members_by_peer ON members (peer_id, changed) WHERE peer_id IS NOT NULL;
