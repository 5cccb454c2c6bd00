-- One use given back by its key: taken off every counter it went to whose period still runs. Once: what came of it stays
-- with the use, and is told again.
CREATE OR REPLACE FUNCTION tenure_give_back(
    p_tenant text, p_customer text, p_meters text[], p_key text, p_quantity bigint, p_catalog text, p_free_plan text,
    p_limited text, p_suspended text
) RETURNS TABLE (outcome text, quantity bigint, released bigint, used jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    e record;
    o record;
    who record;
    c record;
    b record;
    v_off bigint;
    v_due bigint;
    v_told bigint;
    v_withdrawn bigint;
    v_runs boolean;
    v_is_known boolean;
    v_any_runs boolean := false;
    v_released bigint := 0;
    v_used jsonb := '{}';
BEGIN
    -- Whoever gives the same use back waits here, and then finds it given back.
    SELECT v.customer, v.meter, v.action, v.quantity, v.at, v.recorded_at, v.catalog, v.features, v.starts, v.given_back
        INTO e FROM usage_log v WHERE v.tenant = p_tenant AND v.key = p_key FOR UPDATE;
    v_is_known := FOUND;
    IF NOT v_is_known THEN
        -- Counted before there was a log.
        SELECT v.customer, v.meter, v.action, v.quantity, v.at, v.recorded_at, v.catalog, v.features, v.starts,
                v.given_back
            INTO e FROM usage_events v WHERE v.tenant = p_tenant AND v.key = p_key FOR UPDATE;
        v_is_known := FOUND;
    END IF;
    -- What of it is billed, if any.
    SELECT v.overage_of, v.overage, v.reported_at, v.report_began_at
        INTO o FROM usage_events v WHERE v.tenant = p_tenant AND v.key = p_key FOR UPDATE;
    IF NOT v_is_known OR e.customer <> p_customer OR e.meter <> ALL (p_meters) OR e.action NOT IN ('consume', 'record') THEN
        RETURN QUERY SELECT 'unknown_use', NULL::bigint, NULL::bigint, NULL::jsonb;
        RETURN;
    END IF;
    IF p_quantity <> e.quantity THEN
        RETURN QUERY SELECT 'another_quantity', e.quantity, NULL::bigint, NULL::jsonb;
        RETURN;
    END IF;
    IF e.given_back IS NOT NULL THEN
        RETURN QUERY SELECT 'given_back', e.quantity, (e.given_back ->> 'released')::bigint, e.given_back -> 'used';
        RETURN;
    END IF;

    SELECT * INTO who FROM tenure_standing(p_tenant, p_customer, p_catalog, p_free_plan, p_limited, p_suspended);
    -- One counter after the other by their names, as they are counted.
    FOR c IN
        SELECT u.*, p.per,
            -- So much is billed beyond the limit at most. An earlier release billed more: of that all is given back.
            CASE WHEN u.overage - u.overage_back <= p.overage_at_most THEN p.overage_at_most END AS most
        FROM usage u
        LEFT JOIN plan_limits p
            ON p.catalog = who.catalog AND p.plan = who.counted_by_plan AND p.feature = u.feature
        WHERE u.tenant = p_tenant AND u.customer = p_customer AND CASE
            WHEN e.features IS NOT NULL THEN
                (u.feature, u.period_start) IN (SELECT * FROM unnest(e.features, e.starts))
            -- Counted by an earlier release: in what holds its moment.
            ELSE u.feature IN (SELECT l.feature FROM plan_limits l WHERE l.catalog = e.catalog AND l.meter = e.meter)
                AND u.period_start <= e.at AND u.period_end > e.at
            END
        ORDER BY u.feature
        FOR UPDATE OF u
    LOOP
        v_runs := CASE
            WHEN c.period_end IS NULL THEN true
            -- A period that was cut short, as by a new start, is over before its own end.
            WHEN c.per = 'billing_period' AND who.period_start IS NOT NULL THEN c.period_start = who.period_start
            ELSE c.period_end > who.moment
        END;
        IF NOT v_runs THEN
            CONTINUE;
        END IF;
        v_any_runs := true;
        -- What was counted before an operator had it count from 0 is given back already.
        v_off := CASE WHEN c.reset_at > e.recorded_at THEN 0 ELSE least(e.quantity, c.used) END;
        v_released := greatest(v_released, v_off);
        v_used := v_used || jsonb_build_object(c.feature, c.used - v_off);

        -- Beyond the limit it is no more: what is not on its way to the provider yet, the latest first, is never told.
        v_due := coalesce(least(greatest(c.used - c.noticed_of, 0), c.most)
            - least(greatest(c.used - v_off - c.noticed_of, 0), c.most), 0);
        v_withdrawn := 0;
        FOR b IN
            SELECT v.key, v.overage FROM usage_events v
            WHERE v_due > 0 AND v.tenant = p_tenant AND v.customer = p_customer AND v.overage_of = c.feature
                AND v.overage > 0 AND v.reported_at IS NULL
                AND (v.report_began_at IS NULL OR v.report_trouble = 'refused')
                AND v.at >= c.period_start AND (c.period_end IS NULL OR v.at < c.period_end)
            ORDER BY v.key = p_key DESC, v.recorded_at DESC
            FOR UPDATE SKIP LOCKED
        LOOP
            EXIT WHEN v_withdrawn = v_due;
            UPDATE usage_events v SET overage = v.overage - least(b.overage, v_due - v_withdrawn)
                WHERE v.tenant = p_tenant AND v.key = b.key;
            v_withdrawn := v_withdrawn + least(b.overage, v_due - v_withdrawn);
        END LOOP;
        -- The rest is on a bill: so much of what comes next beyond the limit is not billed again.
        v_told := greatest(c.overage - v_withdrawn, CASE
            WHEN o.overage_of = c.feature AND (o.reported_at IS NOT NULL OR o.report_began_at IS NOT NULL) THEN o.overage
            ELSE 0 END);
        UPDATE usage u SET used = c.used - v_off, updated_at = who.moment,
                over_since = CASE WHEN c.used - v_off >= c.noticed_of THEN c.over_since END,
                overage = greatest(c.overage - v_withdrawn, 0),
                overage_back = least(c.overage_back + v_due - v_withdrawn, v_told)
            WHERE u.tenant = p_tenant AND u.customer = p_customer AND u.feature = c.feature
                AND u.period_start = c.period_start;
    END LOOP;
    IF NOT v_any_runs THEN
        RETURN QUERY SELECT 'period_over', e.quantity, NULL::bigint, NULL::jsonb;
        RETURN;
    END IF;
    UPDATE usage_log v SET given_back = jsonb_build_object('released', v_released, 'used', v_used, 'at', who.moment)
        WHERE v.tenant = p_tenant AND v.key = p_key;
    UPDATE usage_events v SET given_back = jsonb_build_object('released', v_released, 'used', v_used, 'at', who.moment)
        WHERE v.tenant = p_tenant AND v.key = p_key;
    RETURN QUERY SELECT 'given_back', e.quantity, v_released, v_used;
END
$$
