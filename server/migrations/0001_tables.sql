-- The tables of Prefect Server, with the names that its API shows. For SQLite and PostgreSQL alike.
--
-- id                uuid as lower-case text with hyphens, made by the server in ascending order
-- times             UTC text of fixed width, 2006-01-02T15:04:05.000000+00:00, so that text order is time order
-- booleans          0 or 1 in SQLite
-- JSON              text, as the client sent it
-- task.retry_delay  seconds

CREATE TABLE tenant (
    id       TEXT PRIMARY KEY NOT NULL,
    created  TEXT NOT NULL,
    updated  TEXT NOT NULL,
    name     TEXT NOT NULL,
    slug     TEXT NOT NULL UNIQUE,
    info     TEXT,
    settings TEXT DEFAULT '{}'
);

CREATE TABLE project (
    id          TEXT PRIMARY KEY NOT NULL,
    created     TEXT NOT NULL,
    updated     TEXT NOT NULL,
    tenant_id   TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    description TEXT,
    UNIQUE (tenant_id, name)
);

CREATE TABLE flow_group (
    id                 TEXT PRIMARY KEY NOT NULL,
    created            TEXT NOT NULL,
    updated            TEXT NOT NULL,
    tenant_id          TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    name               TEXT,
    description        TEXT,
    labels             TEXT,
    schedule           TEXT,
    settings           TEXT DEFAULT '{}',
    default_parameters TEXT DEFAULT '{}',
    run_config         TEXT,
    UNIQUE (tenant_id, name)
);

