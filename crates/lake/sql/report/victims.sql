-- Hosts with most backscatter: likely victims of somebody who sent in our name.
SELECT host, min(region) AS region, sum(sent) AS packets FROM (
    SELECT src AS host, region, sum(packets) AS sent FROM sources
    WHERE day BETWEEN $first AND $last AND kind = 'backscatter' AND src IS NOT NULL
    GROUP BY src, region
    UNION ALL
    SELECT victim AS host, 'ZZ' AS region, count(*) AS sent FROM packets
    WHERE day BETWEEN $first AND $last AND victim IS NOT NULL
    GROUP BY victim
)
GROUP BY host HAVING sum(sent) >= $packets_min
ORDER BY sum(sent) DESC, host LIMIT $limit
