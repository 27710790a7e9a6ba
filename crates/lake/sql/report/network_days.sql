-- Packets and distinct sources of the busiest autonomous systems, day by day at each sensor.
SELECT day, sensor, asn, packets, sources FROM (
    SELECT *, dense_rank() OVER (ORDER BY total DESC, asn) AS place FROM (
        SELECT *, sum(CASE WHEN day >= $first THEN packets ELSE 0 END) OVER (PARTITION BY asn) AS total FROM (
            SELECT day, sensor, asn, sum(packets) AS packets, sum(sensor_host) AS sources
            FROM sources WHERE day BETWEEN $lead_in AND $last AND asn IS NOT NULL
            GROUP BY day, sensor, asn
        )
    )
)
WHERE place <= $limit AND total > 0 ORDER BY asn, day, sensor
