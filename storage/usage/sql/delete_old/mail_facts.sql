-- What mails say. The row stays: that it was sent, when, and why it was not.
UPDATE mails
SET facts = '{}'
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM mails
    WHERE facts <> '{}' AND status <> 'queued' AND created_at < now() - CAST(:age AS interval)
    ORDER BY created_at
    LIMIT :batch
))
