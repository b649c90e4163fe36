-- What agents share: messages, tasks, sprints and session reports.
-- The columns hold what is looked up, ordered or counted; `body` is the whole record as JSON. `number`
-- rises with each row, and `rank` is a priority as a number whose smallest comes first.

CREATE TABLE ccpm_agents (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    tag_key TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_agents_by_number ON ccpm_agents (number);
CREATE UNIQUE INDEX ccpm_agents_by_name ON ccpm_agents (name_key);
CREATE INDEX ccpm_agents_by_tag ON ccpm_agents (tag_key);

-- `until` tells when an open message runs out (the largest number if never), and when another one was
-- dealt with.
CREATE TABLE ccpm_messages (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    thread_id TEXT COLLATE "C" NOT NULL,
    from_id TEXT COLLATE "C" NOT NULL,
    to_id TEXT COLLATE "C" NOT NULL,
    task_id TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    rank BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_messages_by_number ON ccpm_messages (number);
CREATE INDEX ccpm_messages_by_inbox ON ccpm_messages (to_id, status, rank, number, until);
CREATE INDEX ccpm_messages_by_recipient ON ccpm_messages (to_id, number);
CREATE INDEX ccpm_messages_by_sender ON ccpm_messages (from_id, number);
CREATE INDEX ccpm_messages_by_thread ON ccpm_messages (thread_id, number);
CREATE INDEX ccpm_messages_by_task ON ccpm_messages (task_id, number);
CREATE INDEX ccpm_messages_by_end ON ccpm_messages (status, until);

-- An empty `sprint_id` or `assignee_id` is none, and the largest `due_at` never.
CREATE TABLE ccpm_tasks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    rank BIGINT NOT NULL,
    sprint_id TEXT COLLATE "C" NOT NULL,
    assignee_id TEXT COLLATE "C" NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    completed_at BIGINT,
    labels TEXT COLLATE "C" NOT NULL,
    search_text TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_tasks_by_number ON ccpm_tasks (number);
CREATE UNIQUE INDEX ccpm_tasks_by_key ON ccpm_tasks (key);
CREATE INDEX ccpm_tasks_by_rank ON ccpm_tasks (rank, number);
CREATE INDEX ccpm_tasks_by_status ON ccpm_tasks (status, rank, number);
CREATE INDEX ccpm_tasks_by_sprint ON ccpm_tasks (sprint_id, rank, number);
CREATE INDEX ccpm_tasks_by_assignee ON ccpm_tasks (assignee_id, rank, number);
CREATE INDEX ccpm_tasks_by_change ON ccpm_tasks (updated_at, number);
CREATE INDEX ccpm_tasks_by_creation ON ccpm_tasks (created_at, number);
CREATE INDEX ccpm_tasks_by_due ON ccpm_tasks (due_at, number);

CREATE TABLE ccpm_dependencies (
    task_id TEXT COLLATE "C" NOT NULL,
    depends_on TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (task_id, depends_on)
);

CREATE TABLE ccpm_task_events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    task_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_task_events_by_task ON ccpm_task_events (task_id, number);

CREATE TABLE ccpm_completion_reports (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    task_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_completion_reports_by_task ON ccpm_completion_reports (task_id, number);

CREATE TABLE ccpm_sprints (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_sprints_by_number ON ccpm_sprints (number);
CREATE UNIQUE INDEX ccpm_sprints_active ON ccpm_sprints (status) WHERE status = 'active';

CREATE TABLE ccpm_sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    agent_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    last_activity_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_sessions_by_number ON ccpm_sessions (number);
CREATE INDEX ccpm_sessions_by_agent ON ccpm_sessions (agent_id, number);
CREATE INDEX ccpm_sessions_by_activity ON ccpm_sessions (status, last_activity_at);

CREATE TABLE ccpm_contexts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    report_id TEXT COLLATE "C" NOT NULL,
    context_type TEXT COLLATE "C" NOT NULL,
    context_key TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX ccpm_contexts_by_key ON ccpm_contexts (report_id, context_type, context_key);
CREATE INDEX ccpm_contexts_by_seq ON ccpm_contexts (report_id, seq, bytes);
CREATE INDEX ccpm_contexts_by_time ON ccpm_contexts (updated_at);

-- Answers to changes that may be sent twice; `scope` is a digest of who asked for what.
CREATE TABLE ccpm_answers (
    scope TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX ccpm_answers_by_time ON ccpm_answers (at);
