-- Packets that bear each tool's mark, day by day at each sensor.
SELECT day, sensor, mark, sum(packets) AS packets
FROM daily WHERE day BETWEEN $lead_in AND $last AND mark IS NOT NULL
GROUP BY day, sensor, mark ORDER BY mark, day, sensor
