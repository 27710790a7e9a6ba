-- Distinct source addresses of a period.
SELECT (SELECT count(DISTINCT src) FROM sources WHERE day BETWEEN $first AND $last AND src IS NOT NULL)
     + (SELECT count(DISTINCT src6) FROM sources WHERE day BETWEEN $first AND $last AND src6 IS NOT NULL) AS sources
