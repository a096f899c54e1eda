-- What the hub remembers: every event, the house they led to, and what the centre must still be told.

-- The house as of the last commit: one row, written whole.
CREATE TABLE house (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    body BLOB NOT NULL
) STRICT;

-- Every event that entered the inbox, with its stamp. Oldest entries leave first, so numbers have no holes.
CREATE TABLE journal (
    number  INTEGER PRIMARY KEY,
    ms      INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    synced  INTEGER NOT NULL,
    event   BLOB NOT NULL
) STRICT;

-- The outbox. An id is `{epoch}-{lane}-{seq}`, so it is not stored again. `number` is the order of commit.
-- state: 0 waiting, 1 receipted, 2 rejected by the centre.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    epoch  TEXT NOT NULL,
    lane   TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    rank   INTEGER NOT NULL,
    state  INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL,
    body   BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX outbox_place ON outbox (epoch, lane, seq);
CREATE INDEX outbox_waiting ON outbox (rank) WHERE state = 0;
CREATE INDEX outbox_kept ON outbox (state) WHERE state > 0;

-- A second content offered under an id already taken: a defect of ours, kept for whoever looks into it.
CREATE TABLE conflict (
    number INTEGER PRIMARY KEY,
    id     TEXT NOT NULL,
    digest TEXT NOT NULL,
    body   BLOB NOT NULL
) STRICT;
