-- Endpoints that were deleted, once all that was sent to them is forgotten as well.
DELETE FROM webhook_endpoints
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM webhook_endpoints
    WHERE deleted_at < now() - CAST(:age AS interval)
    ORDER BY deleted_at
    LIMIT :batch
))
