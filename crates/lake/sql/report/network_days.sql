-- Packets and distinct sources of the busiest autonomous systems, day by day at each sensor; and over the sources the sum
-- of packets times packets less one, which says how few of them sent how much.
SELECT day, sensor, asn, packets, sources, pairs FROM (
    SELECT *, dense_rank() OVER (ORDER BY total DESC, asn) AS place FROM (
        SELECT *, sum(CASE WHEN day >= $first THEN packets ELSE 0 END) OVER (PARTITION BY asn) AS total FROM (
            SELECT day, sensor, asn, sum(packets) AS packets, sum(sensor_host) AS sources,
                sum(CAST(packets AS DOUBLE) * (CAST(packets AS DOUBLE) - 1)) AS pairs
            FROM sources WHERE day BETWEEN $lead_in AND $last AND asn IS NOT NULL
            GROUP BY day, sensor, asn
        )
    )
)
WHERE place <= $limit AND total > 0 ORDER BY asn, day, sensor
