-- Requests under an idempotency key, and their responses. A later repeat is a new request. One in progress stays.
DELETE FROM idempotency_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM idempotency_keys
    WHERE created_at < now() - CAST(:age AS interval) AND (completed_at IS NOT NULL OR claimed_until < now())
    ORDER BY created_at
    LIMIT :batch
))
