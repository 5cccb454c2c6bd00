-- The customers who moved in these days, months and years, over everything that was recorded before: of all, of each
-- plan, each billing interval, and each of both. Customers of longer periods are not the sum of shorter ones: each
-- counts once.
INSERT INTO mrr_movers (tenant, length, month, currency, plan, interval, kind, end_kind, customers)
SELECT tenant, length, first_day, currency, seen.plan, seen.billing, seen.kind,
       CASE GROUPING(end_kind) WHEN 0 THEN end_kind ELSE '*' END, count(DISTINCT customer)
FROM (
    SELECT tenant, length, date_trunc(length, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day, currency,
           kind, coalesce(end_kind, '') AS end_kind, customer, from_plan = '' AS is_new,
           CASE WHEN by_plan THEN plan ELSE '' END AS plan,
           CASE WHEN by_billing THEN interval ELSE '' END AS billing,
           CASE WHEN by_plan THEN from_plan ELSE '' END AS from_plan,
           CASE WHEN NOT by_billing THEN '' WHEN from_interval = '' THEN interval ELSE from_interval END AS from_billing
    FROM mrr_movements
    CROSS JOIN (VALUES ('day'), ('month'), ('year')) AS lengths (length)
    CROSS JOIN (VALUES (false, false), (true, false), (false, true), (true, true)) AS parts (by_plan, by_billing)
    WHERE recorded_at < :until
) AS moved
CROSS JOIN LATERAL (
    SELECT moved.plan, moved.billing, moved.kind WHERE is_new OR (plan, billing) = (from_plan, from_billing)
    UNION ALL
    SELECT moved.plan, moved.billing, 'entering' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
    UNION ALL
    SELECT from_plan, from_billing, 'leaving' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
) AS seen
WHERE (tenant, length, first_day) IN (
    SELECT tenant, length, date_trunc(length, at AT TIME ZONE CAST(:timezone AS text))::date
    FROM mrr_movements
    CROSS JOIN (VALUES ('day'), ('month'), ('year')) AS lengths (length)
    WHERE recorded_at >= :since AND recorded_at < :until
)
GROUP BY GROUPING SETS (
    (tenant, length, first_day, currency, seen.plan, seen.billing, seen.kind),
    (tenant, length, first_day, currency, seen.plan, seen.billing, seen.kind, end_kind)
)
