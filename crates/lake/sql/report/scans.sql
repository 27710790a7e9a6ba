-- What each source sent to each port at each sensor, day by day: when, in which hours (a bit each, UTC), how much.
SELECT src, min(region) AS region, min(tool) AS tool, kind, proto, dst_port, sensor, day,
       CAST(date_part('epoch', min(time)) AS BIGINT) AS first_secs,
       CAST(date_part('epoch', max(time)) AS BIGINT) AS last_secs,
       bit_or(CAST(1 AS BIGINT) << CAST(date_part('hour', time) AS BIGINT)) AS hours, count(*) AS packets
FROM packets
WHERE day BETWEEN $first AND $last AND src IS NOT NULL AND kind IN ('scan', 'probe') {sample}
GROUP BY src, kind, proto, dst_port, sensor, day
