-- Where the keyless chain stands at a chain's head; NULL for chains that are older than it.
ALTER TABLE audit_heads ADD COLUMN hash TEXT;

-- Signed statements of where a chain stood. Each names the hash of the one before it; the end of the
-- list is kept, sealed, in audit_heads under the name 'checkpoints'.
CREATE TABLE audit_checkpoints (
    number BIGINT NOT NULL PRIMARY KEY,
    timestamp BIGINT NOT NULL,
    kind TEXT NOT NULL,
    chain TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    mac TEXT NOT NULL,
    hash TEXT NOT NULL,
    note TEXT,
    previous TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE INDEX audit_checkpoints_by_chain ON audit_checkpoints (chain, seq);
