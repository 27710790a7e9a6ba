-- When each sensor observed, day by day (part of the day it was up), and what it read, kept, lost and, while it was not
-- running, missed at most.
SELECT day, sensor, sum(slot_secs(slots)) / 86400.0 AS up, sum(seen) AS seen, sum(kept) AS kept,
       sum(unreadable) AS unreadable, sum(dropped_kernel) AS dropped_kernel, sum(dropped_spool) AS dropped_spool,
       sum(missed) AS missed, max(skew) AS clock_skew_us
FROM (
    SELECT day, hour, sensor, bit_or(up_slots) AS slots, sum(seen) AS seen, sum(kept) AS kept,
           sum(unreadable) AS unreadable, sum(dropped_kernel) AS dropped_kernel, sum(dropped_spool) AS dropped_spool,
           sum(missed) AS missed, max(clock_skew_us) AS skew
    FROM sensors WHERE day BETWEEN $lead_in AND $last
    GROUP BY day, hour, sensor
)
GROUP BY day, sensor ORDER BY day, sensor
