-- A page of customers' features with their limit and what is used of it in the period in which a moment lies; nothing
-- if it is not used in that. By the plan by which usage is counted.
--
-- Skips from one customer's feature to the next, not row by row, because each has hundreds of past periods. The period
-- is found as in tenure_use: one that was cut short, as by a conversion or an end, coexists with it until its own end.
-- If no plan says how a feature is counted, the latest running period counts.
WITH RECURSIVE page AS (
    (
        SELECT tenant, customer, feature, 1 AS n
        FROM usage
        WHERE (tenant, customer, feature) > (:tenant, :customer, :feature)
        ORDER BY tenant, customer, feature
        LIMIT 1
    )
    UNION ALL
    SELECT next.tenant, next.customer, next.feature, page.n + 1
    FROM page
    CROSS JOIN LATERAL (
        SELECT u.tenant, u.customer, u.feature
        FROM usage u
        WHERE (u.tenant, u.customer, u.feature) > (page.tenant, page.customer, page.feature)
        ORDER BY u.tenant, u.customer, u.feature
        LIMIT 1
    ) next
    WHERE page.n < :page
)
SELECT
    p.tenant, p.customer, p.feature, coalesce(s.counted_by_plan, '') AS plan, u.used,
    l.included * CASE WHEN l.per_unit THEN s.quantity ELSE 1 END + coalesce((
        SELECT sum(o.value::bigint * (l.adds ->> o.key)::bigint)
        FROM jsonb_each_text(s.add_ons) o
        WHERE l.adds ? o.key
    ), 0) AS has
FROM page p
CROSS JOIN LATERAL tenure_standing(p.tenant, p.customer, :catalog, :free_plan, :limited, :suspended) s
LEFT JOIN plan_limits l ON l.catalog = s.catalog AND l.plan = s.counted_by_plan AND l.feature = p.feature
LEFT JOIN LATERAL tenure_period(l.per, :moment, s.period_start, s.period_end, s.billed_every) its
    ON l.per IS NOT NULL
LEFT JOIN LATERAL (
    SELECT u.used
    FROM usage u
    WHERE u.tenant = p.tenant AND u.customer = p.customer AND u.feature = p.feature
        AND u.period_start >= coalesce(its.starts, 'epoch') AND u.period_start <= coalesce(its.starts, :moment)
        AND (l.per IS NOT NULL OR u.period_end IS NULL OR u.period_end > :moment)
    ORDER BY u.period_start DESC
    LIMIT 1
) u ON true
ORDER BY p.tenant, p.customer, p.feature
