-- There are many of days and weeks; those of months and billing periods stay.
DELETE FROM usage
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage
    WHERE period_end - period_start <= '7 days' AND period_end < now() - CAST(:age AS interval)
    ORDER BY period_end
    LIMIT :batch
))
