"""Runs one query of one peer once, and prints what it gave as one JSON line.

    python run.py CONTENDER EVENTS THREADS < QUERY

CONTENDER is the name of the query's file: `duckdb`, `clickhouse`, `polars`, `datafusion`, `datafusion-tuned` (whose
session pushes filters down, in the order in which they stand). EVENTS is a glob of Parquet files or one NDJSON file.
The line holds `version`, `seconds` (the query alone, without the start of Python and of the engine), the largest
`peak_memory_bytes` of the process, mapped files included, and `rows` as lists of values.
"""

import datetime
import json
import resource
import sys
import time


def duckdb(query, events, threads, tuned):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET TimeZone = 'UTC'")
    return duckdb.__version__, lambda: connection.execute(query).fetchall()


def clickhouse(query, events, threads, tuned):
    import chdb
    from chdb import session

    connection = session.Session()
    settings = f" SETTINGS max_threads = {threads}, output_format_json_quote_64bit_integers = 0"

    def run():
        return json.loads(str(connection.query(query + settings, "JSONCompact")))["data"]

    return chdb.__version__, run


def datafusion(query, events, threads, tuned):
    import datafusion as df
    import pyarrow as pa

    config = df.SessionConfig().with_target_partitions(threads)
    if tuned:
        config = config.set("datafusion.execution.parquet.pushdown_filters", "true")
        config = config.set("datafusion.execution.parquet.reorder_filters", "false")
    context = df.SessionContext(config)
    if events.endswith(".ndjson"):
        text = pa.string()
        fields = [("host", ["name"]), ("event", ["type", "action"]), ("process", ["name", "executable"])]
        fields += [("destination", ["ip"]), ("agent", ["id"])]
        structs = [(name, [(part, text) for part in parts]) for name, parts in fields]
        structs[0][1].append(("os", pa.struct([("type", text)])))
        with open(events) as lines:
            listed = isinstance(json.loads(lines.readline())["event"]["type"], list)
        structs[1][1][0] = ("type", pa.list_(text) if listed else text)
        schema = pa.schema([(name, pa.struct(parts)) for name, parts in structs])
        context.register_json("events", events, schema=schema, file_extension=".ndjson")
    else:
        # A folder of folders is registered as such: this session reads no glob.
        root = events.split("*")[0]
        columns = [("date", pa.string())] if "*" in events else []
        context.register_parquet("events", root, table_partition_cols=columns)

    def run():
        batches = context.sql(query).collect()
        return [list(row.values()) for batch in batches for row in batch.to_pylist()]

    return df.__version__, run


def polars(query, events, threads, tuned):
    import os

    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    def run():
        names = {"pl": pl}
        exec(query, names)
        return names["result"].collect(engine="streaming").rows()

    return pl.__version__, run


def plain(value):
    if isinstance(value, (list, tuple)):
        return sorted(plain(each) for each in value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def main():
    contender, events, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    engine, _, form = contender.partition("-")
    version, run = globals()[engine](sys.stdin.read(), events, threads, form == "tuned")
    start = time.perf_counter()
    rows = run()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows = [[plain(value) for value in row] for row in rows]
    print(json.dumps({"version": version, "seconds": seconds, "peak_memory_bytes": peak, "rows": rows}))


main()
