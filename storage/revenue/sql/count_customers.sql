-- The customers who moved in these days, months and years, over everything that was recorded before: of all plans, and
-- of each. Customers of longer periods are not the sum of shorter ones: each counts once.
INSERT INTO mrr_movers (tenant, length, month, currency, plan, kind, end_kind, customers)
SELECT tenant, length, first_day, currency, seen.plan, seen.kind,
       CASE GROUPING(end_kind) WHEN 0 THEN end_kind ELSE '*' END, count(DISTINCT customer)
FROM (
    SELECT tenant, length, date_trunc(length, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day, currency,
           kind, coalesce(end_kind, '') AS end_kind, plan, from_plan, customer
    FROM mrr_movements
    CROSS JOIN (VALUES ('day'), ('month'), ('year')) AS lengths (length)
    WHERE recorded_at < :until
) AS moved
CROSS JOIN LATERAL (
    SELECT '' AS plan, moved.kind
    UNION ALL
    SELECT moved.plan, CASE WHEN moved.from_plan IN ('', moved.plan) THEN moved.kind ELSE 'entering' END
    UNION ALL
    SELECT moved.from_plan, 'leaving' WHERE moved.from_plan NOT IN ('', moved.plan)
) AS seen
WHERE (tenant, length, first_day) IN (
    SELECT tenant, length, date_trunc(length, at AT TIME ZONE CAST(:timezone AS text))::date
    FROM mrr_movements
    CROSS JOIN (VALUES ('day'), ('month'), ('year')) AS lengths (length)
    WHERE recorded_at >= :since AND recorded_at < :until
)
GROUP BY GROUPING SETS (
    (tenant, length, first_day, currency, seen.plan, seen.kind),
    (tenant, length, first_day, currency, seen.plan, seen.kind, end_kind)
)
