-- Sixteen partitions by the key's hash. PostgreSQL keeps the key unique; old rows are deleted in batches.
CREATE TABLE hashed (LIKE today, PRIMARY KEY (tenant, key)) PARTITION BY HASH (tenant, key);
CREATE INDEX ON hashed (recorded_at);
DO $$ BEGIN
    FOR n IN 0 .. 15 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF hashed FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            'hashed_' || n, n);
    END LOOP;
END $$;
CREATE PROCEDURE fill_hashed(p_from timestamptz, p_to timestamptz, p_rows bigint) LANGUAGE sql AS $$
    INSERT INTO hashed
    SELECT e.*
    FROM generate_series(1, p_rows) n,
        an_event('c' || n % 1000, gen_random_uuid()::text, p_from + n * (p_to - p_from) / p_rows) e
$$;
CREATE FUNCTION use_hashed(p_customer text, p_key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_used bigint;
BEGIN
    WITH recorded AS (
        INSERT INTO hashed SELECT * FROM an_event(p_customer, p_key, statement_timestamp()) ON CONFLICT DO NOTHING
        RETURNING key
    )
    UPDATE counters SET used = used + 1 WHERE customer = p_customer AND EXISTS (SELECT FROM recorded)
    RETURNING used INTO v_used;
    RETURN v_used;
END $$;
CREATE PROCEDURE forget_hashed(p_before timestamptz) LANGUAGE plpgsql AS $$
DECLARE v_found bigint;
BEGIN
    FOR n IN 0 .. 15 LOOP
        LOOP
            EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY (ARRAY('
                'SELECT ctid FROM %1$I WHERE recorded_at < $1 ORDER BY recorded_at LIMIT 5000))', 'hashed_' || n)
                USING p_before;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            EXIT WHEN v_found = 0;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
