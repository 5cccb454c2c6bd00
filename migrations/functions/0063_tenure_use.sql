-- One use of a meter, in one round trip: counted under its key, or refused. What the numbers mean is said by
-- domain/usage.py; here is only what must be decided in the same moment as it is counted.
CREATE OR REPLACE FUNCTION tenure_use(
    p_tenant text, p_customer text, p_meter text, p_action text, p_quantity bigint, p_key text, p_at timestamptz,
    p_reason text, p_actor text, p_catalog text, p_free_plan text, p_limited text, p_suspended text
) RETURNS TABLE (
    outcome text, moment timestamptz, customer_id text, subscription text, status text, access text, own_plan text,
    basis text, plan text, catalog text, revision bigint, add_ons jsonb, quantity int, period_start timestamptz,
    period_end timestamptz, is_billed boolean, by_use jsonb, billed_every text, noticed boolean,
    feature text, included bigint, ceiling bigint, before bigint, used bigint, starts timestamptz, ends timestamptz,
    over_since timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    most CONSTANT numeric := 9223372036854775807;
    who record;
    l record;
    counter record;
    v_known text;
    v_verdict text;
    v_may_bill boolean;
    v_is_there boolean;
    v_starts timestamptz;
    v_ends timestamptz;
    v_limit bigint;
    v_share int;
    v_beyond bigint;
    v_credit bigint;
    v_overage bigint := 0;
    v_overage_of text := '';
    n int := 0;
    a_feature text[] := '{}';
    a_included bigint[] := '{}';
    a_ceiling bigint[] := '{}';
    a_before bigint[] := '{}';
    a_used bigint[] := '{}';
    a_starts timestamptz[] := '{}';
    a_ends timestamptz[] := '{}';
    a_over timestamptz[] := '{}';
    a_share int[] := '{}';
    a_bills boolean[] := '{}';
    a_tells boolean[] := '{}';
    a_grace interval[] := '{}';
    a_is_new boolean[] := '{}';
    a_is_late boolean[] := '{}';
    a_limit bigint[] := '{}';
    a_back bigint[] := '{}';
BEGIN
    SELECT * INTO who FROM tenure_standing(p_tenant, p_customer, p_catalog, p_free_plan, p_limited, p_suspended);
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
    by_use := who.by_use;
    billed_every := who.billed_every;
    noticed := false;

    v_known := tenure_known_use(p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, p_at);
    outcome := CASE
        WHEN v_known IS NOT NULL THEN v_known
        WHEN p_at > moment + interval '5 minutes' THEN 'in_the_future'
        WHEN p_at < moment - interval '35 days' THEN 'too_late'
        WHEN p_action = 'consume' AND basis = 'nothing' THEN 'no_plan'
        WHEN p_action = 'consume' AND basis = 'no_new_use' THEN 'no_new_use'
        ELSE 'counted'
    END;
    v_may_bill := is_billed AND by_use IS NOT NULL AND (p_at IS NULL OR p_at >= who.billed_since);

    -- One counter after the other by their names: whoever waits for one holds none that comes later.
    FOR l IN
        SELECT p.feature, p.per, p.mails, p.hard, p.grace_days, p.overage_at_most,
            -- Beyond the limit only what the subscription itself has an item for is billed.
            v_may_bill AND p.overage_price IS NOT NULL AND tenure_bills(by_use, p.overage_price, who.billed_every)
                AS bills,
            CASE WHEN p.included IS NOT NULL THEN least(
                p.included::numeric * CASE WHEN p.per_unit THEN quantity ELSE 1 END + coalesce((
                    SELECT sum(o.value::numeric * (p.adds ->> o.key)::numeric)
                    FROM jsonb_each_text(add_ons) o WHERE p.adds ? o.key), 0), most)::bigint END AS has
        FROM plan_limits p
        WHERE p.catalog = who.catalog AND p.plan = who.counted_by_plan
            -- A reset may name one of several features that a meter uses up.
            AND (p.meter = p_meter OR p_action = 'reset' AND p.feature = p_meter)
        ORDER BY p.feature
    LOOP
        n := n + 1;
        a_feature[n] := l.feature;
        a_included[n] := l.has;
        a_bills[n] := l.bills;
        IF l.per <> 'billing_period' OR period_start IS NULL THEN
            SELECT p.starts, p.ends INTO v_starts, v_ends
                FROM tenure_period(l.per, coalesce(p_at, moment), NULL, NULL, NULL) p;
        ELSE
            v_starts := period_start;
            v_ends := period_end;
            IF p_at < period_start THEN
                -- Late: it is of the period that was counted at the time.
                SELECT u.period_start, u.period_end INTO v_starts, v_ends FROM usage u
                    WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                        AND u.period_start <= p_at AND u.period_end > p_at
                    ORDER BY u.period_start DESC LIMIT 1;
            END IF;
            IF v_starts IS NULL OR p_at >= period_end THEN
                SELECT p.starts, p.ends INTO v_starts, v_ends
                    FROM tenure_period(l.per, p_at, period_start, period_end, who.billed_every) p;
            END IF;
        END IF;
        a_starts[n] := v_starts;
        a_ends[n] := v_ends;

        LOOP
            IF outcome = 'counted' THEN
                SELECT u.used, u.over_since, u.noticed, u.noticed_of, u.overage, u.overage_back INTO counter FROM usage u
                    WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                        AND u.period_start = v_starts
                    FOR UPDATE;
            ELSE
                SELECT u.used, u.over_since, u.noticed, u.noticed_of, u.overage, u.overage_back INTO counter FROM usage u
                    WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                        AND u.period_start = v_starts;
            END IF;
            a_is_new[n] := false;
            v_is_there := FOUND;
            a_before[n] := coalesce(counter.used, 0);
            a_over[n] := CASE WHEN counter.used >= l.has THEN counter.over_since END;
            a_grace[n] := CASE WHEN NOT l.bills AND l.hard IS NOT NULL AND l.grace_days > 0
                THEN l.grace_days * interval '1 day' END;
            a_ceiling[n] := CASE
                WHEN l.has IS NULL OR CASE WHEN l.bills THEN l.overage_at_most ELSE l.hard END IS NULL THEN NULL
                WHEN l.bills THEN least(l.has + l.overage_at_most::numeric, most)
                WHEN a_over[n] + a_grace[n] <= moment THEN l.has
                ELSE least(div(l.has * l.hard::numeric, 100), most)
            END;
            a_used[n] := CASE p_action
                WHEN 'release' THEN a_before[n] - p_quantity
                WHEN 'set' THEN p_quantity
                WHEN 'reset' THEN p_quantity
                ELSE a_before[n] + p_quantity
            END;
            v_verdict := CASE
                WHEN p_action IN ('release', 'set') AND l.per <> 'gauge' THEN 'not_a_gauge'
                WHEN p_action = 'reset' AND l.per = 'gauge' THEN 'is_a_gauge'
                WHEN p_action = 'reset' AND a_used[n] > a_before[n] THEN 'too_much'
                -- What is on its way to a bill, or on it, would be billed and had for nothing.
                WHEN p_action = 'reset' AND counter.overage > counter.overage_back THEN 'overage_billed'
                WHEN p_action = 'consume' AND l.has = 0 AND NOT l.bills THEN 'not_in_plan'
                WHEN p_action = 'consume' AND a_used[n] > a_ceiling[n] THEN 'limit_reached'
                WHEN a_used[n] < 0 THEN 'too_much'
                ELSE 'counted'
            END;
            EXIT WHEN v_is_there OR outcome <> 'counted' OR v_verdict <> 'counted';
            INSERT INTO usage (tenant, customer, feature, period_start, period_end)
                VALUES (p_tenant, p_customer, l.feature, v_starts, v_ends) ON CONFLICT DO NOTHING;
            a_is_new[n] := FOUND;
            EXIT WHEN FOUND;
        END LOOP;
        IF outcome = 'counted' THEN
            outcome := v_verdict;
        END IF;

        v_limit := l.has;
        a_is_late[n] := coalesce(
            p_at IS NOT NULL AND (v_ends <= moment OR l.per = 'billing_period' AND p_at < period_start), false);
        IF a_is_late[n] THEN
            -- The limit that held in its own period, or in the last one known before it, and never less than today's.
            SELECT u.noticed_of INTO v_limit FROM usage u
                WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = l.feature
                    AND (u.period_start < v_starts OR u.period_start = v_starts AND NOT a_is_new[n])
                ORDER BY u.period_start DESC LIMIT 1;
            -- Without a number there was no limit.
            v_limit := CASE WHEN NOT FOUND THEN l.has WHEN v_limit IS NOT NULL THEN greatest(v_limit, l.has) END;
        END IF;
        a_limit[n] := v_limit;
        a_back[n] := coalesce(counter.overage_back, 0);
        IF l.bills AND p_action IN ('consume', 'record') THEN
            v_beyond := greatest(a_used[n] - v_limit, 0) - greatest(a_before[n] - v_limit, 0);
            -- What has happened is counted however much it is, and billed up to what the plan sells beyond the limit:
            -- what was billed beyond a smaller limit, before an upgrade, takes none of that.
            v_beyond := least(v_beyond, CASE WHEN l.overage_at_most IS NOT NULL THEN greatest(
                l.overage_at_most - least(
                    coalesce(counter.overage, 0) - a_back[n], greatest(a_before[n] - v_limit, 0)
                ), 0) END);
            -- What was billed and given back since is not billed again.
            v_credit := least(greatest(v_beyond, 0), a_back[n]);
            v_beyond := v_beyond - v_credit;
            a_back[n] := a_back[n] - v_credit;
            IF v_beyond > v_overage THEN
                v_overage := v_beyond;
                v_overage_of := l.feature;
            END IF;
        END IF;
        v_share := 0;
        -- Whoever is entitled to nothing is not written to about a limit that does not hold for them.
        IF l.has > 0 AND basis <> 'nothing' AND NOT a_is_late[n] THEN
            SELECT coalesce(max(t), 0) INTO v_share FROM unnest(l.mails) t
                WHERE a_used[n] * 100::numeric >= t * l.has::numeric;
        END IF;
        a_share[n] := v_share;
        a_tells[n] := p_action IN ('consume', 'record', 'set')
            AND v_share > CASE WHEN counter.noticed_of = l.has THEN counter.noticed ELSE 0 END;
    END LOOP;

    IF n = 0 AND outcome = 'counted' THEN
        outcome := CASE WHEN who.counted_by_plan IS NULL THEN 'no_plan' ELSE 'not_in_plan' END;
    END IF;
    IF outcome = 'counted' AND tenure_usage_border(moment) IS NOT NULL THEN
        -- The same key may be counted at this moment on the other side of the border: the later one waits here, and then
        -- finds it.
        INSERT INTO usage_border_keys (tenant, border, digest)
            VALUES (p_tenant, tenure_usage_border(moment), sha256(convert_to(p_key, 'UTF8'))) ON CONFLICT DO NOTHING;
        v_known := tenure_known_use(p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, p_at);
        outcome := coalesce(v_known, outcome);
    END IF;
    IF outcome = 'counted' AND v_overage > 0 THEN
        -- A trigger logs it first: a known key is not recorded.
        INSERT INTO usage_events (tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, overage_of,
                                  overage, reason, actor, features, starts)
            VALUES (p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, coalesce(p_at, moment), moment,
                    who.catalog, v_overage_of, v_overage, p_reason, p_actor, a_feature, a_starts)
            ON CONFLICT DO NOTHING;
        outcome := CASE WHEN FOUND THEN outcome ELSE 'twin' END;
    ELSIF outcome = 'counted' THEN
        INSERT INTO usage_log (tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, reason, actor,
                               features, starts)
            VALUES (p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, coalesce(p_at, moment), moment,
                    who.catalog, p_reason, p_actor, a_feature, a_starts)
            ON CONFLICT DO NOTHING;
        outcome := CASE WHEN FOUND THEN outcome ELSE 'twin' END;
    END IF;
    IF outcome NOT IN ('counted', 'repeated', 'key_reused') THEN
        -- While this one waited for its turn, another of the same key may have been counted.
        v_known := tenure_known_use(p_tenant, p_key, p_customer, p_meter, p_action, p_quantity, p_at);
        outcome := coalesce(v_known, outcome);
    END IF;

    FOR i IN 1 .. n LOOP
        IF outcome = 'counted' THEN
            a_over[i] := CASE WHEN a_used[i] >= a_included[i] THEN coalesce(a_over[i], moment) END;
            UPDATE usage u SET used = a_used[i], over_since = a_over[i], period_end = a_ends[i], updated_at = moment,
                    noticed = CASE WHEN a_is_late[i] THEN u.noticed ELSE a_share[i] END,
                    -- Of a period that is over, the last limit of that period stays.
                    noticed_of = CASE WHEN NOT a_is_late[i] THEN a_included[i] WHEN a_is_new[i] THEN a_limit[i]
                        ELSE u.noticed_of END,
                    overage_back = a_back[i],
                    overage = u.overage + CASE WHEN a_feature[i] = v_overage_of THEN v_overage ELSE 0 END,
                    reset_at = CASE WHEN p_action = 'reset' THEN clock_timestamp() ELSE u.reset_at END
                WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = a_feature[i]
                    AND u.period_start = a_starts[i];
            IF a_tells[i] THEN
                INSERT INTO usage_notices (tenant, customer, feature, period_start, threshold, included, used, plan,
                                           catalog, resets_at, is_billed, grace_ends_at, at)
                    VALUES (p_tenant, p_customer, a_feature[i],
                            CASE WHEN a_ends[i] IS NULL THEN date_trunc('month', moment, 'UTC') ELSE a_starts[i] END,
                            a_share[i], a_included[i], a_used[i], who.counted_by_plan, who.catalog,
                            a_ends[i], a_bills[i], a_over[i] + a_grace[i], moment)
                    ON CONFLICT DO NOTHING;
                noticed := noticed OR FOUND;
            END IF;
        ELSE
            a_used[i] := a_before[i];
            IF a_is_new[i] THEN
                DELETE FROM usage u
                    WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = a_feature[i]
                        AND u.period_start = a_starts[i];
            END IF;
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
