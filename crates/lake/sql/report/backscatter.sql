-- Backscatter of likely victims in bins of ten seconds: replies to packets that somebody sent in our name.
WITH victims AS (
    SELECT coalesce(victim, src) AS host, proto FROM packets
    WHERE day BETWEEN $first AND $last AND kind = 'backscatter' AND coalesce(victim, src) IS NOT NULL
    GROUP BY coalesce(victim, src), proto HAVING count(*) >= $packets_min
)
SELECT coalesce(p.victim, p.src) AS host, p.proto, p.src_port, p.sensor, min(p.region) AS region,
       CAST(date_part('epoch', date_bin(INTERVAL '10 seconds', p.time)) AS BIGINT) AS bin,
       count(*) AS packets
FROM packets AS p JOIN victims AS v ON coalesce(p.victim, p.src) = v.host AND p.proto = v.proto
WHERE p.day BETWEEN $first AND $last AND p.kind = 'backscatter'
GROUP BY 1, p.proto, p.src_port, p.sensor, 6 ORDER BY host, proto, bin, sensor, src_port
