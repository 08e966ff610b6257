-- Who is told when flow runs change their state, and what was told within the API itself.

CREATE TABLE cloud_hook (
    id               TEXT PRIMARY KEY NOT NULL,
    created          TEXT NOT NULL,
    updated          TEXT NOT NULL,
    tenant_id        TEXT REFERENCES tenant (id) ON DELETE CASCADE,
    name             TEXT,
    type             TEXT NOT NULL,
    states           TEXT,
    config           TEXT NOT NULL DEFAULT '{}',
    active           BOOLEAN NOT NULL DEFAULT TRUE,
    version_group_id TEXT
);
CREATE INDEX cloud_hook_tenant ON cloud_hook (tenant_id);

CREATE TABLE message (
    id        TEXT PRIMARY KEY NOT NULL,
    created   TEXT NOT NULL,
    updated   TEXT NOT NULL,
    tenant_id TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    "read"    BOOLEAN NOT NULL DEFAULT FALSE,
    type      TEXT,
    "text"    TEXT,
    content   TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX message_tenant ON message (tenant_id, created);
