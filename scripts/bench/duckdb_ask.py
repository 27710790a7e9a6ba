"""Asks DuckDB one question over a lake's files: `duckdb_ask.py FOLDER THREADS SQL` prints the seconds, then the rows as JSON."""

import json
import sys
import time

import duckdb

folder, threads, sql = sys.argv[1:]
connection = duckdb.connect(config={"threads": int(threads)})
connection.execute(f"SET TimeZone = 'UTC'; CREATE VIEW packets AS FROM read_parquet('{folder}/packets/*/*.parquet', hive_partitioning = true)")
begun = time.perf_counter()
rows = connection.execute(sql).fetchall()
secs = time.perf_counter() - begun
print(json.dumps({"secs": secs, "rows": [[str(cell) for cell in row] for row in rows]}))
