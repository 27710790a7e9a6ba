-- Packets and distinct sources of the busiest autonomous systems, day by day at each sensor.
WITH largest AS (
    SELECT asn FROM sources WHERE day BETWEEN $first AND $last AND asn IS NOT NULL
    GROUP BY asn ORDER BY sum(packets) DESC, asn LIMIT $limit
)
SELECT s.day, s.sensor, s.asn, sum(s.packets) AS packets, sum(s.sensor_host) AS sources
FROM sources AS s JOIN largest AS l ON s.asn = l.asn
WHERE s.day BETWEEN $lead_in AND $last
GROUP BY s.day, s.sensor, s.asn ORDER BY s.asn, s.day, s.sensor
