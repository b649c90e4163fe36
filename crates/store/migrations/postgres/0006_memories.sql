-- The text as the parser takes it apart like SQLite's: punctuation separates, accents do not count.
CREATE FUNCTION memory_plain(text TEXT) RETURNS TEXT LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE RETURN
    translate(text,
        '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~'
        || 'ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöùúûüýÿĀāĂăĄąĆćĈĉĊċČčĎďĒēĔĕĖėĘęĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭĮįİĴĵĶķĹĺĻļĽľŃńŅņŇňŌōŎŏŐőŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽž',
        '                                '
        || 'AAAAAACEEEEIIIINOOOOOUUUUYaaaaaaceeeeiiiinooooouuuuyyAaAaAaCcCcCcCcDdEeEeEeEeEeGgGgGgGgHhIiIiIiIiIJjKkLlLlLlNnNnNnOoOoOoRrRrRrSsSsSsSsTtTtUuUuUuUuUuUuWwYyYZzZzZz');
-- English without its list of words to leave out: "down" and "off" say something here.
CREATE TEXT SEARCH DICTIONARY memory_stem (TEMPLATE = pg_catalog.snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION memory_words (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION memory_words ALTER MAPPING REPLACE english_stem WITH memory_stem;
-- What agents learned. A row of `memory_revisions` is one revision with everything it is found by, so that a
-- search reads one table; what belongs to the memory as a whole stands in all its revisions alike. `number` is
-- the owner's number times 2^32 plus a count: one owner's revisions are one range of it, in the full text too.
CREATE TABLE memory_owners (
    owner TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    last BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    erasures BIGINT NOT NULL
);
CREATE TABLE memory_revisions (
    number BIGINT NOT NULL PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    newest BOOLEAN NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    agent_id TEXT COLLATE "C",
    run_id TEXT COLLATE "C",
    content TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    metadata TEXT NOT NULL,
    source TEXT COLLATE "C",
    importance BIGINT NOT NULL,
    about TEXT NOT NULL,
    folded TEXT NOT NULL,
    seen_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    superseded_by TEXT COLLATE "C",
    expires_at BIGINT,
    deleted_at BIGINT,
    -- With the owner as a word, so that the index leads to one owner's rows.
    search TSVECTOR NOT NULL GENERATED ALWAYS AS (
        to_tsvector('homelab_mcp.memory_words', memory_plain(content))
        || array_to_tsvector(ARRAY['~' || CAST(number >> 32 AS TEXT)])
    ) STORED
);
CREATE UNIQUE INDEX memory_revisions_by_id ON memory_revisions (id, version);
CREATE INDEX memory_revisions_by_hash ON memory_revisions (owner, hash);
CREATE INDEX memory_revisions_by_creation ON memory_revisions (owner, created_at, id);
CREATE INDEX memory_revisions_by_change ON memory_revisions (owner, updated_at, id);
-- One row for each thing that happened to a memory.
CREATE TABLE memory_history (
    id TEXT COLLATE "C" NOT NULL,
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
    token TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (number, token)
);
CREATE INDEX memory_tokens_by_token ON memory_tokens (token, number);
-- What the newest revisions are about, without case.
CREATE TABLE memory_about (
    number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (number, kind, name)
);
CREATE INDEX memory_about_by_name ON memory_about (kind, name, number);
-- A scale (f32) and one signed byte for each dimension, as base64. `change` rises with each writing.
CREATE TABLE memory_vectors (
    number BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    dimensions BIGINT NOT NULL,
    vector TEXT NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (number, model)
);
CREATE INDEX memory_vectors_by_change ON memory_vectors (model, change);
CREATE INDEX memory_revisions_search ON memory_revisions USING GIN (search);
