-- What each user has sent in a conversation, in blocks of 256 messages: the newest message of each block. An index by
-- sender had an entry for each message, at two places of a direct conversation; a transaction wrote half as many pages
-- again for it.
DROP INDEX messages_by_sender;
CREATE TABLE sent (
    conversation_id BLOB NOT NULL,
    sender_id       BLOB NOT NULL,
    -- The seq divided by 256.
    block           INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, sender_id, block)
) STRICT, WITHOUT ROWID;
INSERT INTO sent (conversation_id, sender_id, block, last_seq)
    SELECT conversation_id, sender_id, seq / 256, max(seq) FROM messages WHERE system IS NULL GROUP BY 1, 2, 3;
