-- The busiest ports of each sensor, and how many packets it saw in all.
WITH summed AS (
    SELECT sensor, proto, dst_port, sum(packets) AS packets
    FROM ports WHERE day BETWEEN $first AND $last
    GROUP BY sensor, proto, dst_port
), ranked AS (
    SELECT sensor, proto, dst_port, packets, sum(packets) OVER (PARTITION BY sensor) AS total,
           row_number() OVER (PARTITION BY sensor ORDER BY packets DESC, proto, dst_port) AS rank
    FROM summed
)
SELECT sensor, proto, dst_port, packets, rank, total FROM ranked WHERE rank <= $limit ORDER BY sensor, rank
