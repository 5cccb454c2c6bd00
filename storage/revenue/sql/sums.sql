-- What moved in each period, of all plans, of one, or of each. Days that are summed up, and movements that are not yet.
-- A change from another plan enters a plan with all that it is worth afterwards, and leaves the other.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), days AS (
    SELECT day, currency, kind, end_kind, plan, from_plan, before, after, payers_before, payers_after
    FROM mrr_daily
    WHERE tenant = :tenant AND EXISTS (SELECT FROM summed)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, currency, kind, coalesce(end_kind, ''), plan, from_plan,
           before, after, (before > 0)::integer, (after > 0)::integer
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
), moved AS (
    SELECT
        CASE WHEN day < :first THEN NULL ELSE date_trunc(:interval, day)::date END AS period,
        currency, kind, end_kind, plan, from_plan,
        :plan IN ('', plan) AS is_to,
        from_plan <> '' AND :plan IN ('', from_plan) AS is_from,
        from_plan IN ('', plan) OR NOT CAST(:by_plan AS boolean) AND :plan = '' AS is_within,
        CASE WHEN :by_plan THEN plan ELSE :plan END AS to_plan,
        CASE WHEN :by_plan THEN from_plan ELSE :plan END AS was_plan,
        sum(before) AS before, sum(after) AS after,
        sum(payers_before) AS payers_before, sum(payers_after) AS payers_after
    FROM days
    WHERE :currency IN ('', currency) AND :plan IN ('', plan, from_plan) AND day < :beyond
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT period, currency, segment.plan, segment.moved, end_kind,
       sum(segment.delta)::bigint AS delta, sum(segment.payers)::integer AS payers
FROM moved
CROSS JOIN LATERAL (
    SELECT to_plan AS plan, kind AS moved, after - before AS delta, payers_after - payers_before AS payers
    WHERE is_within
    UNION ALL
    SELECT to_plan, 'entering', after, payers_after WHERE is_to AND NOT is_within
    UNION ALL
    SELECT was_plan, 'leaving', -before, -payers_before WHERE is_from AND NOT is_within
) AS segment
GROUP BY period, currency, segment.plan, segment.moved, end_kind
