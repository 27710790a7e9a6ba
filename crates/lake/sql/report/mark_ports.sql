-- Ports of the traffic with a mark: all packets, those with the mark, and their share in per cent.
SELECT proto, dst_port, sum(packets) AS packets,
       sum(CASE WHEN mark = $mark THEN packets ELSE 0 END) AS marked,
       100.0 * sum(CASE WHEN mark = $mark THEN packets ELSE 0 END) / sum(packets) AS percent
FROM daily WHERE day BETWEEN $first AND $last {filter}
GROUP BY proto, dst_port HAVING sum(CASE WHEN mark = $mark THEN packets ELSE 0 END) > 0
ORDER BY marked DESC, proto, dst_port LIMIT $limit
