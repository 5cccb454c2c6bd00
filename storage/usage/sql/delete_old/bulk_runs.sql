DELETE FROM bulk_runs
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM bulk_runs
    WHERE ended_at < now() - CAST(:age AS interval)
    ORDER BY ended_at
    LIMIT :batch
))
