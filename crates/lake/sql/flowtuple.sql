-- FlowTuple as STARDUST lays it out: one row a minute and 8-tuple. Fields we do not have are 0 or empty
-- (no second geolocation, no continent); is_spoofed is always 0: see docs/flowtuple.md.
SELECT CAST(date_part('epoch', date_trunc('minute', time)) AS BIGINT) AS time,
       ip(src) AS src_ip, {destination} AS dst_ip,
       coalesce(CAST(src_port AS INT), CAST(icmp_type AS INT), 0) AS src_port,
       coalesce(CAST(dst_port AS INT), CAST(icmp_code AS INT), 0) AS dst_port,
       proto AS protocol, ttl, coalesce(tcp_flags, 0) AS tcp_flags, ip_len,
       max(CASE WHEN tcp_flags & 18 = 2 THEN ip_len ELSE 0 END) AS tcp_synlen,
       max(CASE WHEN tcp_flags & 18 = 2 THEN tcp_window ELSE 0 END) AS tcp_synwinlen,
       count(*) AS packet_cnt, 0 AS is_spoofed,
       max(CASE WHEN mark LIKE 'masscan%' THEN 1 ELSE 0 END) AS is_masscan,
       '' AS maxmind_continent, region AS maxmind_country, '' AS netacq_continent, '' AS netacq_country,
       coalesce(asn, 0) AS prefix2asn
FROM packets
WHERE day BETWEEN $first AND $last AND src IS NOT NULL {filter}
GROUP BY 1, src, dst, 4, 5, proto, ttl, coalesce(tcp_flags, 0), ip_len, region, coalesce(asn, 0)
