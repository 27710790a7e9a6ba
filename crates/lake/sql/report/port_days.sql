-- Packets and distinct sources of the busiest ports, day by day at each sensor.
WITH largest AS (
    SELECT proto, dst_port FROM ports WHERE day BETWEEN $first AND $last
    GROUP BY proto, dst_port HAVING sum(packets) >= $packets_min
    ORDER BY sum(packets) DESC, proto, dst_port LIMIT $limit
)
SELECT p.day, p.sensor, p.proto, p.dst_port, sum(p.packets) AS packets, sum(p.hosts) AS sources
-- Null is a port like any other here; a plain equality is what the engine joins fast.
FROM ports AS p JOIN largest AS l
  ON p.proto = l.proto AND coalesce(CAST(p.dst_port AS INT), -1) = coalesce(CAST(l.dst_port AS INT), -1)
WHERE p.day BETWEEN $lead_in AND $last
GROUP BY p.day, p.sensor, p.proto, p.dst_port ORDER BY p.proto, p.dst_port, p.day, p.sensor
