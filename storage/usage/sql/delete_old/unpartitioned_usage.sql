-- What was recorded in a month that had no partition of its own.
DELETE FROM usage_log_others
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_log_others
    WHERE recorded_at < now() - CAST(:age AS interval)
    LIMIT :batch
))
