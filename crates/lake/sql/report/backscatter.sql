-- Backscatter of likely victims in bins of ten seconds; a bin's port is the lowest of those that answered.
SELECT coalesce(p.victim, p.src) AS host, p.proto, min(p.src_port) AS src_port, p.sensor,
       CAST(floor(date_part('epoch', p.time) / 10) AS BIGINT) * 10 AS bin, count(*) AS packets
FROM packets AS p
JOIN (
{victims}
) AS v ON coalesce(p.victim, p.src) = v.host
WHERE p.day BETWEEN $first AND $last AND p.kind = 'backscatter'
GROUP BY coalesce(p.victim, p.src), p.proto, p.sensor, 5
