-- The customers who moved in these periods of one length, within some days, over everything that was recorded before: of
-- all, of each plan, each billing interval, and each of both. Customers of longer periods are not the sum of shorter
-- ones: each counts once. The days are told by their dates, and found by moments a day around them: where clocks go
-- back at midnight, it occurs twice. A share of the customers is counted at a time, and added to those of the other shares.
INSERT INTO mrr_movers (tenant, length, month, currency, plan, interval, kind, end_kind, customers)
WITH moved AS (
    SELECT tenant, date_trunc(:length, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day, currency, kind,
           coalesce(end_kind, '') AS end_kind, customer, from_plan = '' AS is_new, plan, interval AS billing, from_plan,
           CASE WHEN from_interval = '' THEN interval ELSE from_interval END AS from_billing
    FROM mrr_movements
    WHERE recorded_at < :until
      AND at >= (CAST(:first AS date) - 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND at < (CAST(:beyond AS date) + 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND (uuid_hash(customer) & 2147483647) % CAST(:shares AS integer) = :share
), changed AS (
    SELECT DISTINCT tenant, date_trunc(:length, at AT TIME ZONE CAST(:timezone AS text))::date AS first_day
    FROM mrr_movements
    WHERE recorded_at >= :since AND recorded_at < :until
      AND (at AT TIME ZONE CAST(:timezone AS text))::date >= CAST(:first AS date)
      AND (at AT TIME ZONE CAST(:timezone AS text))::date < CAST(:beyond AS date)
), placed AS (
    SELECT tenant, first_day, currency, kind, end_kind, customer, is_new,
           CASE WHEN by_plan THEN plan ELSE '' END AS plan, CASE WHEN by_billing THEN billing ELSE '' END AS billing,
           CASE WHEN by_plan THEN from_plan ELSE '' END AS from_plan,
           CASE WHEN by_billing THEN from_billing ELSE '' END AS from_billing
    FROM moved
    JOIN changed USING (tenant, first_day)
    CROSS JOIN (VALUES (false, false), (true, false), (false, true), (true, true)) AS parts (by_plan, by_billing)
)
SELECT tenant, :length, first_day, currency, seen.plan, seen.billing, seen.kind,
       CASE GROUPING(end_kind) WHEN 0 THEN end_kind ELSE '*' END, count(DISTINCT customer)
FROM placed
CROSS JOIN LATERAL (
    SELECT placed.plan, placed.billing, placed.kind WHERE is_new OR (plan, billing) = (from_plan, from_billing)
    UNION ALL
    SELECT placed.plan, placed.billing, 'entering' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
    UNION ALL
    SELECT from_plan, from_billing, 'leaving' WHERE NOT is_new AND (plan, billing) <> (from_plan, from_billing)
) AS seen
GROUP BY GROUPING SETS (
    (tenant, first_day, currency, seen.plan, seen.billing, seen.kind),
    (tenant, first_day, currency, seen.plan, seen.billing, seen.kind, end_kind)
)
ON CONFLICT (tenant, length, month, currency, plan, interval, kind, end_kind)
DO UPDATE SET customers = mrr_movers.customers + excluded.customers
