-- What entitles a customer, and the counters of the current periods. $1 to $5 as in record_use.sql; $6: the customer.
SELECT s.*, c.*
FROM tenure_standing($1, $6, $2, $3, $4, $5) s
CROSS JOIN LATERAL (
    SELECT
        array_agg(u.feature) AS features, array_agg(u.used) AS used, array_agg(u.period_start) AS starts,
        array_agg(u.over_since) AS over_since
    FROM plan_limits p
    JOIN usage u ON u.tenant = $1 AND u.customer = $6 AND u.feature = p.feature AND u.period_start = CASE
        WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start
        ELSE tenure_calendar(p.per, s.moment)
    END
    WHERE p.catalog = s.catalog AND p.plan = s.counted_by_plan
) c
