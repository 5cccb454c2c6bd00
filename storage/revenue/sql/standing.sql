-- What subscriptions are worth now: by what they have changed by since they were counted, or, before the first count, by
-- themselves.
WITH counted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM installation WHERE name = 'standing_counted') AS is_so
), parts AS (
    SELECT currency, plan, interval, status, annual, committed, at_risk, paused, trialing, paying_customers,
           free_customers, trialing_customers
    FROM mrr_standing
    WHERE tenant = :tenant AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT currency, plan, interval, status, own.*
    FROM subscriptions, tenure_standing_of(subscriptions) AS own
    WHERE tenant = :tenant AND status NOT IN ('canceled', 'suspended') AND NOT (SELECT is_so FROM counted)
)
SELECT
    currency, plan, interval AS billing_interval, status,
    sum(annual)::bigint AS annual,
    sum(committed)::bigint AS committed,
    sum(at_risk)::bigint AS at_risk,
    sum(paused)::bigint AS paused,
    sum(trialing)::bigint AS trialing,
    sum(paying_customers)::bigint AS paying_customers,
    sum(free_customers)::bigint AS free_customers,
    sum(trialing_customers)::bigint AS trialing_customers
FROM parts
WHERE :plan IN ('', plan) AND :billing IN ('', interval) AND :status IN ('', status) AND :currency IN ('', currency)
GROUP BY currency, plan, interval, status
-- Those that count for nothing any more leave nothing.
HAVING (sum(paying_customers), sum(free_customers), sum(trialing_customers), sum(paused)) <> (0, 0, 0, 0)
ORDER BY currency, plan, interval, status
