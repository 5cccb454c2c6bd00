-- Writes events in their order, and a delivery of each to every endpoint of its tenant that receives its type.
-- What was written before is left as it is. Returns the new deliveries.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS event (
        number int, id uuid, tenant text, type text, version int, subscription uuid, customer uuid, sequence bigint,
        at timestamptz, payload jsonb)
),
written AS (
    INSERT INTO events (id, tenant, type, version, subscription, customer, sequence, at, payload)
    SELECT id, tenant, type, version, subscription, customer, sequence, at, payload FROM given ORDER BY number
    ON CONFLICT (id) DO NOTHING
    RETURNING id, tenant, type
)
INSERT INTO event_deliveries (tenant, event, endpoint)
SELECT written.tenant, written.id, endpoint.id
FROM written
JOIN webhook_endpoints AS endpoint ON endpoint.tenant = written.tenant
WHERE endpoint.state = 'enabled' AND endpoint.deleted_at IS NULL
    AND (endpoint.types = '{}' OR written.type = ANY (endpoint.types))
RETURNING id, tenant, event, endpoint
