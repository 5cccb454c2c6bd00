DELETE FROM usage_samples
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_samples
    WHERE day < (now() - CAST(:age AS interval))::date
    ORDER BY day
    LIMIT :batch
))
