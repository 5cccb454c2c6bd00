SELECT coalesce(state #>> '{blocked,code}', '') AS code, count(*) AS number
FROM subscriptions
WHERE blocked_since IS NOT NULL
GROUP BY code
