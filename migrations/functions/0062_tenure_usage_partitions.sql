-- Makes the partitions of the log of usage for this month and p_months after it, where there are none. As the owner of
-- the tables: workers call it too. A month that has begun without one stays in the default partition. It waits for
-- locks only briefly, because all usage waits behind it: the next call makes what this one has not.
CREATE OR REPLACE FUNCTION tenure_usage_partitions(p_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '500ms' AS $$
DECLARE
    v_month timestamp;
    v_name text;
    v_made integer := 0;
BEGIN
    FOR v_number IN 0 .. p_months LOOP
        v_month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => v_number);
        v_name := 'usage_log_' || to_char(v_month, 'YYYY_MM');
        CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I (LIKE usage_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
            EXECUTE format('CREATE UNIQUE INDEX %I ON %I (tenant, key)', v_name || '_key', v_name);
            -- By this an export and an erasure find what one customer has used.
            EXECUTE format('CREATE INDEX %I ON %I (tenant, customer)', v_name || '_customer', v_name);
            -- Read and written through the log alone, whose policies hold. But a dump reads each month by itself, as the
            -- owner, who without a policy would see nothing, and be told nothing. No role is granted anything here.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', v_name);
            EXECUTE format('CREATE POLICY every_tenant ON %I FOR SELECT TO tenure_system USING (true)', v_name);
            EXECUTE format('ALTER TABLE usage_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', v_name,
                v_month AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
            v_made := v_made + 1;
        EXCEPTION
            -- Its rows are in the default partition already; somebody reads the log; another process is making it.
            WHEN check_violation OR lock_not_available OR duplicate_table OR unique_violation THEN NULL;
        END;
    END LOOP;
    RETURN v_made;
END
$$
