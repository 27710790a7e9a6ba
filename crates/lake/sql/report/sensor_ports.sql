-- The busiest ports of each sensor.
WITH ranked AS (
    SELECT sensor, proto, dst_port, sum(packets) AS packets,
           row_number() OVER (PARTITION BY sensor ORDER BY sum(packets) DESC, proto, dst_port) AS rank
    FROM ports WHERE day BETWEEN $first AND $last
    GROUP BY sensor, proto, dst_port
)
SELECT sensor, proto, dst_port, packets, rank FROM ranked WHERE rank <= $limit ORDER BY sensor, rank
