-- What record_use.sql does for events that are not plain, for all of them.
SELECT * FROM tenure_use($1, $6, $7, $8, $9, $10, $11, $12, $13, $2, $3, $4, $5)
