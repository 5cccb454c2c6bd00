-- What one subscription counts for in `mrr_standing`, as the rules of `domain.revenue.amounts`; no row: for nothing.
-- A customer has one live subscription at most, so that subscriptions count customers. The free plan has no amount.
CREATE OR REPLACE FUNCTION tenure_standing_of(s subscriptions)
RETURNS TABLE (
    annual bigint, committed bigint, at_risk bigint, paused bigint, trialing bigint,
    paying_customers bigint, free_customers bigint, trialing_customers bigint
) LANGUAGE sql IMMUTABLE AS $$
    SELECT
        CASE WHEN counts THEN worth ELSE 0 END,
        CASE WHEN counts AND s.cancel_at IS NULL THEN worth ELSE 0 END,
        CASE WHEN counts AND s.status = 'past_due' THEN worth ELSE 0 END,
        CASE WHEN NOT counts AND s.status = 'paused' THEN worth ELSE 0 END,
        CASE WHEN is_trial THEN worth ELSE 0 END,
        (counts AND worth > 0)::integer::bigint,
        (counts AND worth = 0)::integer::bigint,
        is_trial::integer::bigint
    FROM (
        SELECT
            s.amount * CASE s.interval WHEN 'month' THEN 12 ELSE 1 END AS worth,
            s.status = 'trialing' AND s.trial_ends_at IS NOT NULL AS is_trial,
            s.status IN ('active', 'past_due')
                OR s.status = 'paused' AND coalesce((s.state #>> '{pause,counts}')::boolean, false) AS counts
    ) AS own
    WHERE s.status NOT IN ('canceled', 'suspended')
$$
