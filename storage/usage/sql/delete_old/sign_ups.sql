-- Sign-ups that were never accepted. One that waits for its first payment stays.
DELETE FROM sign_up_contacts
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM sign_up_contacts
    WHERE created_at < now() - CAST(:age AS interval) AND NOT EXISTS (
        SELECT FROM subscriptions s WHERE s.id = sign_up_contacts.subscription AND s.status <> 'canceled'
    )
    ORDER BY created_at
    LIMIT :batch
))