CREATE TABLE flow (
    id                 TEXT PRIMARY KEY NOT NULL,
    created            TEXT NOT NULL,
    updated            TEXT NOT NULL,
    tenant_id          TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    project_id         TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    flow_group_id      TEXT NOT NULL REFERENCES flow_group (id) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    version            INTEGER,
    version_group_id   TEXT,
    archived           BOOLEAN NOT NULL DEFAULT FALSE,
    description        TEXT,
    environment        TEXT,
    run_config         TEXT,
    parameters         TEXT,
    storage            TEXT,
    core_version       TEXT,
    settings           TEXT NOT NULL DEFAULT '{}',
    serialized_flow    TEXT,
    schedule           TEXT,
    is_schedule_active BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX flow_project ON flow (project_id, name);
CREATE INDEX flow_group_versions ON flow (flow_group_id, version);
CREATE INDEX flow_version_group ON flow (version_group_id, version);
CREATE INDEX flow_name ON flow (name, version);

CREATE TABLE task (
    id                TEXT PRIMARY KEY NOT NULL,
    created           TEXT NOT NULL,
    updated           TEXT NOT NULL,
    tenant_id         TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_id           TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    name              TEXT,
    slug              TEXT,
    description       TEXT,
    type              TEXT,
    max_retries       INTEGER,
    retry_delay       DOUBLE PRECISION,
    "trigger"         TEXT,
    mapped            BOOLEAN NOT NULL DEFAULT FALSE,
    auto_generated    BOOLEAN NOT NULL DEFAULT FALSE,
    cache_key         TEXT,
    is_root_task      BOOLEAN NOT NULL DEFAULT FALSE,
    is_terminal_task  BOOLEAN NOT NULL DEFAULT FALSE,
    is_reference_task BOOLEAN NOT NULL DEFAULT FALSE,
    tags              TEXT DEFAULT '[]',
    UNIQUE (flow_id, slug)
);

CREATE TABLE edge (
    id                 TEXT PRIMARY KEY NOT NULL,
    created            TEXT NOT NULL,
    updated            TEXT NOT NULL,
    tenant_id          TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_id            TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    upstream_task_id   TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    downstream_task_id TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    key                TEXT,
    mapped             BOOLEAN NOT NULL DEFAULT FALSE
);
-- Two tasks may be joined by several arguments; an edge without an argument counts once.
CREATE UNIQUE INDEX edge_once ON edge (flow_id, upstream_task_id, downstream_task_id, coalesce(key, ''));
CREATE INDEX edge_upstream ON edge (upstream_task_id);
CREATE INDEX edge_downstream ON edge (downstream_task_id);

CREATE TABLE agent_config (
    id        TEXT PRIMARY KEY NOT NULL,
    created   TEXT NOT NULL,
    updated   TEXT NOT NULL,
    tenant_id TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    name      TEXT,
    settings  TEXT DEFAULT '{}'
);

CREATE TABLE agent (
    id              TEXT PRIMARY KEY NOT NULL,
    created         TEXT NOT NULL,
    updated         TEXT NOT NULL,
    tenant_id       TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    agent_config_id TEXT REFERENCES agent_config (id) ON DELETE SET NULL,
    name            TEXT,
    type            TEXT,
    core_version    TEXT,
    labels          TEXT DEFAULT '[]',
    last_queried    TEXT
);
CREATE INDEX agent_identity ON agent (tenant_id, name, type);
CREATE INDEX agent_agent_config ON agent (agent_config_id);

CREATE TABLE flow_run (
    id                   TEXT PRIMARY KEY NOT NULL,
    created              TEXT NOT NULL,
    updated              TEXT NOT NULL,
    tenant_id            TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_id              TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    name                 TEXT,
    parameters           TEXT DEFAULT '{}',
    labels               TEXT NOT NULL DEFAULT '[]',
    run_config           TEXT,
    context              TEXT,
    version              INTEGER NOT NULL DEFAULT 0,
    heartbeat            TEXT,
    scheduled_start_time TEXT NOT NULL,
    start_time           TEXT,
    end_time             TEXT,
    auto_scheduled       BOOLEAN NOT NULL DEFAULT FALSE,
    times_resurrected    INTEGER DEFAULT 0,
    idempotency_key      TEXT,
    agent_id             TEXT REFERENCES agent (id) ON DELETE SET NULL,
    state                TEXT,
    state_timestamp      TEXT,
    state_message        TEXT,
    state_result         TEXT,
    state_start_time     TEXT,
    serialized_state     TEXT,
    -- When the run was last set Submitted: the lock that keeps a second agent from launching it.
    -- Not part of the API.
    submitted_at         TEXT,
    -- Serves the rows of a flow as well. Null keys are all different.
    UNIQUE (flow_id, idempotency_key)
);
CREATE INDEX flow_run_created ON flow_run (created);
CREATE INDEX flow_run_name ON flow_run (name);
CREATE INDEX flow_run_agent ON flow_run (agent_id) WHERE agent_id IS NOT NULL;
-- What waits, in the order in which it is due. Finished runs are not in it, so however many there are, they cost
-- get_runs_in_queue nothing. The condition has to be word for word that of the query in queue.go.
CREATE INDEX flow_run_queue ON flow_run (tenant_id, state_start_time)
    WHERE state IN ('Scheduled', 'Paused', 'Resume', 'Retrying', 'Queued');
CREATE INDEX flow_run_by_state ON flow_run (state, state_timestamp);

CREATE TABLE flow_run_state (
    id               TEXT PRIMARY KEY NOT NULL,
    created          TEXT NOT NULL,
    updated          TEXT NOT NULL,
    tenant_id        TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_run_id      TEXT NOT NULL REFERENCES flow_run (id) ON DELETE CASCADE,
    timestamp        TEXT NOT NULL,
    state            TEXT NOT NULL,
    message          TEXT,
    result           TEXT,
    start_time       TEXT,
    serialized_state TEXT NOT NULL,
    version          INTEGER DEFAULT 1
);
CREATE INDEX flow_run_state_run ON flow_run_state (flow_run_id, version);

CREATE TABLE task_run (
    id               TEXT PRIMARY KEY NOT NULL,
    created          TEXT NOT NULL,
    updated          TEXT NOT NULL,
    tenant_id        TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_run_id      TEXT NOT NULL REFERENCES flow_run (id) ON DELETE CASCADE,
    task_id          TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    map_index        INTEGER NOT NULL DEFAULT -1,
    name             TEXT,
    version          INTEGER NOT NULL DEFAULT 0,
    heartbeat        TEXT,
    start_time       TEXT,
    end_time         TEXT,
    cache_key        TEXT,
    state            TEXT,
    state_timestamp  TEXT,
    state_message    TEXT,
    state_result     TEXT,
    state_start_time TEXT,
    serialized_state TEXT,
    -- Serves the rows of a flow run as well.
    UNIQUE (flow_run_id, task_id, map_index)
);
CREATE INDEX task_run_task ON task_run (task_id, state, state_timestamp);
CREATE INDEX task_run_cache ON task_run (cache_key, state, state_timestamp) WHERE cache_key IS NOT NULL;
CREATE INDEX task_run_queue ON task_run (state_start_time)
    WHERE state IN ('Scheduled', 'Paused', 'Resume', 'Retrying', 'Queued');

CREATE TABLE task_run_state (
    id               TEXT PRIMARY KEY NOT NULL,
    created          TEXT NOT NULL,
    updated          TEXT NOT NULL,
    tenant_id        TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    task_run_id      TEXT NOT NULL REFERENCES task_run (id) ON DELETE CASCADE,
    timestamp        TEXT NOT NULL,
    state            TEXT NOT NULL,
    message          TEXT,
    result           TEXT,
    start_time       TEXT,
    serialized_state TEXT NOT NULL,
    version          INTEGER DEFAULT 1
);
CREATE INDEX task_run_state_run ON task_run_state (task_run_id, version);

CREATE TABLE log (
    id          TEXT PRIMARY KEY NOT NULL,
    created     TEXT NOT NULL,
    updated     TEXT NOT NULL,
    tenant_id   TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    flow_run_id TEXT REFERENCES flow_run (id) ON DELETE CASCADE,
    task_run_id TEXT REFERENCES task_run (id) ON DELETE CASCADE,
    timestamp   TEXT NOT NULL,
    name        TEXT,
    level       TEXT,
    message     TEXT,
    info        TEXT
);
CREATE INDEX log_flow_run ON log (flow_run_id, timestamp);
CREATE INDEX log_task_run ON log (task_run_id, timestamp) WHERE task_run_id IS NOT NULL;

CREATE TABLE task_run_artifact (
    id          TEXT PRIMARY KEY NOT NULL,
    created     TEXT NOT NULL,
    updated     TEXT NOT NULL,
    tenant_id   TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    task_run_id TEXT NOT NULL REFERENCES task_run (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    data        TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX task_run_artifact_run ON task_run_artifact (task_run_id);
