-- The direct conversation of each pair of users, the lower id first.
CREATE TABLE pairs (
    low             BLOB NOT NULL,
    high            BLOB NOT NULL,
    conversation_id BLOB NOT NULL,
    PRIMARY KEY (low, high)
) STRICT, WITHOUT ROWID;

INSERT INTO pairs (low, high, conversation_id)
SELECT pair_low, pair_high, id FROM conversations WHERE pair_low IS NOT NULL AND pair_high IS NOT NULL;

-- JSON: what a former member continues to see of the conversation. Null while they are in, and for those who left before
-- there was this column.
ALTER TABLE members ADD COLUMN departure TEXT;

-- Who may add the user to groups.
ALTER TABLE users ADD COLUMN adders TEXT NOT NULL DEFAULT 'everyone';
