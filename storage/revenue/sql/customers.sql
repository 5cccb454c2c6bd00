-- How many customers moved how in each period, of all plans, of one, or of each; of those who left also by why, under
-- the empty reason all of them. Periods that are counted, and from the movements those with movements that are not.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), open AS (
    SELECT DISTINCT date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
)
SELECT month AS period, currency, plan, kind AS moved, nullif(end_kind, '*') AS end_kind, customers
FROM mrr_movers
WHERE tenant = :tenant AND length = :interval AND :currency IN ('', currency)
  AND CASE WHEN CAST(:by_plan AS boolean) THEN plan <> '' AND :plan IN ('', plan) ELSE plan = :plan END
  AND month >= :first AND month < :beyond
  AND EXISTS (SELECT FROM summed) AND month NOT IN (SELECT first_day FROM open)
UNION ALL
SELECT
    open.first_day, currency, segment.plan, segment.moved,
    CASE GROUPING(coalesce(end_kind, '')) WHEN 0 THEN coalesce(end_kind, '') END,
    count(DISTINCT customer)
FROM open
JOIN mrr_movements AS movement ON at >= open.first_day::timestamp AT TIME ZONE CAST(:timezone AS text)
    AND at < (open.first_day + CAST('1 ' || :interval AS interval)) AT TIME ZONE CAST(:timezone AS text)
CROSS JOIN LATERAL (
    SELECT movement.plan, kind AS moved WHERE :by_plan AND from_plan IN ('', movement.plan)
    UNION ALL
    SELECT movement.plan, 'entering' WHERE :by_plan AND from_plan NOT IN ('', movement.plan)
    UNION ALL
    SELECT from_plan, 'leaving' WHERE :by_plan AND from_plan NOT IN ('', movement.plan)
    UNION ALL
    SELECT :plan, CASE WHEN :plan = '' OR from_plan IN ('', movement.plan) THEN kind
                       WHEN movement.plan = :plan THEN 'entering' ELSE 'leaving' END
    WHERE NOT :by_plan
) AS segment
WHERE tenant = :tenant AND :currency IN ('', currency) AND :plan IN ('', movement.plan, from_plan)
  AND segment.plan = CASE WHEN :plan = '' THEN segment.plan ELSE :plan END
  AND open.first_day >= :first AND open.first_day < :beyond
GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 3, 4, coalesce(end_kind, '')))
