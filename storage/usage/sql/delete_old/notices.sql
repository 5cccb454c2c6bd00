DELETE FROM usage_notices
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_notices
    WHERE told_at IS NOT NULL AND at < now() - CAST(:age AS interval)
    ORDER BY at
    LIMIT :batch
))
