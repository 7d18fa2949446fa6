-- The store as a whole, in one row. The schema's version is the file's user_version.
CREATE TABLE meta (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Random; null until the first server asks for it, or a new one after a restore.
    epoch    BLOB,
    -- Rules by which the terms in message_terms were computed.
    analysis INTEGER NOT NULL
) STRICT;

INSERT INTO meta (id, analysis) VALUES (1, 1);
