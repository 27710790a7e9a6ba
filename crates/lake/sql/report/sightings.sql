-- On which days each source scanned or probed, with its region and tool, as bits of 64-bit words: bit n of word m is day
-- 64 m + n from the first. Of a source's rows of one day, that with a tool comes first. {only} bounds it to some sources.
SELECT src, region, tool, {words}
FROM sources
WHERE day BETWEEN $first AND $last AND src IS NOT NULL AND kind IN ('scan', 'probe') {only}
GROUP BY src, region, tool
ORDER BY src, tool NULLS LAST, region
