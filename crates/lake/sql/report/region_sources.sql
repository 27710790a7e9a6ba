-- Distinct sources of each region, day by day at each sensor.
SELECT day, sensor, region, {hosts} AS sources
FROM {sources}
GROUP BY day, sensor, region ORDER BY region, day, sensor
