DELETE FROM usage_statistics
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_statistics
    WHERE taken_at < now() - CAST(:age AS interval)
    ORDER BY taken_at
    LIMIT :batch
))
