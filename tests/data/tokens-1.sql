-- The token database as version 1 of its tables has it, with a token of each kind. Never changed.
PRAGMA application_id = 1129542763;
PRAGMA user_version = 1;
CREATE TABLE change (number INTEGER NOT NULL) STRICT;
INSERT INTO change VALUES (0);

CREATE TABLE temporary_credentials (
    token BLOB NOT NULL PRIMARY KEY CHECK (length(token) = 32),
    consumer TEXT NOT NULL,
    callback TEXT,
    revision TEXT NOT NULL CHECK (revision IN ('1.0', '1.0a')),
    expires INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('undecided', 'allowed', 'denied', 'exchanged', 'dead')),
    user TEXT CHECK ((user IS NOT NULL) = (state NOT IN ('undecided', 'denied'))),
    verifier BLOB CHECK (length(verifier) = 32),
    wrong_verifiers INTEGER NOT NULL DEFAULT 0,
    change INTEGER NOT NULL,
    forgotten INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX temporary_by_consumer ON temporary_credentials (consumer, expires) WHERE forgotten IS NULL;
CREATE INDEX temporary_by_expiry ON temporary_credentials (expires) WHERE forgotten IS NULL;
CREATE INDEX temporary_by_change ON temporary_credentials (change);
CREATE INDEX temporary_forgotten ON temporary_credentials (forgotten) WHERE forgotten IS NOT NULL;

CREATE TABLE access_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    session_handle BLOB NOT NULL CHECK (length(session_handle) = 32),
    consumer TEXT NOT NULL,
    user TEXT NOT NULL,
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    session_expires INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'revoked', 'renewed', 'over')),
    ended INTEGER CHECK ((ended IS NULL) = (state = 'live')),
    change INTEGER NOT NULL,
    forgotten INTEGER
) STRICT;
CREATE INDEX access_by_consumer ON access_token (consumer) WHERE forgotten IS NULL;
CREATE INDEX access_by_user ON access_token (user) WHERE state = 'live' AND forgotten IS NULL;
CREATE INDEX access_by_end_of_session ON access_token (session_expires) WHERE state = 'live' AND forgotten IS NULL;
CREATE INDEX access_ended ON access_token (ended) WHERE ended IS NOT NULL AND forgotten IS NULL;
CREATE INDEX access_by_change ON access_token (change);
CREATE INDEX access_forgotten ON access_token (forgotten) WHERE forgotten IS NOT NULL;

CREATE TABLE absent_consumer (
    consumer TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE change SET number = 3;
-- The token's text is "request", the verifier's "verifier".
INSERT INTO temporary_credentials VALUES (x'1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047', 'reports', 'https://a.example/', '1.0a', 1700000600, 'allowed', 'ada', x'88c9eae68eb300b2971a2bec9e5a26ff4179fd661d6b7d861e4c6557b9aaee14', 1, 2, NULL);
-- "access", "handle".
INSERT INTO access_token VALUES (7, x'a0561fd649cdb6baa784055f051bad796ea0afef17fca38219549deeba4e8c1a', x'c2a116aa910d147bd5bdacc2f1cc4430148955f450654ed756e9c93de1b1e1d2', 'reports', 'ada', 1700000000, 1700005000, 1700008000, 'live', NULL, 3, NULL);
INSERT INTO absent_consumer VALUES ('gone', 1700000000);
