-- Handled events that the provider cannot send again, whatever came of them. One that waits stays.
DELETE FROM webhook_inbox
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM webhook_inbox
    WHERE handled_at IS NOT NULL AND received_at < now() - CAST(:age AS interval)
    ORDER BY received_at
    LIMIT :batch
))
