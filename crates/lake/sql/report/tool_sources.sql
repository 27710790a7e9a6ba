-- Sources of a tool, with their region.
SELECT src, min(region) AS region FROM sources
WHERE day BETWEEN $first AND $last AND tool = $tool AND src IS NOT NULL
GROUP BY src ORDER BY src
