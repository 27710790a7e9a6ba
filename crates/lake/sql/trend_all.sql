-- One value a day.
-- {value}; {table}; {filter}.
SELECT day, CAST({value} AS BIGINT) AS value FROM {table}
WHERE day BETWEEN $lead_in AND $last {filter}
GROUP BY day ORDER BY day
