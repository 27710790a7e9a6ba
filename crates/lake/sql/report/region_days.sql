-- Packets of each source region, day by day at each sensor.
SELECT day, sensor, region, sum(packets) AS packets
FROM daily WHERE day BETWEEN $lead_in AND $last {filter}
GROUP BY day, sensor, region ORDER BY region, day, sensor
