-- How many customers moved how in each period: of all, of one plan and billing interval, or of each; of those who left
-- also by why, under the empty reason all of them. Periods that are counted, and from the movements those with movements
-- that are not.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), open AS (
    SELECT DISTINCT date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= :since
      AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
), placed AS (
    SELECT
        first_day, currency, kind, coalesce(end_kind, '') AS end_kind, customer, from_plan = '' AS is_new,
        CASE WHEN :by_plan OR :plan <> '' THEN plan ELSE '' END AS plan,
        CASE WHEN :by_billing OR :billing <> '' THEN interval ELSE '' END AS billing,
        CASE WHEN :by_plan OR :plan <> '' THEN from_plan ELSE '' END AS from_plan,
        CASE WHEN NOT (:by_billing OR :billing <> '') THEN ''
             WHEN from_interval = '' THEN interval ELSE from_interval END AS from_billing
    FROM open
    -- For each of them by the index, and not all movements with each.
    CROSS JOIN LATERAL (
        SELECT kind, end_kind, customer, currency, plan, interval, from_plan, from_interval
        FROM mrr_movements
        WHERE tenant = :tenant
          AND at >= open.first_day::timestamp AT TIME ZONE CAST(:timezone AS text)
          AND at < (open.first_day + CAST('1 ' || :interval AS interval)) AT TIME ZONE CAST(:timezone AS text)
        OFFSET 0
    ) AS moved
    WHERE :currency IN ('', currency) AND open.first_day >= :first AND open.first_day < :beyond
)
SELECT month AS period, currency, plan, interval AS billing, kind AS moved, nullif(end_kind, '*') AS end_kind,
       customers
FROM mrr_movers
WHERE tenant = :tenant AND length = :interval AND :currency IN ('', currency)
  AND (plan <> '') = (CAST(:by_plan AS boolean) OR :plan <> '') AND :plan IN ('', plan)
  AND (interval <> '') = (CAST(:by_billing AS boolean) OR :billing <> '') AND :billing IN ('', interval)
  AND month >= :first AND month < :beyond
  AND EXISTS (SELECT FROM summed) AND month NOT IN (SELECT first_day FROM open)
UNION ALL
SELECT first_day, currency, segment.plan, segment.billing, segment.moved,
       CASE GROUPING(end_kind) WHEN 0 THEN end_kind END, count(DISTINCT customer)
FROM placed
CROSS JOIN LATERAL (
    SELECT placed.plan, placed.billing, kind AS moved WHERE is_new OR (plan, billing) = (from_plan, from_billing)
    UNION ALL
    SELECT placed.plan, placed.billing, 'entering' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
    UNION ALL
    SELECT from_plan, from_billing, 'leaving' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
) AS segment
WHERE :plan IN ('', segment.plan) AND :billing IN ('', segment.billing)
GROUP BY GROUPING SETS ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5, end_kind))
