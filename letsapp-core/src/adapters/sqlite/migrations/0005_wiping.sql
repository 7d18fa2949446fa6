-- Deleted text must not stay in the file. FTS5 removes the terms of a message from its index at once only with
-- secure-delete, and only in a table that is told the former terms at the deletion; contentless_delete would mark the
-- message instead, and keep its terms until a merge. The index is filled again by the program, which knows the terms.
DROP TABLE message_terms;
CREATE VIRTUAL TABLE message_terms USING fts5 (
    body,
    attachments,
    content = '',
    columnsize = 0,
    tokenize = 'ascii'
);
INSERT INTO message_terms (message_terms, rank) VALUES ('secure-delete', 1);

-- Expired sessions are removed in order of their end.
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
