-- +goose Up

-- Customers with mail domains of their own. session_lifespan is in microseconds; 0
-- means as long as everybody's.
CREATE TABLE organizations (
    tenant           INTEGER NOT NULL,
    id               BLOB    NOT NULL,
    label            TEXT    NOT NULL,
    enabled          INTEGER NOT NULL,
    sign_in          TEXT    NOT NULL,
    sign_up          TEXT    NOT NULL,
    session_lifespan INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- A domain belongs to one organization, whether that is verified or not.
CREATE TABLE organization_domains (
    tenant          INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    organization_id BLOB    NOT NULL,
    verified        INTEGER NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, organization_id) REFERENCES organizations (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_domains_organization ON organization_domains (tenant, organization_id);
