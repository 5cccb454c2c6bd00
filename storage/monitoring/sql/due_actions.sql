-- What is due now, by action. What is blocked is counted apart: it waits for somebody else. After an outage there may be
-- any number of them: the first ten thousand say enough.
SELECT
    action,
    count(*) AS due,
    count(*) FILTER (WHERE next_action_at < now() - interval '1 minute') AS overdue,
    extract(epoch FROM now() - min(next_action_at))::float8 AS oldest
FROM (
    SELECT
        next_action_at,
        (SELECT due ->> 'action' FROM jsonb_array_elements(next_actions) AS due WHERE due ->> 'action' <> 'renew' LIMIT 1)
            AS action
    FROM subscriptions
    WHERE next_action_at <= now() AND blocked_since IS NULL
    ORDER BY next_action_at
    LIMIT 10000
) AS due_now
GROUP BY action
