-- Where a customer stands: what entitles them, to which plan of which catalog, and in which billing period.
CREATE FUNCTION tenure_standing(
    p_tenant text, p_customer text, p_catalog text, p_free_plan text, p_limited text, p_suspended text,
    OUT moment timestamptz, OUT customer_id uuid, OUT subscription uuid, OUT status text, OUT access text,
    OUT own_plan text, OUT own_catalog text, OUT basis text, OUT plan text, OUT catalog text, OUT revision bigint,
    OUT add_ons jsonb, OUT quantity int, OUT is_billed boolean, OUT billed_since timestamptz,
    OUT billed_every text, OUT period_start timestamptz, OUT period_end timestamptz,
    OUT counted_by_plan text, OUT counted_by_catalog text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
    own_add_ons jsonb;
    own_quantity int;
    is_paid boolean := false;
BEGIN
    moment := clock_timestamp();
    add_ons := '{}';
    quantity := 1;
    is_billed := false;
    SELECT c.id INTO customer_id FROM customers c WHERE c.tenant = p_tenant AND c.external_id = p_customer;
    IF customer_id IS NOT NULL THEN
        -- The live one, of which there is at most one, or else the last there was.
        SELECT u.id, u.status, u.access, u.plan, u.catalog, u.add_ons, u.quantity, u.amount, u.interval,
               u.agreement_ref, u.created_at, u.trial_ends_at, u.period_start, u.period_end
            INTO s FROM subscriptions u
            WHERE u.customer = customer_id ORDER BY u.status = 'canceled', u.created_at DESC LIMIT 1;
        IF FOUND THEN
            subscription := s.id;
            status := s.status;
            access := s.access;
            own_plan := s.plan;
            own_catalog := s.catalog;
            own_add_ons := s.add_ons;
            own_quantity := s.quantity;
            is_paid := s.amount > 0;
        END IF;
    END IF;
    basis := CASE
        WHEN subscription IS NULL OR status = 'canceled' THEN 'free_plan'
        WHEN access = 'full' THEN 'plan'
        WHEN access = 'limited' THEN p_limited
        ELSE p_suspended
    END;
    IF basis IN ('plan', 'no_new_use') THEN
        plan := own_plan;
        catalog := own_catalog;
        add_ons := own_add_ons;
        quantity := own_quantity;
        is_billed := is_paid AND s.agreement_ref <> '' AND status IN ('active', 'past_due');
        billed_since := coalesce(s.trial_ends_at, s.created_at);
    ELSIF basis = 'free_plan' AND p_free_plan <> '' THEN
        plan := p_free_plan;
        catalog := p_catalog;
    ELSE
        basis := 'nothing';
    END IF;
    IF is_paid AND status <> 'canceled' THEN
        billed_every := s.interval;
        period_start := coalesce(s.period_start, s.created_at);
        period_end := coalesce(s.period_end, s.trial_ends_at);
        -- A renewal that is not decided yet: what is used now is of the period that has begun.
        IF period_end <= moment THEN
            SELECT p.starts, p.ends INTO period_start, period_end
                FROM tenure_period('billing_period', moment, period_start, period_end, billed_every) p;
        END IF;
    END IF;
    -- What there is is counted by the plan that was chosen, also while it entitles to nothing.
    counted_by_plan := coalesce(plan, own_plan);
    counted_by_catalog := coalesce(catalog, own_catalog, p_catalog);
    SELECT v.revision INTO revision FROM catalog_versions v WHERE v.name = counted_by_catalog;
    IF NOT FOUND THEN
        -- Chosen before catalogs were noted: it has what the plan of this name has today.
        counted_by_catalog := p_catalog;
        SELECT v.revision INTO revision FROM catalog_versions v WHERE v.name = p_catalog;
    END IF;
    catalog := counted_by_catalog;
END
$$
