-- Counters of months and billing periods. Those of customers with overage that is not billed yet stay.
DELETE FROM usage
WHERE ctid = ANY (ARRAY(
    SELECT u.ctid
    FROM usage u
    WHERE u.period_end - u.period_start > '7 days' AND u.period_end < now() - CAST(:age AS interval)
        AND NOT EXISTS (
            SELECT FROM usage_events e
            WHERE e.overage > 0 AND e.reported_at IS NULL AND e.tenant = u.tenant AND e.customer = u.customer
        )
    ORDER BY u.period_end
    LIMIT :batch
))
