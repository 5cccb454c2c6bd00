-- What counted a use before row-level security: plain statements, to measure what that costs.
WITH plain AS MATERIALIZED (
    SELECT
        s.moment, s.customer_id, s.subscription, s.status, s.access, s.own_plan, s.basis, s.plan, s.catalog,
        s.revision, s.add_ons, s.quantity, s.period_start, s.period_end, s.is_billed, s.by_use, s.billed_every,
        p.feature, p.included, u.used AS before, u.starts,
        CASE WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_end ELSE u.ends END AS ends,
        CASE
            WHEN p.included IS NULL OR p.hard IS NULL THEN NULL
            ELSE least(div(p.included * p.hard::numeric, 100), 9223372036854775807)::bigint
        END AS ceiling
    FROM tenure_standing($1, $6, $2, $3, $4, $5) s
    JOIN plan_limits p ON p.catalog = s.catalog AND p.plan = s.counted_by_plan AND p.meter = $7
    CROSS JOIN LATERAL (
        SELECT c.used, c.period_start AS starts, c.period_end AS ends
        FROM usage c
        WHERE c.tenant = $1 AND c.customer = $6 AND c.feature = p.feature AND c.period_start = CASE
            WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start
            ELSE tenure_calendar(p.per, s.moment)
        END
        FOR UPDATE
    ) u
    WHERE $8 IN ('consume', 'record') AND $11::timestamptz IS NULL AND tenure_usage_border(s.moment) IS NULL
        AND s.basis IN ('plan', 'free_plan') AND s.add_ons IS NULL
        AND NOT p.is_one_of_several AND NOT p.per_unit AND (p.overage_price IS NULL OR s.by_use IS NULL)
        AND (
            p.included IS NULL
            OR (u.used + $9::bigint) * 100::numeric < least(p.mails[1], p.hard, 100) * p.included::numeric
        )
), event AS (
    INSERT INTO usage_log (
        tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, reason, actor, features, starts
    )
    SELECT
        $1, $10, $6, $7, $8, $9, p.moment, p.moment, p.catalog, $12, $13, ARRAY[p.feature], ARRAY[p.starts]
    FROM plain p
    WHERE NOT EXISTS (
        SELECT FROM usage_log l
        WHERE l.tenant = $1 AND l.key = $10 AND l.recorded_at < date_trunc('month', statement_timestamp(), 'UTC')
    ) AND NOT EXISTS (SELECT FROM usage_events e WHERE e.tenant = $1 AND e.key = $10)
    ON CONFLICT DO NOTHING
    RETURNING key
), counted AS (
    UPDATE usage c
    SET (used, period_end, updated_at, noticed_of) = (SELECT before + $9, ends, moment, included FROM plain),
        over_since = NULL, noticed = 0
    WHERE c.tenant = $1 AND c.customer = $6 AND c.feature = (SELECT feature FROM plain)
        AND c.period_start = (SELECT starts FROM plain) AND EXISTS (SELECT FROM event)
    RETURNING c.used
)
SELECT
    'counted' AS outcome, p.moment, p.customer_id, p.subscription, p.status, p.access, p.own_plan, p.basis, p.plan,
    p.catalog, p.revision, p.add_ons, p.quantity, p.period_start, p.period_end, p.is_billed, p.by_use, p.billed_every,
    false AS noticed, p.feature, p.included, p.ceiling, p.before, c.used, p.starts, p.ends,
    NULL::timestamptz AS over_since
FROM counted c CROSS JOIN plain p
UNION ALL
SELECT * FROM tenure_use($1, $6, $7, $8, $9, $10, $11, $12, $13, $2, $3, $4, $5)
WHERE NOT EXISTS (SELECT FROM counted)
