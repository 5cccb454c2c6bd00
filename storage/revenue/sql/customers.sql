-- How many customers moved how in each period: of all, of one plan and billing interval, or of each; of those who left
-- also by why, under the empty reason all of them. Periods are counted, with the customers among what came since whom
-- the same period does not count yet. Days are told by their dates, and found by moments a day around them: where clocks
-- go back at midnight, it occurs twice.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), fresh AS (
    SELECT DISTINCT customer, date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= :since
      AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
      AND at >= (CAST(:first AS date) - 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND at < (CAST(:beyond AS date) + 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND (at AT TIME ZONE CAST(:timezone AS text))::date >= CAST(:first AS date)
      AND (at AT TIME ZONE CAST(:timezone AS text))::date < CAST(:beyond AS date)
), placed AS (
    SELECT
        first_day, currency, kind, coalesce(end_kind, '') AS end_kind, customer, from_plan = '' AS is_new,
        recorded_at < coalesce((SELECT recorded_until FROM summed), '-infinity') AS is_counted,
        CASE WHEN :by_plan OR :plan <> '' THEN plan ELSE '' END AS plan,
        CASE WHEN :by_billing OR :billing <> '' THEN interval ELSE '' END AS billing,
        CASE WHEN :by_plan OR :plan <> '' THEN from_plan ELSE '' END AS from_plan,
        CASE WHEN NOT (:by_billing OR :billing <> '') THEN ''
             WHEN from_interval = '' THEN interval ELSE from_interval END AS from_billing
    FROM fresh
    JOIN mrr_movements USING (customer)
    WHERE tenant = :tenant AND :currency IN ('', currency)
      AND date_trunc(:interval, at AT TIME ZONE CAST(:timezone AS text))::date = first_day
), moved AS (
    -- Each customer once: with each reason, and whatever it is.
    SELECT first_day, currency, segment.plan, segment.billing, segment.moved,
           CASE GROUPING(end_kind) WHEN 0 THEN end_kind END AS end_kind, bool_or(is_counted) AS is_counted
    FROM placed
    CROSS JOIN LATERAL (
        SELECT placed.plan, placed.billing, kind AS moved WHERE is_new OR (plan, billing) = (from_plan, from_billing)
        UNION ALL
        SELECT placed.plan, placed.billing, 'entering' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
        UNION ALL
        SELECT from_plan, from_billing, 'leaving' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
    ) AS segment
    WHERE :plan IN ('', segment.plan) AND :billing IN ('', segment.billing)
    GROUP BY GROUPING SETS ((1, 2, 3, 4, 5, customer), (1, 2, 3, 4, 5, customer, end_kind))
), counts AS (
    SELECT month AS period, currency, plan, interval AS billing, kind AS moved, nullif(end_kind, '*') AS end_kind,
           customers
    FROM mrr_movers
    WHERE tenant = :tenant AND length = :interval AND :currency IN ('', currency)
      AND (plan <> '') = (CAST(:by_plan AS boolean) OR :plan <> '') AND :plan IN ('', plan)
      AND (interval <> '') = (CAST(:by_billing AS boolean) OR :billing <> '') AND :billing IN ('', interval)
      AND month >= :first AND month < :beyond AND EXISTS (SELECT FROM summed)
    UNION ALL
    SELECT first_day, currency, plan, billing, moved, end_kind, 1 FROM moved WHERE NOT is_counted
)
SELECT period, currency, plan, billing, moved, end_kind, sum(customers)::integer AS customers
FROM counts
GROUP BY 1, 2, 3, 4, 5, 6
