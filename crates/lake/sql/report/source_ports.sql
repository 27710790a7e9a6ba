-- Which of some ports each source tried in the last days of a period: for ports that go together.
SELECT DISTINCT src, proto, dst_port FROM packets
WHERE day BETWEEN $first AND $last AND src IS NOT NULL AND dst_port IS NOT NULL {filter}
ORDER BY src, proto, dst_port
