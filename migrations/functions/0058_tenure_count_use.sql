-- One usage event of a tenant, in one round trip. The setting is made before the statement begins: made within it, it
-- would come too late for row-level security.
--
-- The function tenure_use handles every case. Most events are plain: of now, of a meter with one feature, by a customer
-- with full access or the free plan, and far from the limit. They change nothing but the counter: no threshold is
-- crossed, nothing is billed, no mail is due. This statement counts them at two thirds of the cost, and calls the
-- function for the others, which decides independently of what was read here. The counter is locked when it is read, so
-- the decision holds; a known key leaves it unchanged.
--
-- The key is unique in its month, which has a partition of the log; earlier months are looked at. An hour before and
-- after a month ends it may be counted on the other side meanwhile: the function sees to that.
CREATE OR REPLACE FUNCTION tenure_count_use(
    p_tenant text, p_catalog text, p_free_plan text, p_limited text, p_suspended text, p_customer text, p_meter text,
    p_action text, p_quantity bigint, p_key text, p_at timestamptz, p_reason text, p_actor text
) RETURNS TABLE (
    outcome text, moment timestamptz, customer_id text, subscription text, status text, access text, own_plan text,
    basis text, plan text, catalog text, revision bigint, add_ons jsonb, quantity int, period_start timestamptz,
    period_end timestamptz, is_billed boolean, by_use jsonb, billed_every text, noticed boolean,
    feature text, included bigint, ceiling bigint, before bigint, used bigint, starts timestamptz, ends timestamptz,
    over_since timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('tenure.tenant', p_tenant, true);
    RETURN QUERY
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
        FROM tenure_standing(p_tenant, p_customer, p_catalog, p_free_plan, p_limited, p_suspended) s
        JOIN plan_limits p ON p.catalog = s.catalog AND p.plan = s.counted_by_plan AND p.meter = p_meter
        CROSS JOIN LATERAL (
            SELECT c.used, c.period_start AS starts, c.period_end AS ends
            FROM usage c
            WHERE c.tenant = p_tenant AND c.customer = p_customer AND c.feature = p.feature AND c.period_start = CASE
                WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start
                ELSE tenure_calendar(p.per, s.moment)
            END
            FOR UPDATE
        ) u
        WHERE p_action IN ('consume', 'record') AND p_at IS NULL
            AND tenure_usage_border(s.moment) IS NULL AND s.basis IN ('plan', 'free_plan') AND s.add_ons IS NULL
            AND NOT p.is_one_of_several AND NOT p.per_unit AND (p.overage_price IS NULL OR s.by_use IS NULL)
            AND (
                p.included IS NULL
                OR (u.used + p_quantity) * 100::numeric < least(p.mails[1], p.hard, 100) * p.included::numeric
            )
    ), event AS (
        INSERT INTO usage_log (
            tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, reason, actor, features, starts
        )
        SELECT
            p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, p.moment, p.moment, p.catalog, p_reason, p_actor,
            ARRAY[p.feature], ARRAY[p.starts]
        FROM plain p
        WHERE NOT EXISTS (
            SELECT FROM usage_log l
            WHERE l.tenant = p_tenant AND l.key = p_key
                AND l.recorded_at < date_trunc('month', statement_timestamp(), 'UTC')
        ) AND NOT EXISTS (SELECT FROM usage_events e WHERE e.tenant = p_tenant AND e.key = p_key)
        ON CONFLICT DO NOTHING
        RETURNING key
    ), counted AS (
        UPDATE usage c
        SET (used, period_end, updated_at, noticed_of) = (SELECT before + p_quantity, ends, moment, included FROM plain),
            over_since = NULL, noticed = 0
        WHERE c.tenant = p_tenant AND c.customer = p_customer AND c.feature = (SELECT feature FROM plain)
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
    SELECT * FROM tenure_use(
        p_tenant, p_customer, p_meter, p_action, p_quantity, p_key, p_at, p_reason, p_actor, p_catalog, p_free_plan,
        p_limited, p_suspended)
    WHERE NOT EXISTS (SELECT FROM counted);
END
$$
