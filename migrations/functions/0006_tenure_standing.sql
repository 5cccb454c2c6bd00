-- Where a customer stands: what entitles them, to which plan of which catalog, and in which billing period. One query,
-- which becomes part of the one that asks it.
CREATE FUNCTION tenure_standing(
    p_tenant text, p_customer text, p_catalog text, p_free_plan text, p_limited text, p_suspended text
) RETURNS TABLE (
    moment timestamptz, customer_id text, subscription text, status text, access text, own_plan text, basis text,
    plan text, catalog text, revision bigint, add_ons jsonb, quantity int, period_start timestamptz,
    period_end timestamptz, is_billed boolean, by_use jsonb, billed_every text, billed_since timestamptz,
    counted_by_plan text
) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT b.moment, b.customer_id, b.subscription, b.status, b.access, b.own_plan, b.basis,
        CASE WHEN b.basis = 'free_plan' THEN p_free_plan WHEN b.basis <> 'nothing' THEN b.own_plan END,
        -- Chosen before catalogs were noted: it has what the plan of this name has today.
        CASE WHEN v.name IS NULL THEN p_catalog ELSE v.name END,
        CASE WHEN v.name IS NULL THEN tenure_revision(p_catalog) ELSE v.revision END,
        CASE WHEN b.is_own THEN b.add_ons END,
        CASE WHEN b.is_own THEN b.quantity ELSE 1 END,
        -- A renewal that is not decided yet: what is used now is of the period that has begun.
        CASE WHEN b.period_end <= b.moment
            THEN (tenure_period('billing_period', b.moment, b.period_start, b.period_end, b.billed_every)).starts
            ELSE b.period_start END,
        CASE WHEN b.period_end <= b.moment
            THEN (tenure_period('billing_period', b.moment, b.period_start, b.period_end, b.billed_every)).ends
            ELSE b.period_end END,
        b.is_own AND b.billed_every IS NOT NULL AND b.has_agreement AND b.status IN ('active', 'past_due'),
        CASE WHEN b.is_own THEN b.by_use END,
        b.billed_every, b.billed_since,
        -- What there is is counted by the plan that was chosen, also while it entitles to nothing.
        CASE WHEN b.basis = 'free_plan' THEN p_free_plan ELSE b.own_plan END
    FROM (
        SELECT a.*, a.basis IN ('plan', 'no_new_use') AS is_own FROM (
            SELECT statement_timestamp() AS moment, c.id::text AS customer_id, u.*,
                CASE
                    WHEN p_free_plan = '' AND g.said = 'free_plan' THEN 'nothing'
                    ELSE g.said
                END AS basis
            FROM (SELECT) one
            LEFT JOIN customers c ON c.tenant = p_tenant AND c.external_id = p_customer
            LEFT JOIN LATERAL (
                -- The live one, of which there is at most one, or else the last there was.
                SELECT s.id::text AS subscription, s.status, s.access, s.plan AS own_plan, s.catalog AS own_catalog,
                    nullif(s.add_ons, '{}') AS add_ons, s.quantity, s.by_use, s.agreement_ref <> '' AS has_agreement,
                    f.is_begun, CASE WHEN s.amount > 0 AND f.is_begun THEN s.interval END AS billed_every,
                    CASE WHEN s.amount > 0 AND f.is_begun
                        THEN coalesce(s.period_start, s.created_at) END AS period_start,
                    CASE WHEN s.amount > 0 AND f.is_begun
                        THEN coalesce(s.period_end, s.trial_ends_at) END AS period_end,
                    coalesce(s.trial_ends_at, s.created_at) AS billed_since
                FROM subscriptions s
                -- A start without a trial is trialing without an end until it is paid, and gives nothing until then.
                CROSS JOIN LATERAL (
                    SELECT s.status <> 'canceled' AND (
                        s.status <> 'trialing' OR s.trial_ends_at IS NOT NULL OR s.agreement_ref <> ''
                    ) AS is_begun
                ) f
                WHERE s.customer = c.id
                ORDER BY s.status = 'canceled', s.created_at DESC LIMIT 1
            ) u ON true
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN u.is_begun IS NOT TRUE THEN 'free_plan'
                    WHEN u.access = 'full' THEN 'plan'
                    WHEN u.access = 'limited' THEN p_limited
                    ELSE p_suspended
                END AS said
            ) g
            OFFSET 0
        ) a
    ) b
    LEFT JOIN catalog_versions v
        ON v.name = CASE WHEN b.basis = 'free_plan' OR b.own_catalog IS NULL THEN p_catalog ELSE b.own_catalog END
    -- Worked out once, however often it is asked for by what this becomes part of.
    OFFSET 0
$$
