-- Whatever is recorded among the events, by whichever release, is logged first: the key is unique there. A known one is
-- not recorded again.
CREATE OR REPLACE FUNCTION tenure_log_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_border timestamptz := tenure_usage_border(NEW.recorded_at);
BEGIN
    IF v_border IS NOT NULL THEN
        INSERT INTO usage_border_keys (tenant, border, digest)
            VALUES (NEW.tenant, v_border, sha256(convert_to(NEW.key, 'UTF8'))) ON CONFLICT DO NOTHING;
    END IF;
    IF EXISTS (SELECT FROM usage_log l WHERE l.tenant = NEW.tenant AND l.key = NEW.key) THEN
        RETURN NULL;
    END IF;
    INSERT INTO usage_log (tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, reason, actor,
                           features, starts, given_back)
        VALUES (NEW.tenant, NEW.key, NEW.customer, NEW.meter, NEW.action, NEW.quantity, NEW.at, NEW.recorded_at,
                NEW.catalog, NEW.reason, NEW.actor, NEW.features, NEW.starts, NEW.given_back)
        ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN NEW END;
END
$$
