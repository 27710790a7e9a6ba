-- Packets of research scanners, day by day at each sensor; `addresses` are those of the day, added up over the sensors.
SELECT day, sensor, scanner, sum(packets) AS packets, sum(host) AS addresses
FROM sources WHERE day BETWEEN $lead_in AND $last AND scanner IS NOT NULL
GROUP BY day, sensor, scanner ORDER BY scanner, day, sensor
