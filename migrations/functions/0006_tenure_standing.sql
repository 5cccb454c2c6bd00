-- Where a customer stands: what entitles them, to which plan of which catalog, and in which billing period.
CREATE FUNCTION tenure_standing(
    p_tenant text, p_customer text, p_catalog text, p_free_plan text, p_limited text, p_suspended text,
    OUT moment timestamptz, OUT customer_id uuid, OUT subscription uuid, OUT status text, OUT access text,
    OUT own_plan text, OUT own_catalog text, OUT basis text, OUT plan text, OUT catalog text, OUT revision bigint,
    OUT add_ons jsonb, OUT quantity int, OUT is_billed boolean,
    OUT billed_every text, OUT period_start timestamptz, OUT period_end timestamptz
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
        SELECT * INTO s FROM subscriptions u
            WHERE u.tenant = p_tenant AND u.customer = customer_id AND u.status <> 'canceled';
        IF NOT FOUND THEN
            SELECT * INTO s FROM subscriptions u
                WHERE u.customer = customer_id ORDER BY u.created_at DESC LIMIT 1;
        END IF;
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
            period_start := period_end;
            period_end := (period_end AT TIME ZONE 'UTC' + ('1 ' || s.interval)::interval) AT TIME ZONE 'UTC';
        END IF;
    END IF;
    SELECT v.revision INTO revision FROM catalog_versions v WHERE v.name = catalog;
    IF NOT FOUND AND plan IS NOT NULL THEN
        -- Chosen before catalogs were noted: it has what the plan of this name has today.
        catalog := p_catalog;
        SELECT v.revision INTO revision FROM catalog_versions v WHERE v.name = p_catalog;
    END IF;
END
$$
