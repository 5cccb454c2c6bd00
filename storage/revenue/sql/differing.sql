-- Subscriptions whose movements do not add up to what they are worth: `domain.revenue.amounts.annual`, for those between two ids.
SELECT subscription, tenant, currency, sum(recorded)::bigint AS recorded, sum(worth)::bigint AS worth
FROM (
    SELECT subscription, tenant, currency, delta AS recorded, 0 AS worth
    FROM mrr_movements
    WHERE subscription BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)
    UNION ALL
    SELECT id, tenant, currency, 0, amount * CASE interval WHEN 'month' THEN 12 ELSE 1 END
    FROM subscriptions
    WHERE id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)
      AND (status IN ('active', 'past_due')
           OR status = 'paused' AND coalesce((state #>> '{pause,counts}')::boolean, false))
      AND jsonb_array_length(coalesce(state -> 'items', '[]')) > 0
) AS both_sides
GROUP BY subscription, tenant, currency
HAVING sum(recorded) <> sum(worth)
ORDER BY subscription, currency
LIMIT :limit
