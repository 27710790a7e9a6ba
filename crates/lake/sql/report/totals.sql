-- Everything observed in a period.
SELECT sum(packets) AS packets, sum(bytes) AS bytes FROM ports WHERE day BETWEEN $first AND $last
