-- What entitles a customer of a tenant, and the counters of the current periods, in one round trip.
CREATE OR REPLACE FUNCTION tenure_read_usage(
    p_tenant text, p_catalog text, p_free_plan text, p_limited text, p_suspended text, p_customer text
) RETURNS TABLE (
    moment timestamptz, customer_id text, subscription text, status text, access text, own_plan text, basis text,
    plan text, catalog text, revision bigint, add_ons jsonb, quantity int, period_start timestamptz,
    period_end timestamptz, is_billed boolean, by_use jsonb, billed_every text, billed_since timestamptz,
    counted_by_plan text, features text[], used bigint[], starts timestamptz[], over_since timestamptz[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('tenure.tenant', p_tenant, true);
    RETURN QUERY
    SELECT s.*, c.*
    FROM tenure_standing(p_tenant, p_customer, p_catalog, p_free_plan, p_limited, p_suspended) s
    CROSS JOIN LATERAL (
        SELECT array_agg(u.feature), array_agg(u.used), array_agg(u.period_start), array_agg(u.over_since)
        FROM plan_limits p
        JOIN usage u ON u.tenant = p_tenant AND u.customer = p_customer AND u.feature = p.feature
            AND u.period_start = CASE
                WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start
                ELSE tenure_calendar(p.per, s.moment)
            END
        WHERE p.catalog = s.catalog AND p.plan = s.counted_by_plan
    ) c;
END
$$
