"""The statements for counting and reading usage. The rest is in `migrations/functions`.

Each takes tenant, catalog, free plan, and the entitlements of limited and suspended access as `$1` to `$5`.
"""

_GIVEN = "$1, $6, $2, $3, $4, $5"
_STARTS = (
    "CASE WHEN p.per = 'billing_period' AND s.period_start IS NOT NULL THEN s.period_start"
    " ELSE tenure_calendar(p.per, s.moment) END"
)

STANDING = (
    f"SELECT s.*, c.* FROM tenure_standing({_GIVEN}) s CROSS JOIN LATERAL ("  # noqa: S608 - parts of our own
    " SELECT array_agg(u.feature) AS features, array_agg(u.used) AS used, array_agg(u.period_start) AS starts,"
    " array_agg(u.over_since) AS over_since"
    " FROM plan_limits p JOIN usage u ON u.tenant = $1 AND u.customer = $6 AND u.feature = p.feature"
    f" AND u.period_start = {_STARTS}"
    " WHERE p.catalog = s.catalog AND p.plan = s.counted_by_plan) c"
)
"""The state of the customer `$6`, and the counters of the current periods."""

# The common case: usage now, of a meter with one feature, by a customer with full access or the free plan, and far from
# the limit. There is nothing to notify or bill, and no threshold to cross. This statement counts it at a lower cost
# than the function, which handles every case and decides independently of what was read here. The counter is locked
# when it is read, so the decision holds; a known key leaves it unchanged.
USE = (
    "WITH s AS MATERIALIZED ("
    " SELECT statement_timestamp() AS moment, c.id::text AS customer_id,"
    " b.subscription, b.status, b.access, b.own_plan,"
    " CASE WHEN b.is_live THEN 'plan' ELSE 'free_plan' END AS basis, p.plan, p.catalog, p.revision,"
    " CASE WHEN b.is_live THEN b.quantity ELSE 1 END AS quantity, b.period_start, b.period_end,"
    " b.billed_every IS NOT NULL AND b.has_agreement AND b.status IN ('active', 'past_due') AS is_billed,"
    " CASE WHEN b.is_live THEN b.by_use END AS by_use, b.billed_every, p.feature, p.included,"
    " u.used, u.starts,"
    " CASE WHEN p.per = 'billing_period' AND b.period_start IS NOT NULL THEN b.period_end ELSE u.ends END AS ends,"
    " CASE WHEN p.hard = 100 THEN p.included WHEN p.included IS NULL OR p.hard IS NULL THEN NULL"
    " ELSE least(div(p.included * p.hard::numeric, 100), 9223372036854775807)::bigint END AS ceiling"
    " FROM (SELECT) one LEFT JOIN customers c ON c.tenant = $1 AND c.external_id = $6"
    " LEFT JOIN LATERAL ("
    "  SELECT s.id::text AS subscription, s.status, s.access, s.plan AS own_plan, s.catalog, s.add_ons, s.quantity,"
    "  s.by_use, s.agreement_ref <> '' AS has_agreement, f.is_live,"
    "  CASE WHEN s.amount > 0 AND f.is_live THEN s.interval END AS billed_every,"
    "  CASE WHEN s.amount > 0 AND f.is_live THEN coalesce(s.period_start, s.created_at) END AS period_start,"
    "  CASE WHEN s.amount > 0 AND f.is_live THEN coalesce(s.period_end, s.trial_ends_at) END AS period_end"
    "  FROM subscriptions s CROSS JOIN LATERAL (SELECT s.status <> 'canceled' AND (s.status <> 'trialing'"
    "   OR s.trial_ends_at IS NOT NULL OR s.agreement_ref <> '') AS is_live) f"
    "  WHERE s.customer = c.id ORDER BY (s.status = 'canceled'), s.created_at DESC LIMIT 1"
    " ) b ON true"
    " JOIN plan_limits p ON p.meter = $7 AND p.catalog = CASE WHEN b.is_live THEN b.catalog ELSE $2 END"
    "  AND p.plan = CASE WHEN b.is_live THEN b.own_plan ELSE $3 END"
    " CROSS JOIN LATERAL ("
    "  SELECT c.used, c.period_start AS starts, c.period_end AS ends FROM usage c"
    "  WHERE c.tenant = $1 AND c.customer = $6 AND c.feature = p.feature AND c.period_start ="
    "  CASE WHEN p.per = 'billing_period' AND b.period_start IS NOT NULL THEN b.period_start"
    "  ELSE tenure_calendar(p.per, statement_timestamp()) END FOR UPDATE"
    " ) u"
    " WHERE $8 IN ('consume', 'record') AND $11::timestamptz IS NULL"
    " AND (b.is_live IS NOT TRUE OR (b.access = 'full' AND b.add_ons = '{}'"
    "  AND (b.period_end > statement_timestamp()) IS NOT FALSE))"
    " AND NOT p.is_one_of_several AND NOT p.per_unit AND (p.overage_price IS NULL OR b.by_use IS NULL)"
    " AND (p.included IS NULL"
    "  OR (u.used + $9::bigint) * 100::numeric < least(p.mails[1], p.hard, 100) * p.included::numeric)"
    "), e AS ("
    " INSERT INTO usage_events (tenant, key, customer, meter, action, quantity, at, catalog, reason, actor, features,"
    " starts) SELECT $1, $10, $6, $7, $8, $9, s.moment, s.catalog, $12, $13, ARRAY[s.feature], ARRAY[s.starts] FROM s"
    " ON CONFLICT DO NOTHING RETURNING key"
    "), counted AS ("
    " UPDATE usage c SET used = s.used + $9, over_since = NULL, period_end = s.ends, updated_at = s.moment,"
    " noticed = 0, noticed_of = s.included FROM s WHERE c.tenant = $1 AND c.customer = $6"
    " AND c.feature = (SELECT s.feature FROM s) AND c.period_start = (SELECT s.starts FROM s)"
    " AND EXISTS (SELECT FROM e)"
    " RETURNING 'counted' AS outcome, s.moment, s.customer_id, s.subscription, s.status, s.access, s.own_plan, s.basis,"
    " s.plan, s.catalog, s.revision, NULL::jsonb AS add_ons, s.quantity, s.period_start, s.period_end, s.is_billed,"
    " s.by_use, s.billed_every, false AS noticed, s.feature, s.included, s.ceiling, s.used AS before,"
    " c.used, s.starts, s.ends, c.over_since"
    ")"
    " SELECT * FROM counted UNION ALL SELECT * FROM tenure_use($1, $6, $7, $8, $9, $10, $11, $12, $13, $2, $3, $4, $5)"
    " WHERE NOT EXISTS (SELECT FROM counted)"
)
"""One usage event: customer, meter, action, quantity, key, time, reason and actor are `$6` to `$13`."""

# Ordered by customer, meter and time, so that two batches hardly ever wait for each other.
USE_ALL = (
    "SELECT number, (counted).* FROM ("
    " SELECT e.number, tenure_use($1, e.customer, e.meter, e.action, e.quantity, e.key, e.at, e.reason, e.actor,"
    " $2, $3, $4, $5) AS counted"
    " FROM (SELECT * FROM unnest($6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[],"
    " $12::text[], $13::text[])"
    " WITH ORDINALITY AS given (customer, meter, action, quantity, key, at, reason, actor, number)"
    " ORDER BY customer, meter, coalesce(at, statement_timestamp()), number) e"
    ") each"
)
"""Many usage events: the same as arrays."""

GIVE_BACK = "SELECT * FROM tenure_give_back($1, $6, $7, $8, $9, $2, $3, $4, $5)"
"""A reverted usage event: customer, names of the meter, key, and the quantity if given are `$6` to `$9`."""
