-- One use of a meter, in one round trip: counted under its key, or refused. What the numbers mean is said by
-- domain/usage.py; here is only what must be decided in the same moment as it is counted.
CREATE FUNCTION tenure_use(
    p_tenant text, p_customer text, p_meter text, p_action text, p_quantity bigint, p_key text, p_at timestamptz,
    p_catalog text, p_free_plan text, p_limited text, p_suspended text
) RETURNS TABLE (
    outcome text, moment timestamptz, customer_id uuid, subscription uuid, status text, access text, own_plan text,
    basis text, plan text, catalog text, revision bigint, add_ons jsonb, quantity int, period_start timestamptz,
    period_end timestamptz, is_billed boolean, billed_every text, noticed boolean,
    feature text, included bigint, ceiling bigint, before bigint, used bigint, starts timestamptz, ends timestamptz,
    over_since timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    who record;
    l record;
    known record;
    counter record;
    v_limits_of text;
    v_limits_in text;
    v_at timestamptz;
    v_month timestamptz;
    v_overage bigint := 0;
    v_overage_of text := '';
    v_threshold int;
    v_back int := 0;
    n int := 0;
    a_feature text[] := '{}';
    a_included bigint[] := '{}';
    a_ceiling bigint[] := '{}';
    a_before bigint[] := '{}';
    a_used bigint[] := '{}';
    a_starts timestamptz[] := '{}';
    a_ends timestamptz[] := '{}';
    a_over timestamptz[] := '{}';
    a_threshold int[] := '{}';
    a_grace int[] := '{}';
    a_billed boolean[] := '{}';
    a_per text[] := '{}';
BEGIN
    who := tenure_standing(p_tenant, p_customer, p_catalog, p_free_plan, p_limited, p_suspended);
    moment := who.moment;
    customer_id := who.customer_id;
    subscription := who.subscription;
    status := who.status;
    access := who.access;
    own_plan := who.own_plan;
    basis := who.basis;
    plan := who.plan;
    catalog := who.catalog;
    revision := who.revision;
    add_ons := who.add_ons;
    quantity := who.quantity;
    period_start := who.period_start;
    period_end := who.period_end;
    is_billed := who.is_billed;
    billed_every := who.billed_every;
    noticed := false;
    outcome := 'counted';
    v_at := coalesce(p_at, moment);
    v_month := date_trunc('month', moment, 'UTC');

    SELECT * INTO known FROM usage_events e WHERE e.tenant = p_tenant AND e.key = p_key;
    IF FOUND THEN
        outcome := CASE
            WHEN known.customer = p_customer AND known.meter = p_meter AND known.action = p_action
                AND known.quantity = p_quantity AND (p_at IS NULL OR known.at = p_at)
            THEN 'repeated' ELSE 'key_reused' END;
    ELSIF v_at > moment + interval '5 minutes' THEN
        outcome := 'in_the_future';
    ELSIF v_at < moment - interval '35 days' THEN
        outcome := 'too_late';
    ELSIF p_action = 'consume' AND basis = 'nothing' THEN
        outcome := 'no_plan';
    ELSIF p_action = 'consume' AND basis = 'no_new_use' THEN
        outcome := 'no_new_use';
    END IF;

    -- What there is is counted by the plan that was chosen, also while it entitles to nothing.
    v_limits_of := coalesce(plan, own_plan);
    v_limits_in := CASE WHEN plan IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM catalog_versions v WHERE v.name = who.own_catalog
    ) THEN coalesce(catalog, p_catalog) ELSE who.own_catalog END;

    FOR l IN
        SELECT p.*, CASE WHEN p.included IS NULL THEN NULL ELSE
            p.included * CASE WHEN p.per_unit THEN quantity ELSE 1 END + coalesce((
                SELECT sum(o.value::bigint * (p.adds ->> o.key)::bigint)
                FROM jsonb_each_text(add_ons) o WHERE p.adds ? o.key), 0) END AS has
        FROM plan_limits p
        WHERE p.catalog = v_limits_in AND p.plan = v_limits_of AND p.meter = p_meter
        ORDER BY p.feature
    LOOP
        n := n + 1;
        a_feature[n] := l.feature;
        a_per[n] := l.per;
        a_grace[n] := l.grace_days;
        a_billed[n] := l.has_overage AND who.is_billed;
        a_included[n] := l.has;
        IF l.per = 'gauge' THEN
            a_starts[n] := 'epoch';
            a_ends[n] := NULL;
        ELSIF l.per = 'billing_period' AND period_start IS NOT NULL THEN
            a_starts[n] := period_start;
            a_ends[n] := period_end;
            IF p_at < period_start THEN
                SELECT u.period_start AS starts, u.period_end AS ends INTO counter FROM usage u
                    WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                        AND u.period_start <= p_at AND u.period_end > p_at
                    ORDER BY u.period_start DESC LIMIT 1;
                IF FOUND THEN
                    a_starts[n] := counter.starts;
                    a_ends[n] := counter.ends;
                ELSE
                    WHILE a_starts[n] > p_at LOOP
                        v_back := v_back + 1;
                        a_ends[n] := a_starts[n];
                        a_starts[n] := (period_start AT TIME ZONE 'UTC'
                            - v_back * ('1 ' || who.billed_every)::interval) AT TIME ZONE 'UTC';
                    END LOOP;
                    v_back := 0;
                END IF;
            END IF;
        ELSE
            a_starts[n] := date_trunc(CASE l.per WHEN 'billing_period' THEN 'month' ELSE l.per END, v_at, 'UTC');
            a_ends[n] := (a_starts[n] AT TIME ZONE 'UTC'
                + ('1 ' || CASE l.per WHEN 'billing_period' THEN 'month' ELSE l.per END)::interval) AT TIME ZONE 'UTC';
        END IF;

        LOOP
            SELECT u.used, u.over_since, u.noticed, u.noticed_of INTO counter FROM usage u
                WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                    AND u.period_start = a_starts[n]
                FOR UPDATE;
            EXIT WHEN FOUND;
            IF outcome <> 'counted' THEN
                SELECT 0::bigint AS used, NULL::timestamptz AS over_since, 0 AS noticed, NULL::bigint AS noticed_of
                    INTO counter;
                EXIT;
            END IF;
            INSERT INTO usage (tenant, customer, feature, period_start, period_end)
                VALUES (p_tenant, p_customer, l.feature, a_starts[n], a_ends[n]) ON CONFLICT DO NOTHING;
        END LOOP;
        a_before[n] := counter.used;
        a_over[n] := CASE WHEN counter.used >= l.has THEN counter.over_since END;

        a_ceiling[n] := CASE
            WHEN l.has IS NULL THEN NULL
            WHEN l.has_overage AND who.is_billed THEN l.has + l.overage_at_most
            WHEN l.hard IS NULL THEN NULL
            WHEN l.grace_days > 0 AND a_over[n] + l.grace_days * interval '1 day' <= moment THEN l.has
            ELSE l.has * l.hard / 100
        END;
        a_used[n] := CASE p_action
            WHEN 'release' THEN a_before[n] - p_quantity
            WHEN 'set' THEN p_quantity
            WHEN 'reset' THEN 0
            ELSE a_before[n] + p_quantity
        END;
        IF outcome = 'counted' THEN
            IF p_action = 'consume' AND l.has = 0 AND NOT (l.has_overage AND who.is_billed) THEN
                outcome := 'not_in_plan';
            ELSIF p_action = 'consume' AND a_used[n] > a_ceiling[n] THEN
                outcome := 'limit_reached';
            ELSIF a_used[n] < 0 THEN
                outcome := 'too_much';
            END IF;
        END IF;
        IF l.has_overage AND who.is_billed AND p_action IN ('consume', 'record') THEN
            v_overage := greatest(a_used[n] - l.has, 0) - greatest(a_before[n] - l.has, 0);
            v_overage_of := l.feature;
        END IF;
        a_threshold[n] := 0;
        IF l.has > 0 AND p_action IN ('consume', 'record', 'set') AND (a_ends[n] IS NULL OR a_ends[n] > moment) THEN
            SELECT coalesce(max(t), 0) INTO v_threshold FROM unnest(l.mails) t WHERE a_used[n] * 100 >= t * l.has;
            IF v_threshold > (CASE WHEN counter.noticed_of = l.has THEN counter.noticed ELSE 0 END) THEN
                a_threshold[n] := v_threshold;
            END IF;
        END IF;
    END LOOP;

    IF n = 0 AND outcome = 'counted' THEN
        outcome := CASE WHEN v_limits_of IS NULL THEN 'no_plan' ELSE 'not_in_plan' END;
    END IF;

    IF outcome = 'counted' THEN
        INSERT INTO usage_events (tenant, key, customer, meter, action, quantity, at, catalog, overage_of, overage)
            VALUES (p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, v_at, v_limits_in, v_overage_of,
                    v_overage)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            outcome := 'again';
        END IF;
    ELSIF outcome IN ('limit_reached', 'too_much') THEN
        outcome := CASE WHEN EXISTS (SELECT 1 FROM usage_events e WHERE e.tenant = p_tenant AND e.key = p_key)
            THEN 'again' ELSE outcome END;
    END IF;
    IF outcome = 'again' THEN
        -- Its twin was quicker.
        SELECT * INTO known FROM usage_events e WHERE e.tenant = p_tenant AND e.key = p_key;
        outcome := CASE
            WHEN known.customer = p_customer AND known.meter = p_meter AND known.action = p_action
                AND known.quantity = p_quantity AND (p_at IS NULL OR known.at = p_at)
            THEN 'repeated' ELSE 'key_reused' END;
    END IF;

    FOR i IN 1 .. n LOOP
        IF outcome = 'counted' THEN
            a_over[i] := CASE WHEN a_used[i] >= a_included[i] THEN coalesce(a_over[i], moment) END;
            UPDATE usage u SET
                used = a_used[i],
                over_since = a_over[i],
                period_end = a_ends[i],
                updated_at = moment,
                noticed_of = a_included[i],
                noticed = CASE
                    WHEN a_threshold[i] > 0 THEN a_threshold[i]
                    WHEN u.noticed_of = a_included[i] AND u.noticed > 0 AND a_used[i] * 100 >= u.noticed * a_included[i]
                    THEN u.noticed
                    ELSE 0 END
                WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = a_feature[i]
                    AND u.period_start = a_starts[i];
            IF a_threshold[i] > 0 THEN
                INSERT INTO usage_notices (tenant, customer, feature, period_start, threshold, included, used, plan,
                                           catalog, resets_at, is_billed, grace_ends_at, at)
                    VALUES (p_tenant, p_customer, a_feature[i],
                            CASE a_per[i] WHEN 'gauge' THEN v_month ELSE a_starts[i] END,
                            a_threshold[i], a_included[i], a_used[i], v_limits_of, v_limits_in, a_ends[i],
                            a_billed[i],
                            CASE WHEN a_grace[i] > 0 THEN
                                coalesce(a_over[i], moment) + a_grace[i] * interval '1 day' END,
                            moment)
                    ON CONFLICT DO NOTHING;
                noticed := noticed OR FOUND;
            END IF;
        ELSE
            a_used[i] := a_before[i];
        END IF;
    END LOOP;

    IF n = 0 THEN
        RETURN NEXT;
    END IF;
    FOR i IN 1 .. n LOOP
        feature := a_feature[i];
        included := a_included[i];
        ceiling := a_ceiling[i];
        before := a_before[i];
        used := a_used[i];
        starts := a_starts[i];
        ends := a_ends[i];
        over_since := a_over[i];
        RETURN NEXT;
    END LOOP;
END
$$
