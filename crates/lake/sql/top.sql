-- Ranking of a period, with rank and value in the period before.
-- {keys}: columns ranked; {value}: what is counted; {table}: where; {filter}: further conditions.
WITH
now AS (
    SELECT {keys}, {value} AS value FROM {table}
    WHERE day BETWEEN $first AND $last {filter} GROUP BY {keys}
),
before AS (
    SELECT {keys}, {value} AS value FROM {table}
    WHERE day BETWEEN $before_first AND $before_last {filter} GROUP BY {keys}
),
ranked AS (
    SELECT *, row_number() OVER (ORDER BY value DESC, {keys}) AS rank, sum(value) OVER () AS total FROM now
),
ranked_before AS (
    SELECT *, row_number() OVER (ORDER BY value DESC, {keys}) AS rank FROM before
)
SELECT r.rank, {shown}, CAST(r.value AS BIGINT) AS value, 100.0 * r.value / r.total AS share,
       CAST(b.rank AS BIGINT) AS rank_before, CAST(b.value AS BIGINT) AS value_before
FROM (SELECT * FROM ranked WHERE rank <= $limit) AS r
LEFT JOIN ranked_before AS b ON {same}
ORDER BY r.rank
