-- What was observed each day: sensors that showed any sign of life, and the sum of their up-times in days.
SELECT day, count(DISTINCT sensor) AS sensors, sum(slot_secs(slots)) / 86400.0 AS sensor_days,
       sum(seen) AS seen, sum(kept) AS kept, sum(unreadable) AS unreadable
FROM (
    SELECT day, hour, sensor, bit_or(up_slots) AS slots,
           sum(seen) AS seen, sum(kept) AS kept, sum(unreadable) AS unreadable
    FROM sensors WHERE day BETWEEN $first AND $last {filter}
    GROUP BY day, hour, sensor
)
GROUP BY day ORDER BY day
