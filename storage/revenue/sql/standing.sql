-- What subscriptions are worth now, as the rules of `domain.revenue.amounts`. The free plan has no amount.
-- A customer has one live subscription at most, so that subscriptions which are paid for count customers.
SELECT
    currency,
    coalesce(sum(annual) FILTER (WHERE counts), 0)::bigint AS annual,
    coalesce(sum(annual) FILTER (WHERE counts AND cancel_at IS NULL), 0)::bigint AS committed,
    coalesce(sum(annual) FILTER (WHERE counts AND status = 'past_due'), 0)::bigint AS at_risk,
    coalesce(sum(annual) FILTER (WHERE NOT counts AND status = 'paused'), 0)::bigint AS paused,
    coalesce(sum(annual) FILTER (WHERE status = 'trialing' AND trial_ends_at IS NOT NULL), 0)::bigint AS trialing,
    count(*) FILTER (WHERE counts AND annual > 0) AS customers
FROM (
    SELECT currency, status, cancel_at, trial_ends_at,
           amount * CASE interval WHEN 'month' THEN 12 ELSE 1 END AS annual,
           status IN ('active', 'past_due')
               OR status = 'paused' AND coalesce((state #>> '{pause,counts}')::boolean, false) AS counts
    FROM subscriptions
    WHERE tenant = :tenant AND status NOT IN ('canceled', 'suspended') AND :plan IN ('', plan)
      AND :status IN ('', status)
) AS worth
GROUP BY currency
ORDER BY currency
