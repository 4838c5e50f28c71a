-- +goose Up

-- Customers with mail domains of their own. session_lifespan is in microseconds; 0
-- means as long as everybody's.
CREATE TABLE organizations (
    tenant           BIGINT NOT NULL,
    id               BYTEA NOT NULL,
    label            TEXT NOT NULL,
    enabled          BIGINT NOT NULL,
    sign_in          TEXT NOT NULL,
    sign_up          TEXT NOT NULL,
    session_lifespan BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- A domain belongs to one organization, whether that is verified or not.
CREATE TABLE organization_domains (
    tenant          BIGINT NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    organization_id BYTEA NOT NULL,
    verified        BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, organization_id) REFERENCES organizations (tenant, id) ON DELETE CASCADE
);
CREATE INDEX organization_domains_organization ON organization_domains (tenant, organization_id);
