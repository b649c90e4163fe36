-- Archives that servers gave out of themselves. The content is a Fernet token.
CREATE TABLE archives (
    id TEXT NOT NULL PRIMARY KEY,
    server TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX archives_by_server ON archives (server);
