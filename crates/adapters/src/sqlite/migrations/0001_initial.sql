-- Facts of every live row. Times are milliseconds since 1970 UTC, money is micro-dollars, spans are
-- seconds; enumerations are words, their facts columns beside them; lists are JSON. `version` grows
-- with each write of a row.

CREATE TABLE leases (
    name  TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    id         INTEGER PRIMARY KEY,
    version    INTEGER NOT NULL DEFAULT 1,
    uid        TEXT NOT NULL,
    name       TEXT NOT NULL,
    root       TEXT NOT NULL,
    base       TEXT NOT NULL,
    trusted    TEXT,
    held       INTEGER NOT NULL CHECK (held IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE initiatives (
    id         INTEGER PRIMARY KEY,
    version    INTEGER NOT NULL DEFAULT 1,
    uid        TEXT NOT NULL,
    project_id INTEGER NOT NULL REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    slug       TEXT NOT NULL,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    base       TEXT NOT NULL,
    max_agents INTEGER,
    agent      TEXT,
    budget     INTEGER,
    status     TEXT NOT NULL,
    adhoc      INTEGER NOT NULL CHECK (adhoc IN (0, 1)),
    cut        INTEGER NOT NULL CHECK (cut IN (0, 1)),
    tip        TEXT,
    lane_held  TEXT,
    open_tasks INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER
) STRICT;

CREATE TABLE phases (
    id            INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    initiative_id INTEGER NOT NULL REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED,
    slug          TEXT NOT NULL,
    title         TEXT NOT NULL,
    body          TEXT NOT NULL,
    after         TEXT CHECK (json_valid(after)),
    position      INTEGER NOT NULL,
    open_tasks    INTEGER NOT NULL
) STRICT;

CREATE TABLE plans (
    id            INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    initiative_id INTEGER NOT NULL REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED,
    phase_id      INTEGER NOT NULL REFERENCES phases (id) DEFERRABLE INITIALLY DEFERRED,
    slug          TEXT NOT NULL,
    title         TEXT NOT NULL,
    body          TEXT NOT NULL,
    after         TEXT CHECK (json_valid(after)),
    position      INTEGER NOT NULL,
    open_tasks    INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
    id            INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    initiative_id INTEGER NOT NULL REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED,
    phase_id      INTEGER NOT NULL REFERENCES phases (id) DEFERRABLE INITIALLY DEFERRED,
    plan_id       INTEGER NOT NULL REFERENCES plans (id) DEFERRABLE INITIALLY DEFERRED,
    position      INTEGER NOT NULL,
    slug          TEXT NOT NULL,
    title         TEXT NOT NULL,
    prompt        TEXT NOT NULL,
    after         TEXT CHECK (json_valid(after)),
    kind          TEXT NOT NULL,
    asks_agent    TEXT,
    model         TEXT,
    priority      TEXT NOT NULL,
    touches       TEXT NOT NULL CHECK (json_valid(touches)),
    verify        TEXT NOT NULL CHECK (json_valid(verify)),
    review        TEXT NOT NULL,
    budget        INTEGER,
    timeout       INTEGER,
    max_attempts  INTEGER,
    state         TEXT NOT NULL,
    state_until   INTEGER,
    merged_commit TEXT,
    blockers      INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    bounces       INTEGER NOT NULL,
    agent_id      INTEGER REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED,
    approved      INTEGER NOT NULL CHECK (approved IN (0, 1)),
    summary       TEXT,
    error         TEXT,
    unchanged     INTEGER NOT NULL CHECK (unchanged IN (0, 1)),
    started_at    INTEGER,
    ended_at      INTEGER
) STRICT;

-- What a task waits for: the list as a whole, and its entries.
CREATE TABLE needs (
    id      INTEGER PRIMARY KEY REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE dependencies (
    task_id   INTEGER NOT NULL REFERENCES needs (id) DEFERRABLE INITIALLY DEFERRED,
    position  INTEGER NOT NULL,
    node_kind TEXT NOT NULL,
    node_id   INTEGER NOT NULL,
    PRIMARY KEY (task_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
    id             INTEGER PRIMARY KEY,
    version        INTEGER NOT NULL DEFAULT 1,
    project_id     INTEGER NOT NULL REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    initiative_id  INTEGER NOT NULL REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED,
    task_id        INTEGER NOT NULL REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    name           TEXT NOT NULL,
    config         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    session        TEXT,
    begun          INTEGER NOT NULL CHECK (begun IN (0, 1)),
    worktree       TEXT NOT NULL,
    housed         INTEGER NOT NULL CHECK (housed IN (0, 1)),
    base           TEXT,
    head           TEXT,
    token          TEXT NOT NULL,
    stopped        INTEGER NOT NULL CHECK (stopped IN (0, 1)),
    activity       TEXT NOT NULL,
    turns          INTEGER NOT NULL,
    cost           INTEGER NOT NULL,
    tokens         INTEGER NOT NULL,
    started_at     INTEGER NOT NULL,
    last_output_at INTEGER
) STRICT;

CREATE TABLE turns (
    id            INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    agent_id      INTEGER NOT NULL REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED,
    task_id       INTEGER NOT NULL REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    kind          TEXT NOT NULL,
    number        INTEGER NOT NULL,
    state         TEXT NOT NULL,
    verdict       TEXT,
    verdict_why   TEXT,
    verdict_fatal INTEGER CHECK (verdict_fatal IN (0, 1)),
    verdict_until INTEGER,
    prompt        TEXT NOT NULL,
    merge_id      INTEGER REFERENCES merges (id) DEFERRABLE INITIALLY DEFERRED,
    resumes       INTEGER NOT NULL CHECK (resumes IN (0, 1)),
    stop          TEXT,
    pid           INTEGER,
    read_out      INTEGER NOT NULL,
    read_err      INTEGER NOT NULL,
    cost          INTEGER NOT NULL,
    tokens        INTEGER NOT NULL,
    queued_at     INTEGER NOT NULL,
    started_at    INTEGER,
    ended_at      INTEGER
) STRICT;

-- `delivered` names a turn, or is 0 for a call of the agent's own.
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY,
    version     INTEGER NOT NULL DEFAULT 1,
    project_id  INTEGER NOT NULL REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    task_id     INTEGER REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    kind        TEXT NOT NULL,
    from_kind   TEXT NOT NULL,
    from_agent  INTEGER REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED,
    to_kind     TEXT NOT NULL,
    to_agent    INTEGER REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED,
    body        TEXT NOT NULL,
    options     TEXT NOT NULL CHECK (json_valid(options)),
    status      TEXT NOT NULL,
    answer      TEXT,
    delivered   INTEGER,
    about       TEXT,
    created_at  INTEGER NOT NULL,
    answered_at INTEGER
) STRICT;

CREATE TABLE merges (
    id            INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL DEFAULT 1,
    initiative_id INTEGER NOT NULL REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED,
    task_id       INTEGER NOT NULL REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    agent_id      INTEGER NOT NULL REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED,
    attempt       INTEGER NOT NULL,
    state         TEXT NOT NULL,
    head          TEXT NOT NULL,
    base          TEXT,
    result        TEXT,
    conflicts     TEXT NOT NULL CHECK (json_valid(conflicts)),
    gate_command  TEXT,
    gate_passed   INTEGER CHECK (gate_passed IN (0, 1)),
    gate_code     INTEGER,
    gate_output   TEXT,
    queued_at     INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT;

-- What is still to be done outside. `subject` is the id of what the kind is about.
CREATE TABLE effects (
    id         INTEGER PRIMARY KEY,
    version    INTEGER NOT NULL DEFAULT 1,
    kind       TEXT NOT NULL,
    subject    INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    not_before INTEGER
) STRICT;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    type       TEXT NOT NULL,
    project    TEXT,
    initiative TEXT,
    task       TEXT,
    agent      TEXT,
    data       TEXT NOT NULL
) STRICT;
