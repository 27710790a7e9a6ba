-- One value a day and key, of the largest keys of a period.
-- {keys}: columns of the series; {shown}: as shown; {value}; {table}; {filter}; {same}: key = key; {order}: keys of the day.
WITH
largest AS (
    SELECT {keys}, {value} AS total FROM {table}
    WHERE day BETWEEN $first AND $last {filter}
    GROUP BY {keys} ORDER BY total DESC, {keys} LIMIT $limit
),
daily AS (
    SELECT day, {keys}, {value} AS amount FROM {table}
    WHERE day BETWEEN $lead_in AND $last {filter}
    GROUP BY day, {keys}
)
SELECT d.day, {shown}, CAST(d.amount AS BIGINT) AS value, CAST(l.total AS BIGINT) AS total_value
FROM daily AS d JOIN largest AS l ON {same}
ORDER BY l.total DESC, {order}, d.day
