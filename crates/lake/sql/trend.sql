-- One value a day (or hour) and key.
-- {time}: day or hour; {keys}: columns of the series, may be none; {value}; {table}; {filter}.
SELECT {time} AS time, {keys} {value} AS value FROM {table}
WHERE day BETWEEN $first AND $last {filter}
GROUP BY {group}
ORDER BY {group}
