-- Changes are counted by owner: those of one are no guide to another's.
CREATE INDEX memory_vectors_by_owner ON memory_vectors (model, (number >> 32), change);
DROP INDEX memory_vectors_by_change;
