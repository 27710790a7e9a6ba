-- Distinct source addresses of a period.
SELECT (SELECT count_addresses(src) FROM sources WHERE day BETWEEN $first AND $last)
     + (SELECT count_addresses(src6) FROM sources WHERE day BETWEEN $first AND $last AND src6 IS NOT NULL) AS sources
