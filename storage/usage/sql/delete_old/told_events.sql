-- Events for products, with their deliveries and attempts.
DELETE FROM events
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM events
    WHERE created_at < now() - CAST(:age AS interval)
    ORDER BY created_at
    LIMIT :batch
))
