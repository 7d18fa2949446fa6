-- Uploaded files. Their bytes are elsewhere, under the ids in blob and thumbnail_blob.
CREATE TABLE media (
    id                 BLOB NOT NULL PRIMARY KEY,
    owner_id           BLOB NOT NULL,
    -- live, deleting or removed.
    state              TEXT NOT NULL,
    -- processing or ready.
    status             TEXT NOT NULL,
    file_name          TEXT NOT NULL,
    content_type       TEXT NOT NULL,
    size               INTEGER NOT NULL,
    sha256             BLOB NOT NULL,
    request            BLOB NOT NULL,
    blob               BLOB NOT NULL,
    width              INTEGER,
    height             INTEGER,
    -- Milliseconds.
    duration           INTEGER,
    animated           INTEGER NOT NULL,
    -- 64 bytes from 0 to 100.
    waveform           BLOB,
    thumbnail_blob     BLOB,
    thumbnail_type     TEXT,
    thumbnail_size     INTEGER,
    thumbnail_width    INTEGER,
    thumbnail_height   INTEGER,
    thumbnail_blurhash TEXT,
    scanned_at         INTEGER,
    created_at         INTEGER NOT NULL,
    check_at           INTEGER
) STRICT, WITHOUT ROWID;

-- With all that counting a user's files reads.
CREATE INDEX media_by_owner ON media (owner_id, id, state, size);
CREATE INDEX media_by_content ON media (owner_id, sha256, created_at, id) WHERE state = 'live';
CREATE INDEX media_by_blob ON media (blob);
CREATE INDEX media_by_thumbnail ON media (thumbnail_blob) WHERE thumbnail_blob IS NOT NULL;
CREATE INDEX media_due ON media (check_at, id) WHERE check_at IS NOT NULL;
CREATE INDEX media_processing ON media (id) WHERE status = 'processing';

-- What shows a file, and so keeps it.
CREATE TABLE media_refs (
    media_id   BLOB NOT NULL,
    -- message, profile or group.
    holder     TEXT NOT NULL,
    -- The conversation of the message, the user of the profile, or the group.
    holder_id  BLOB NOT NULL,
    -- Empty unless the holder is a message.
    message_id BLOB NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (media_id, holder, holder_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX media_refs_by_conversation ON media_refs (holder_id) WHERE holder <> 'profile';

-- Resumable uploads that are not finished.
CREATE TABLE uploads (
    id           BLOB NOT NULL PRIMARY KEY,
    owner_id     BLOB NOT NULL,
    file_name    TEXT NOT NULL,
    content_type TEXT,
    length       INTEGER,
    -- Bytes: the sum of the sizes of the parts.
    arrived      INTEGER NOT NULL,
    -- JSON: the parts that have arrived, and the ids of bytes that may have been written and are no part yet.
    parts        TEXT NOT NULL,
    reserved     TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX uploads_by_end ON uploads (expires_at, id);
