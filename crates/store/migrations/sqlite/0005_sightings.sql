-- What servers told of the lab's things, and which inventory record each of them is. A record may be
-- deleted and its sightings stay; they find the next one of its name.
CREATE TABLE sightings (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    record_table TEXT,
    record_id TEXT,
    entity TEXT NOT NULL,
    written TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    vanished_at BIGINT,
    PRIMARY KEY (source, kind, id)
);
CREATE INDEX sightings_by_record ON sightings (record_id);
