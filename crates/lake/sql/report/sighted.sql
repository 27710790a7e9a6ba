-- How many sources scanned or probed in the regions, with the tools and on the days that a session keeps.
SELECT count(DISTINCT src) AS sources FROM sources
WHERE day BETWEEN $first AND $last AND src IS NOT NULL AND kind IN ('scan', 'probe') AND {among}
