-- What every design counts: one counter of each of a thousand customers.
CREATE TABLE counters (customer text PRIMARY KEY, used bigint NOT NULL) WITH (fillfactor = 70);
INSERT INTO counters SELECT 'c' || n, 0 FROM generate_series(0, 999) n;
CREATE TYPE event AS (
    tenant text, key text, customer text, meter text, action text, quantity bigint, at timestamptz,
    recorded_at timestamptz, catalog text, features text[], starts timestamptz[]
);
CREATE FUNCTION an_event(p_customer text, p_key text, p_at timestamptz) RETURNS SETOF event LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT 'default', p_key, p_customer, 'calls', 'consume', 1::bigint, p_at, p_at, 'bench_v1', ARRAY['calls'],
        ARRAY[date_trunc('month', p_at, 'UTC')]
$$;
