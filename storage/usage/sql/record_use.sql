-- One usage event. $1 to $5: tenant, today's catalog, its free plan, and the entitlements of limited and of suspended
-- access. $6 to $13: customer, meter, action, quantity, key, time, reason and actor.
SELECT * FROM tenure_count_use($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
