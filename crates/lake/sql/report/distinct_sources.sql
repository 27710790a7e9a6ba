-- Distinct source addresses of a period.
SELECT (SELECT count(DISTINCT src) FROM sources WHERE day BETWEEN $first AND $last)
     + (SELECT count(DISTINCT src6) FROM sources WHERE day BETWEEN $first AND $last) AS sources
