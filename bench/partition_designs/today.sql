-- One table, whose old rows are deleted in batches.
CREATE TABLE today OF event (PRIMARY KEY (tenant, key));
CREATE INDEX ON today (recorded_at);
CREATE PROCEDURE fill_today(p_from timestamptz, p_to timestamptz, p_rows bigint) LANGUAGE sql AS $$
    INSERT INTO today
    SELECT e.*
    FROM generate_series(1, p_rows) n,
        an_event('c' || n % 1000, gen_random_uuid()::text, p_from + n * (p_to - p_from) / p_rows) e
$$;
CREATE FUNCTION use_today(p_customer text, p_key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_used bigint;
BEGIN
    WITH recorded AS (
        INSERT INTO today SELECT * FROM an_event(p_customer, p_key, statement_timestamp()) ON CONFLICT DO NOTHING
        RETURNING key
    )
    UPDATE counters SET used = used + 1 WHERE customer = p_customer AND EXISTS (SELECT FROM recorded)
    RETURNING used INTO v_used;
    RETURN v_used;
END $$;
CREATE PROCEDURE forget_today(p_before timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        DELETE FROM today WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM today WHERE recorded_at < p_before ORDER BY recorded_at LIMIT 5000));
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END $$;
