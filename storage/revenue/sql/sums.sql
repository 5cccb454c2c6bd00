-- What moved in each period, for all plans or one. Days that are summed up, and movements that are not yet.
-- With a plan, a change from another plan enters it with all that it is worth afterwards, and leaves the other.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), moved AS (
    SELECT day, currency, kind, end_kind, plan, from_plan, before, after, payers_before, payers_after
    FROM mrr_daily
    WHERE tenant = :tenant AND EXISTS (SELECT FROM summed)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, currency, kind, coalesce(end_kind, ''), plan, from_plan, before, after,
           (before > 0)::integer, (after > 0)::integer
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
), told AS (
    SELECT *,
           CASE WHEN :plan IN ('', plan) THEN 1 ELSE 0 END AS is_to,
           CASE WHEN :plan IN ('', from_plan) THEN 1 ELSE 0 END AS is_from
    FROM moved
    WHERE currency = :currency AND :plan IN ('', plan, from_plan) AND day < :beyond
)
SELECT
    CASE WHEN day < :first THEN NULL ELSE date_trunc(:interval, day)::date END AS period,
    CASE WHEN :plan = '' OR from_plan IN ('', plan) THEN kind WHEN is_to = 1 THEN 'entering' ELSE 'leaving' END
        AS moved,
    end_kind,
    sum(after * is_to - before * is_from)::bigint AS delta,
    sum(payers_after * is_to - payers_before * is_from)::integer AS payers
FROM told
GROUP BY 1, 2, 3
