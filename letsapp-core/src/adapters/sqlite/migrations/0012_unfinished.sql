-- Unfinished uploads of a user, with all that counting them reads.
CREATE INDEX uploads_unfinished ON uploads (owner_id, length, arrived) WHERE arrived < length;
