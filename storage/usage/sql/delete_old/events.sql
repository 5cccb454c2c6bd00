-- Events whose overage is not reported yet stay.
DELETE FROM usage_events
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM usage_events
    WHERE recorded_at < now() - CAST(:age AS interval) AND (overage = 0 OR reported_at IS NOT NULL)
    ORDER BY recorded_at
    LIMIT :batch
))
