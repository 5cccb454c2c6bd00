-- The sums of days, and the movements that are not in them yet. Amounts are annual: MRR is a twelfth.
SELECT currency, sum(moved)::float8 / 12 AS mrr, sum(payers)::bigint AS payers
FROM (
    SELECT currency, sum(after - before) AS moved, sum(payers_after - payers_before) AS payers
    FROM mrr_daily
    WHERE EXISTS (SELECT FROM mrr_roll_up)
    GROUP BY currency
    UNION ALL
    SELECT currency, sum(delta), sum((after > 0)::integer - (before > 0)::integer)
    FROM tenants JOIN mrr_movements ON mrr_movements.tenant = tenants.id
    WHERE recorded_at >= coalesce((SELECT max(recorded_until) FROM mrr_roll_up), '-infinity')
    GROUP BY currency
) AS all_movements
GROUP BY currency
