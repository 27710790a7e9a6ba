-- When each sensor observed, day by day (part of the day it was up), and what it read, kept and lost.
SELECT day, sensor, sum(slot_secs(slots)) / 86400.0 AS up, sum(seen) AS seen, sum(kept) AS kept,
       sum(unreadable) AS unreadable, sum(dropped) AS dropped
FROM (
    SELECT day, hour, sensor, bit_or(up_slots) AS slots, sum(seen) AS seen, sum(kept) AS kept,
           sum(unreadable) AS unreadable, sum(coalesce(dropped_kernel, 0) + coalesce(dropped_spool, 0)) AS dropped
    FROM sensors WHERE day BETWEEN $lead_in AND $last
    GROUP BY day, hour, sensor
)
GROUP BY day, sensor ORDER BY day, sensor
