-- The customers who moved in these months, over everything that was recorded before: of all plans, and of each.
INSERT INTO mrr_movers (tenant, month, currency, plan, kind, end_kind, customers)
SELECT tenant, month, currency, seen.plan, seen.kind, CASE GROUPING(end_kind) WHEN 0 THEN end_kind ELSE '*' END,
       count(DISTINCT customer)
FROM (
    SELECT tenant, date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date AS month, currency, kind,
           coalesce(end_kind, '') AS end_kind, plan, from_plan, customer
    FROM mrr_movements
    WHERE recorded_at < :until
) AS moved
CROSS JOIN LATERAL (
    SELECT '' AS plan, moved.kind
    UNION ALL
    SELECT moved.plan, CASE WHEN moved.from_plan IN ('', moved.plan) THEN moved.kind ELSE 'entering' END
    UNION ALL
    SELECT moved.from_plan, 'leaving' WHERE moved.from_plan NOT IN ('', moved.plan)
) AS seen
WHERE (tenant, month) IN (
    SELECT tenant, date_trunc('month', at AT TIME ZONE CAST(:timezone AS text))::date
    FROM mrr_movements
    WHERE recorded_at >= :since AND recorded_at < :until
)
GROUP BY GROUPING SETS (
    (tenant, month, currency, seen.plan, seen.kind), (tenant, month, currency, seen.plan, seen.kind, end_kind)
)
