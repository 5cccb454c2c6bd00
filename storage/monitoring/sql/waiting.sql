-- What waits, and since when. Each is read by an index of what waits, and at most ten thousand of each.
SELECT 'inbox' AS what, '' AS kind, count(*) AS number, extract(epoch FROM now() - min(at))::float8 AS oldest
FROM (
    SELECT received_at AS at FROM webhook_inbox WHERE handled_at IS NULL ORDER BY received_at LIMIT 10000
) AS waiting
UNION ALL
SELECT 'mails', occasion, count(*), extract(epoch FROM now() - min(waiting.created_at))::float8
FROM tenants CROSS JOIN LATERAL (
    SELECT occasion, created_at FROM mails
    WHERE mails.tenant = tenants.id AND status = 'queued'
    ORDER BY created_at
    LIMIT 10000
) AS waiting
GROUP BY occasion
UNION ALL
SELECT 'usage_notices', '', count(*), extract(epoch FROM now() - min(at))::float8
FROM (SELECT at FROM usage_notices WHERE told_at IS NULL ORDER BY at LIMIT 10000) AS waiting
UNION ALL
SELECT
    'usage_reports',
    CASE WHEN report_trouble IS NULL THEN 'waiting' ELSE 'refused' END AS kind,
    count(*),
    extract(epoch FROM now() - min(recorded_at))::float8
FROM (
    SELECT recorded_at, report_trouble FROM usage_events
    WHERE overage > 0 AND reported_at IS NULL
    ORDER BY recorded_at
    LIMIT 10000
) AS waiting
GROUP BY kind
UNION ALL
SELECT 'events', '', count(*), extract(epoch FROM now() - min(created_at))::float8
FROM (
    SELECT created_at FROM event_deliveries
    WHERE state = 'pending' AND handed_over_at IS NULL
    ORDER BY created_at
    LIMIT 10000
) AS waiting
UNION ALL
SELECT 'endpoints', state, count(*), extract(epoch FROM now() - min(failing_since))::float8
FROM webhook_endpoints
WHERE deleted_at IS NULL AND (state = 'enabled' AND failing_since IS NOT NULL OR disabled_reason IN ('gone', 'failing'))
GROUP BY state
UNION ALL
-- A workflow that has asked the provider asks again some hours later, so that no action gets old: what gets old is the period.
SELECT 'renewals', '', count(*), extract(epoch FROM now() - min(period_end))::float8
FROM tenants CROSS JOIN LATERAL (
    SELECT period_end FROM subscriptions
    WHERE subscriptions.tenant = tenants.id AND status = 'active' AND period_end < now()
        AND next_actions @> '[{"action": "renew"}]'
    ORDER BY period_end
    LIMIT 10000
) AS waiting
