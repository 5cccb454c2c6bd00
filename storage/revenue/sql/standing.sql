-- What subscriptions are worth now, as the rules of `domain.revenue.amounts`. The free plan has no amount.
-- A customer has one live subscription at most, so that subscriptions count customers.
SELECT
    currency, plan, billing_interval, status,
    coalesce(sum(annual) FILTER (WHERE counts), 0)::bigint AS annual,
    coalesce(sum(annual) FILTER (WHERE counts AND cancel_at IS NULL), 0)::bigint AS committed,
    coalesce(sum(annual) FILTER (WHERE counts AND status = 'past_due'), 0)::bigint AS at_risk,
    coalesce(sum(annual) FILTER (WHERE NOT counts AND status = 'paused'), 0)::bigint AS paused,
    coalesce(sum(annual) FILTER (WHERE is_trial), 0)::bigint AS trialing,
    count(*) FILTER (WHERE counts AND annual > 0) AS paying_customers,
    count(*) FILTER (WHERE counts AND annual = 0) AS free_customers,
    count(*) FILTER (WHERE is_trial) AS trialing_customers
FROM (
    SELECT currency, plan, interval AS billing_interval, status, cancel_at,
           amount * CASE interval WHEN 'month' THEN 12 ELSE 1 END AS annual,
           status = 'trialing' AND trial_ends_at IS NOT NULL AS is_trial,
           status IN ('active', 'past_due')
               OR status = 'paused' AND coalesce((state #>> '{pause,counts}')::boolean, false) AS counts
    FROM subscriptions
    WHERE tenant = :tenant AND status NOT IN ('canceled', 'suspended') AND :plan IN ('', plan)
      AND :billing IN ('', interval)
      AND :status IN ('', status) AND :currency IN ('', currency)
) AS worth
GROUP BY currency, plan, billing_interval, status
ORDER BY currency, plan, billing_interval, status
