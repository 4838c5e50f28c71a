-- +goose NO TRANSACTION
-- +goose Up

-- Customers with mail domains of their own. session_lifespan is in microseconds; 0
-- means as long as everybody's.
CREATE TABLE IF NOT EXISTS organizations (
    tenant           BIGINT NOT NULL,
    id               BINARY(16) NOT NULL,
    label            MEDIUMBLOB NOT NULL,
    enabled          BIGINT NOT NULL,
    sign_in          VARBINARY(64) NOT NULL,
    sign_up          VARBINARY(64) NOT NULL,
    session_lifespan BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A domain belongs to one organization, whether that is verified or not.
CREATE TABLE IF NOT EXISTS organization_domains (
    tenant          BIGINT NOT NULL,
    name            VARBINARY(255) NOT NULL,
    organization_id BINARY(16) NOT NULL,
    verified        BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, organization_id) REFERENCES organizations (tenant, id) ON DELETE CASCADE,
    KEY organization_domains_organization (tenant, organization_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
