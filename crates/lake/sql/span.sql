-- First and last day with anything in the lake.
SELECT CAST(min(day) AS INT) AS first, CAST(max(day) AS INT) AS last FROM sensors
