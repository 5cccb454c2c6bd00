-- A narrow table of the keys, and the events in a partition for each day. The keys are still deleted one by one.
CREATE TABLE keys_of_use (
    tenant text, key text, recorded_at timestamptz NOT NULL, PRIMARY KEY (tenant, key)
);
CREATE INDEX ON keys_of_use (recorded_at);
CREATE TABLE keys (LIKE today) PARTITION BY RANGE (recorded_at);
CREATE INDEX ON keys (recorded_at);
CREATE TABLE keys_default PARTITION OF keys DEFAULT;
DO $$ BEGIN
    FOR n IN -105 .. 2 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF keys FOR VALUES FROM (%L) TO (%L)', 'keys_' || n + 105,
            date_trunc('day', now()) + n * interval '1 day', date_trunc('day', now()) + (n + 1) * interval '1 day');
    END LOOP;
END $$;
CREATE PROCEDURE fill_keys(p_from timestamptz, p_to timestamptz, p_rows bigint) LANGUAGE sql AS $$
    INSERT INTO keys
    SELECT e.*
    FROM generate_series(1, p_rows) n,
        an_event('c' || n % 1000, gen_random_uuid()::text, p_from + n * (p_to - p_from) / p_rows) e;
    INSERT INTO keys_of_use SELECT tenant, key, recorded_at FROM keys
$$;
CREATE FUNCTION use_keys(p_customer text, p_key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_used bigint;
BEGIN
    WITH once AS (
        INSERT INTO keys_of_use VALUES ('default', p_key, statement_timestamp()) ON CONFLICT DO NOTHING RETURNING key
    ), recorded AS (
        INSERT INTO keys SELECT e.* FROM once, an_event(p_customer, p_key, statement_timestamp()) e RETURNING key
    )
    UPDATE counters SET used = used + 1 WHERE customer = p_customer AND EXISTS (SELECT FROM recorded)
    RETURNING used INTO v_used;
    RETURN v_used;
END $$;
CREATE PROCEDURE forget_keys(p_before timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 0 .. 29 LOOP
        EXECUTE format('DROP TABLE %I', 'keys_' || n);
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM keys_of_use WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM keys_of_use WHERE recorded_at < p_before ORDER BY recorded_at LIMIT 5000));
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END $$;
