-- Makes the audit's partitions of this month and of p_months after it; called by every `tenure migrate`. A month that
-- has begun without one stays in the default partition.
CREATE OR REPLACE FUNCTION tenure_audit_partitions(p_months integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_month timestamptz;
    v_name text;
BEGIN
    FOR v_number IN 0..p_months LOOP
        v_month := date_trunc('month', now(), 'UTC') + make_interval(months => v_number);
        v_name := 'audit_' || to_char(v_month AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(v_name) IS NULL THEN
            BEGIN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF audit FOR VALUES FROM (%L) TO (%L)', v_name, v_month,
                    date_trunc('month', v_month + interval '32 days', 'UTC'));
            EXCEPTION WHEN check_violation THEN NULL; -- its rows are in the default partition already
            END;
        END IF;
    END LOOP;
END
$$
