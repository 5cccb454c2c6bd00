-- A partition for thirty days, the key unique in each, and earlier ones looked at. Near the border of two, both sides also
-- write the key to a table of its own, which this statement leaves to another one.
CREATE TABLE months (LIKE today) PARTITION BY RANGE (recorded_at);
CREATE TABLE months_default PARTITION OF months DEFAULT;
CREATE UNIQUE INDEX ON months_default (tenant, key);
DO $$ BEGIN
    FOR n IN 0 .. 5 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF months FOR VALUES FROM (%L) TO (%L)', 'months_' || n,
            date_trunc('day', now()) + (30 * n - 105) * interval '1 day',
            date_trunc('day', now()) + (30 * n - 75) * interval '1 day');
        EXECUTE format('CREATE UNIQUE INDEX ON %I (tenant, key)', 'months_' || n);
    END LOOP;
END $$;
CREATE PROCEDURE fill_months(p_from timestamptz, p_to timestamptz, p_rows bigint) LANGUAGE sql AS $$
    INSERT INTO months
    SELECT e.*
    FROM generate_series(1, p_rows) n,
        an_event('c' || n % 1000, gen_random_uuid()::text, p_from + n * (p_to - p_from) / p_rows) e
$$;
CREATE FUNCTION use_months(p_customer text, p_key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_used bigint;
BEGIN
    WITH recorded AS (
        INSERT INTO months
        SELECT e.* FROM an_event(p_customer, p_key, statement_timestamp()) e
        WHERE NOT EXISTS (
            SELECT FROM months m
            WHERE m.tenant = 'default' AND m.key = p_key
                AND m.recorded_at < date_trunc('day', statement_timestamp()) - interval '15 days'
        )
        ON CONFLICT DO NOTHING
        RETURNING key
    )
    UPDATE counters SET used = used + 1 WHERE customer = p_customer AND EXISTS (SELECT FROM recorded)
    RETURNING used INTO v_used;
    RETURN v_used;
END $$;
CREATE PROCEDURE forget_months(p_before timestamptz) LANGUAGE sql AS $$ DROP TABLE months_0 $$;
