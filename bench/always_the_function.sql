-- What record_use.sql does for events that are not plain, for all of them.
SELECT * FROM tenure_count_uses(
    $1, $2, $3, $4, $5, ARRAY[$6], ARRAY[$7], ARRAY[$8], ARRAY[$9::bigint], ARRAY[$10], ARRAY[$11::timestamptz],
    ARRAY[$12], ARRAY[$13]
)
