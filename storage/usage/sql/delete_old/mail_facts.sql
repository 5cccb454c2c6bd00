-- What mails say. The row stays: that it was sent, when, and why it was not. Of usage it has figures alone, which the
-- timeline shows.
UPDATE mails
SET facts = '{}'
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM mails
    WHERE facts <> '{}' AND status <> 'queued' AND occasion NOT IN ('usage_warning', 'usage_limit')
        AND created_at < now() - CAST(:age AS interval)
    ORDER BY created_at
    LIMIT :batch
))
