-- The period of a window in which a moment lies, by UTC. A billing period is reckoned on, or back, from one that is
-- known: a renewal may not be decided yet, and use may be told late.
CREATE FUNCTION tenure_period(
    p_per text, p_at timestamptz, p_start timestamptz, p_end timestamptz, p_every text,
    OUT starts timestamptz, OUT ends timestamptz
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    window_of text := p_per;
    one interval;
    first timestamp := p_start AT TIME ZONE 'UTC';
    last timestamp := p_end AT TIME ZONE 'UTC';
    n int := 0;
BEGIN
    IF p_per = 'gauge' THEN
        starts := 'epoch';
        RETURN;
    END IF;
    IF p_per = 'billing_period' THEN
        IF p_start IS NULL THEN
            window_of := 'month';
        ELSE
            starts := p_start;
            ends := p_end;
            IF p_at >= p_start AND p_at < p_end THEN
                RETURN;
            END IF;
            -- What begins on the 31st ends on the 28th of February, and the next on the 31st of March: both ends of a
            -- regular period tell the day, the later one of the two is the true one.
            one := ('1 ' || p_every)::interval;
            IF p_at >= p_end THEN
                IF first + one = last AND extract(day FROM first) > extract(day FROM last) THEN
                    last := first;
                    n := 1;
                END IF;
                WHILE ends <= p_at LOOP
                    n := n + 1;
                    starts := ends;
                    ends := (last + n * one) AT TIME ZONE 'UTC';
                END LOOP;
            ELSE
                IF last - one = first AND extract(day FROM last) > extract(day FROM first) THEN
                    first := last;
                    n := 1;
                END IF;
                WHILE starts > p_at LOOP
                    n := n + 1;
                    ends := starts;
                    starts := (first - n * one) AT TIME ZONE 'UTC';
                END LOOP;
            END IF;
            RETURN;
        END IF;
    END IF;
    starts := date_trunc(window_of, p_at, 'UTC');
    ends := (starts AT TIME ZONE 'UTC' + ('1 ' || window_of)::interval) AT TIME ZONE 'UTC';
END
$$
