-- What moved in each period: of all, of one plan and billing interval, or of each. Days that are summed up, and
-- movements that are not yet. A change from elsewhere enters with all that it is worth afterwards, and leaves there.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), days AS (
    SELECT day, currency, kind, end_kind, plan, interval AS billing, from_plan, from_interval AS from_billing,
           before, after, payers_before, payers_after
    FROM mrr_daily
    WHERE tenant = :tenant AND EXISTS (SELECT FROM summed)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, currency, kind, coalesce(end_kind, ''),
           plan, interval, from_plan, CASE WHEN from_interval = '' THEN interval ELSE from_interval END,
           before, after, (before > 0)::integer, (after > 0)::integer
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= :since
      AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
), moved AS (
    SELECT
        CASE WHEN day < :first THEN NULL ELSE date_trunc(:interval, day)::date END AS period,
        currency, kind, end_kind, plan, billing, from_plan, from_billing,
        sum(before) AS before, sum(after) AS after,
        sum(payers_before) AS payers_before, sum(payers_after) AS payers_after
    FROM days
    WHERE :currency IN ('', currency) AND day < :beyond
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
), placed AS (
    SELECT *,
           :plan IN ('', plan) AND :billing IN ('', billing) AS is_to,
           from_plan <> '' AND :plan IN ('', from_plan) AND :billing IN ('', from_billing) AS is_from,
           from_plan = '' OR (NOT :by_plan AND :plan = '' OR from_plan = plan)
               AND (NOT :by_billing AND :billing = '' OR from_billing = billing) AS is_within,
           CASE WHEN :by_plan THEN plan ELSE :plan END AS to_plan,
           CASE WHEN :by_billing THEN billing ELSE :billing END AS to_billing,
           CASE WHEN :by_plan THEN from_plan ELSE :plan END AS was_plan,
           CASE WHEN :by_billing THEN from_billing ELSE :billing END AS was_billing
    FROM moved
)
SELECT period, currency, segment.plan, segment.billing, segment.moved, end_kind,
       sum(segment.delta)::bigint AS delta, sum(segment.payers)::integer AS payers
FROM placed
CROSS JOIN LATERAL (
    SELECT to_plan AS plan, to_billing AS billing, kind AS moved, after - before AS delta,
           payers_after - payers_before AS payers
    WHERE is_to AND is_within
    UNION ALL
    SELECT to_plan, to_billing, 'entering', after, payers_after WHERE is_to AND NOT is_within
    UNION ALL
    SELECT was_plan, was_billing, 'leaving', -before, -payers_before WHERE is_from AND NOT is_within
) AS segment
GROUP BY period, currency, segment.plan, segment.billing, segment.moved, end_kind
