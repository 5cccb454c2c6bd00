-- Drops the months of the log of usage that ended so long ago, and returns how many. As the owner of the tables: workers
-- call it. What is locked stays until the next call, because all usage waits behind this one.
CREATE OR REPLACE FUNCTION tenure_drop_usage_partitions(p_age interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '500ms' AS $$
DECLARE
    v_name text;
    v_dropped integer := 0;
BEGIN
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_log'::regclass AND c.relname ~ '^usage_log_\d{4}_\d{2}$'
            AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= now() - p_age
        ORDER BY c.relname
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE %I', v_name);
            v_dropped := v_dropped + 1;
        EXCEPTION WHEN lock_not_available THEN RETURN v_dropped;
        END;
    END LOOP;
    RETURN v_dropped;
END
$$
