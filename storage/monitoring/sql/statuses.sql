-- Those that are active are most, and those that were canceled grow for ever: both would be read row by row.
SELECT status, count(*) AS number
FROM tenants JOIN subscriptions ON subscriptions.tenant = tenants.id
WHERE status IN ('trialing', 'past_due', 'suspended', 'paused')
GROUP BY status
