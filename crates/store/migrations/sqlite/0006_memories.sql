-- What agents learned. A row of `memory_revisions` is one revision with everything it is found by, so that a
-- search reads one table; what belongs to the memory as a whole stands in all its revisions alike. `number` is
-- the owner's number times 2^32 plus a count: one owner's revisions are one range of it, in the full text too.
CREATE TABLE memory_owners (
    owner TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    last BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    erasures BIGINT NOT NULL
);
CREATE TABLE memory_revisions (
    number INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    newest BOOLEAN NOT NULL,
    owner TEXT NOT NULL,
    user_id TEXT NOT NULL,
    agent_id TEXT,
    run_id TEXT,
    content TEXT NOT NULL,
    hash TEXT NOT NULL,
    category TEXT NOT NULL,
    metadata TEXT NOT NULL,
    source TEXT,
    importance BIGINT NOT NULL,
    about TEXT NOT NULL,
    folded TEXT NOT NULL,
    seen_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    superseded_by TEXT,
    expires_at BIGINT,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX memory_revisions_by_id ON memory_revisions (id, version);
CREATE INDEX memory_revisions_by_hash ON memory_revisions (owner, hash);
CREATE INDEX memory_revisions_by_creation ON memory_revisions (owner, created_at, id);
CREATE INDEX memory_revisions_by_change ON memory_revisions (owner, updated_at, id);
-- One row for each thing that happened to a memory.
CREATE TABLE memory_history (
    id TEXT NOT NULL,
    number BIGINT NOT NULL,
    event TEXT NOT NULL,
    version BIGINT NOT NULL,
    old_content TEXT,
    new_content TEXT,
    old_metadata TEXT,
    new_metadata TEXT,
    actor TEXT NOT NULL,
    request_id TEXT,
    reason TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (id, number)
);
-- Words that are found whole: addresses, names of hosts, paths.
CREATE TABLE memory_tokens (
    number BIGINT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (number, token)
);
CREATE INDEX memory_tokens_by_token ON memory_tokens (token, number);
-- What the newest revisions are about, without case.
CREATE TABLE memory_about (
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (number, kind, name)
);
CREATE INDEX memory_about_by_name ON memory_about (kind, name, number);
-- A scale (f32) and one signed byte for each dimension, as base64. `change` rises with each writing.
CREATE TABLE memory_vectors (
    number BIGINT NOT NULL,
    model TEXT NOT NULL,
    dimensions BIGINT NOT NULL,
    vector TEXT NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (number, model)
);
CREATE INDEX memory_vectors_by_change ON memory_vectors (model, change);
-- An index alone: the text stands in the table. Deleted entries are taken out of it at once, not marked.
CREATE VIRTUAL TABLE memory_text USING fts5(
    content, content='memory_revisions', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
);
INSERT INTO memory_text (memory_text, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER memory_text_insert AFTER INSERT ON memory_revisions BEGIN
    INSERT INTO memory_text (rowid, content) VALUES (new.number, new.content);
END;
CREATE TRIGGER memory_text_delete AFTER DELETE ON memory_revisions BEGIN
    INSERT INTO memory_text (memory_text, rowid, content) VALUES ('delete', old.number, old.content);
END;
