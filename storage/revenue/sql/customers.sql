-- How many customers moved how in each period; of those who left also by why, under the empty reason all of them.
-- Periods that are counted, and from the movements those with movements that are not.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), open AS (
    SELECT DISTINCT date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
)
SELECT month AS period, kind AS moved, nullif(end_kind, '*') AS end_kind, customers
FROM mrr_movers
WHERE tenant = :tenant AND length = :interval AND currency = :currency AND plan = :plan
  AND month >= :first AND month < :beyond
  AND EXISTS (SELECT FROM summed) AND month NOT IN (SELECT first_day FROM open)
UNION ALL
SELECT
    open.first_day,
    CASE WHEN :plan = '' OR from_plan IN ('', plan) THEN kind WHEN plan = :plan THEN 'entering' ELSE 'leaving' END,
    CASE GROUPING(coalesce(end_kind, '')) WHEN 0 THEN coalesce(end_kind, '') END,
    count(DISTINCT customer)
FROM open
JOIN mrr_movements ON at >= open.first_day::timestamp AT TIME ZONE CAST(:timezone AS text)
    AND at < (open.first_day + CAST('1 ' || :interval AS interval)) AT TIME ZONE CAST(:timezone AS text)
WHERE tenant = :tenant AND currency = :currency AND :plan IN ('', plan, from_plan)
  AND open.first_day >= :first AND open.first_day < :beyond
GROUP BY GROUPING SETS ((1, 2), (1, 2, coalesce(end_kind, '')))
