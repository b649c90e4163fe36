-- What decisions on calls share between processes.
-- A held call: the columns hold what is looked up or ordered, `body` the rest of it as JSON. `state`
-- is as the last step left it; `until` tells when a state that waits has run out.

CREATE TABLE approvals (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    credential TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX approvals_by_time ON approvals (created_at, id);
CREATE INDEX approvals_by_state ON approvals (state, until);
CREATE INDEX approvals_by_digest ON approvals (digest);
CREATE INDEX approvals_by_credential ON approvals (credential, created_at, id);

CREATE TABLE taint_marks (
    scope TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (scope, source)
);
CREATE INDEX taint_marks_by_time ON taint_marks (at);

CREATE TABLE budget_uses (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX budget_uses_by_key ON budget_uses (key, at);
