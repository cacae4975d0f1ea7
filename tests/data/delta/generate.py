"""Writes the Delta tables in this folder, and beside each version of each the rows that other readers find in it.

    pip install deltalake==1.6.6 pyarrow==26.0.1 pyroaring chdb
    python generate.py [FOLDER OF DUCKDB WITH ITS EXTENSION]

What `deltalake` can write it writes. It writes no deletion vectors and no renamed columns: those commits are made here,
as https://github.com/delta-io/delta/blob/master/PROTOCOL.md says. The rows are those that `deltalake` reads; of the
latest version ClickHouse (`chdb`) and DuckDB with its extension `delta` (`duckdb-ext-delta==1.4.4.20260205`, which wants
another `duckdb`, so that it runs as a program of its own) must find the same. What they are known to read otherwise is
told where it is.
"""

import base64
import datetime
import decimal
import glob
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import uuid
import zlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pyroaring import BitMap

HERE = pathlib.Path(__file__).resolve().parent
EVENTS = HERE.parent.parent.parent / "data" / "events.parquet"
UTC = datetime.timezone.utc


def at(hour, minute=0, second=0, micros=0):
    return datetime.datetime(2026, 10, 1, hour, minute, second, micros, UTC)


def commit(table, *actions):
    """Adds a commit to a table's log."""
    log = HERE / table / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    version = len(list(log.glob("*.json")))
    text = "".join(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
    (log / f"{version:020}.json").write_text(text)
    return version


def actions(table, version):
    return [json.loads(line) for line in (HERE / table / "_delta_log" / f"{version:020}.json").read_text().splitlines()]


def adds(table):
    """The files of a table's log, those of later commits for those of earlier ones."""
    found = {}
    for version in range(len(list((HERE / table / "_delta_log").glob("*.json")))):
        for action in actions(table, version):
            if "add" in action:
                found[action["add"]["path"]] = action["add"]
            if "remove" in action:
                found.pop(action["remove"]["path"], None)
    return found


# Deletion vectors ----------------------------------------------------------------------------------------------------

B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def z85(data):
    data += b"\0" * (-len(data) % 4)
    return base64.b85encode(data).decode().translate(str.maketrans(B85, Z85))


def bitmap(rows):
    """Rows as a 64 bit roaring bitmap in the portable format, after its magic number."""
    parts = {}
    for row in rows:
        parts.setdefault(row >> 32, []).append(row & 0xFFFFFFFF)
    data = struct.pack("<IQ", 1681511377, len(parts))
    for high in sorted(parts):
        data += struct.pack("<I", high) + BitMap(parts[high]).serialize()
    return data


def inline(rows):
    data = bitmap(rows)
    return {"storageType": "i", "pathOrInlineDv": z85(data), "sizeInBytes": len(data), "cardinality": len(rows)}


def in_file(table, prefix, *several):
    """The vectors of several files in one file of a table, in a folder of this name if it has one."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{table} {prefix} {several}")
    folder = HERE / table / prefix
    folder.mkdir(parents=True, exist_ok=True)
    content = b"\1"
    vectors = []
    for rows in several:
        data = bitmap(rows)
        vectors.append({"storageType": "u", "pathOrInlineDv": prefix + z85(name.bytes), "offset": len(content),
                        "sizeInBytes": len(data), "cardinality": len(rows)})
        content += struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))
    (folder / f"deletion_vector_{name}.bin").write_bytes(content)
    return vectors


def without(add, vector):
    """The actions that replace a file by itself without the rows of a vector."""
    stats = json.loads(add["stats"])
    stats["tightBounds"] = False
    remove = {"path": add["path"], "deletionTimestamp": 0, "dataChange": True}
    if "deletionVector" in add:
        remove["deletionVector"] = add["deletionVector"]
    new = {**add, "stats": json.dumps(stats), "deletionVector": vector}
    return {"remove": remove}, {"add": {key: value for key, value in new.items() if value is not None}}


def own_file(table, name, data, statistics=True, **options):
    """A file of a table that no writer of Delta wrote, and what the log says of it."""
    path = HERE / table / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(data, path, **options)
    stats = {"numRecords": data.num_rows}
    if statistics:
        for key, of in ("minValues", pc.min), ("maxValues", pc.max), ("nullCount", lambda column: column.null_count):
            stats[key] = {}
            for column in data.column_names:
                if not pa.types.is_nested(data[column].type):
                    value = of(data[column])
                    stats[key][column] = value if isinstance(value, int) else plain(value.as_py(), True)
    return {"path": name, "partitionValues": {}, "size": path.stat().st_size, "modificationTime": 1790812800000,
            "dataChange": True, "stats": json.dumps(stats)}


# Rows ----------------------------------------------------------------------------------------------------------------


def plain(value, cut=False):
    """A value as JSON has it: instants in UTC with milliseconds, which `cut` says that statistics have."""
    if isinstance(value, datetime.datetime):
        value = value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
        text = value.isoformat(timespec="milliseconds" if cut or value.microsecond % 1000 == 0 else "microseconds")
        return text.replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat() if cut else value.isoformat() + "T00:00:00.000Z"
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def flat(row, above=""):
    """A row under dotted names, without what is null; of a list of structs each member is a list, one value none."""
    found = {}
    for name, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {key: [item[key] for item in value if item.get(key) is not None] for key in value[0]}
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict):
            found.update(flat(value, f"{above}{name}."))
        elif value is not None and value != []:
            found[above + name] = plain(value)
    return found


def lines(table):
    """The rows of a table, or of a list, in one order."""
    rows = table if isinstance(table, list) else table.to_pylist()
    rows = [json.dumps(flat(row), sort_keys=True, ensure_ascii=False) for row in rows]
    return "".join(row + "\n" for row in sorted(rows))


DUCKDB = """
import sys, duckdb, pyarrow as pa
folder, table, version, out = sys.argv[1:]
db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
db.execute("SET TimeZone='UTC'")
db.execute(f"LOAD '{folder}/delta.duckdb_extension'")
found = db.execute(f"SELECT * FROM delta_scan('{table}'{version})").fetch_arrow_table()
with pa.OSFile(out, "wb") as file, pa.ipc.new_file(file, found.schema) as writer:
    writer.write_table(found)
"""


def by_duckdb(table):
    extension = glob.glob(sys.argv[1] + "/lib/python*/site-packages/duckdb_ext/extensions/*/*/")[0]
    subprocess.run([sys.argv[1] + "/bin/python", "-c", DUCKDB, extension, table, "", "/tmp/rows.arrow"], check=True)
    with pa.memory_map("/tmp/rows.arrow") as file:
        return pa.ipc.open_file(file).read_all()


def by_clickhouse(table):
    import chdb

    settings = " SETTINGS allow_experimental_delta_kernel_rs=1, session_timezone='UTC'"
    return chdb.query(f"SELECT * FROM deltaLakeLocal('{table}'){settings}", "ArrowTable")


def by_deltalake(place, version):
    table = DeltaTable(place, version=version)
    features = table.protocol()
    if features.min_reader_version == 1:
        return table.to_pyarrow_table()
    # What makes Arrow's data sets of tables knows no mapped columns and no deleted rows.
    return pa.table(QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all())


def expect(table, versions=None, known=None, differing=(), unable=()):
    """Writes the rows of versions, or of the latest one, as deltalake finds them. Where they are `known` all readers must
    find those, but for the `differing` ones, and for those that are `unable` to read them."""
    place = str(HERE / table)
    latest = max(int(pathlib.Path(path).stem) for path in glob.glob(f"{place}/_delta_log/*.json"))
    for version in versions or [latest]:
        readers = [("deltalake", lambda: by_deltalake(place, version))]
        if version == latest:
            readers += [("ClickHouse", lambda: by_clickhouse(place))]
        if version == latest and len(sys.argv) > 1:
            readers += [("DuckDB", lambda: by_duckdb(place))]
        found = {name: lines(read()) for name, read in readers if name not in unable}
        right = lines(known) if known is not None else found["deltalake"]
        for name, rows in found.items():
            same = rows == right
            print(f"{table}@v{version}: {name} finds {'the same' if same else 'OTHER'} {rows.count(chr(10))} rows")
            if same == (name in differing):
                sys.exit("expected otherwise")
        if table != "events":
            (HERE / "expected" / f"{table}@v{version}.ndjson").write_text(right)


# Tables --------------------------------------------------------------------------------------------------------------


def events():
    """The sample in partitions of a generated day, one file removed and not vacuumed, others told by a checkpoint."""
    sample = pq.read_table(EVENTS)
    sample = sample.append_column("date", pc.cast(sample["@timestamp"], pa.date32()))
    place = str(HERE / "events")
    for start in range(0, 3000, 600):
        write_deltalake(place, sample.slice(start, 600), mode="append", partition_by=["date"])
    # Events that are there twice until the second ones are deleted.
    agent = sample.schema.get_field_index("agent.id")
    twice = sample.slice(0, 50).set_column(agent, "agent.id", pa.array(["twice"] * 50))
    write_deltalake(place, twice, mode="append")
    DeltaTable(place).delete("\"agent.id\" = 'twice'")
    DeltaTable(place).create_checkpoint()
    # The writer knows no columns with dots in tables with generated ones.
    metadata = next(action["metaData"] for action in actions("events", 0) if "metaData" in action)
    schema = json.loads(metadata["schemaString"])
    for field in schema["fields"]:
        if field["name"] == "date":
            field["metadata"] = {"delta.generationExpression": "CAST(`@timestamp` AS DATE)"}
    commit("events", {"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}},
           {"metaData": {**metadata, "schemaString": json.dumps(schema)}})
    expect("events", known=sample)


def partitioned():
    """Partitions of odd names and of null, a column that came later, deleted rows."""
    place = str(HERE / "partitioned")

    def rows(start, count, **more):
        numbers = range(start, start + count)
        regions = ["eu", "us/west 1", "100%", None, "a=b", "Ω"]
        columns = {
            "@timestamp": pa.array([at(n % 24, n % 60, micros=n) for n in numbers], pa.timestamp("us", "UTC")),
            "region": [regions[n % len(regions)] for n in numbers],
            "shard": pa.array([n % 2 for n in numbers], pa.int32()),
            "n": pa.array(numbers, pa.int64()),
            "host": [{"name": f"h{n % 5}", "ip": None if n % 7 == 0 else f"10.0.0.{n % 9}"} for n in numbers],
            "tags": [[f"t{n % 3}", "x"] if n % 4 else None for n in numbers],
        }
        return pa.table({**columns, **{name: [value(n) for n in numbers] for name, value in more.items()}})

    write_deltalake(place, rows(0, 24), partition_by=["region", "shard"])
    write_deltalake(place, rows(24, 24), mode="append")
    DeltaTable(place).delete("n % 6 = 0")
    write_deltalake(place, rows(48, 12, note=lambda n: f"note {n}"), mode="append", schema_mode="merge")
    expect("partitioned", [0, 1, 2, 3])


def types():
    """Partition columns of every type, also null and at the ends of what the types hold."""
    place = str(HERE / "types")
    half = decimal.Decimal("12345.67")
    columns = {
        "n": pa.array([1, 2, 3], pa.int64()),
        "p_byte": pa.array([-128, 127, None], pa.int8()),
        "p_short": pa.array([-32768, 32767, None], pa.int16()),
        "p_int": pa.array([-(2**31), 2**31 - 1, None], pa.int32()),
        "p_long": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
        "p_double": pa.array([0.5, -1.5, None], pa.float64()),
        "p_bool": pa.array([True, False, None], pa.bool_()),
        "p_date": pa.array([datetime.date(1969, 12, 31), datetime.date(2026, 10, 1), None], pa.date32()),
        "p_time": pa.array([at(0), at(23, 59, 59, 999999), None], pa.timestamp("us", "UTC")),
        "p_plain": pa.array([at(0).replace(tzinfo=None), at(12, micros=5).replace(tzinfo=None), None], pa.timestamp("us")),
        "p_decimal": pa.array([half, decimal.Decimal("0.05"), None], pa.decimal128(9, 2)),
        "p_text": pa.array(["", "ä ö/ü%20", None], pa.string()),
    }
    write_deltalake(place, pa.table(columns), partition_by=[name for name in columns if name != "n"])
    # An empty text is null in a partition, as the protocol says.
    columns["p_text"] = pa.array([None, "ä ö/ü%20", None], pa.string())
    expect("types", known=pa.table(columns), differing=["deltalake"])


def mapped_by_name():
    """Columns under other names in the files, one renamed and one dropped since, also within structs."""
    place = str(HERE / "mapped-name")

    def rows(start, count):
        numbers = range(start, start + count)
        return pa.table({
            "@timestamp": pa.array([at(n % 24) for n in numbers], pa.timestamp("us", "UTC")),
            "region": ["eu" if n % 2 else "us" for n in numbers],
            "n": pa.array(numbers, pa.int64()),
            "old": [f"old {n}" for n in numbers],
            "host": [{"name": f"h{n % 5}", "os": {"kind": "linux", "gone": n}} for n in numbers],
        })

    write_deltalake(place, rows(0, 10), partition_by=["region"], configuration={"delta.columnMapping.mode": "name"})
    write_deltalake(place, rows(10, 10), mode="append")
    metadata = next(action["metaData"] for action in actions("mapped-name", 0) if "metaData" in action)
    schema = json.loads(metadata["schemaString"])
    fields = {field["name"]: field for field in schema["fields"]}
    os = {field["name"]: field for field in fields["host"]["type"]["fields"]}["os"]
    os["type"]["fields"] = [field for field in os["type"]["fields"] if field["name"] != "gone"]
    os["type"]["fields"][0]["name"] = "type"
    fields["n"]["name"] = "number"
    fields["region"]["name"] = "zone"
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "old"]
    partition = ["zone"]
    commit("mapped-name", {"metaData": {**metadata, "schemaString": json.dumps(schema), "partitionColumns": partition}})
    # A new column under the name of the dropped one is another one.
    highest = int(metadata["configuration"]["delta.columnMapping.maxColumnId"]) + 1
    schema["fields"].append({"name": "old", "type": "long", "nullable": True, "metadata": {
        "delta.columnMapping.id": highest, "delta.columnMapping.physicalName": "col-new"}})
    configuration = {**metadata["configuration"], "delta.columnMapping.maxColumnId": str(highest)}
    commit("mapped-name", {"metaData": {**metadata, "schemaString": json.dumps(schema), "partitionColumns": partition,
                                        "configuration": configuration}})
    # DuckDB leaves out the renamed column of partitions.
    expect("mapped-name", [1, 2, 3], differing=["DuckDB"])


def mapped_by_id():
    """Columns that are found by their number: one file names them as the log does, one in another way and order."""
    def field(name, kind, number, **more):
        return {"name": name, "type": kind, "nullable": True, "metadata": {
            "delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}", **more}}

    def column(name, kind, number):
        return pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})

    host = {"type": "struct", "fields": [field("name", "string", 4), field("ip", "string", 5)]}
    schema = {"type": "struct", "fields": [
        field("@timestamp", "timestamp", 1), field("n", "long", 2), field("host", host, 3), field("note", "string", 6)]}
    commit("mapped-id",
           {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
           {"metaData": {"id": "6b7fd4c9-5dd4-4ae1-9f3b-1c1a3a3ed7a1", "format": {"provider": "parquet", "options": {}},
                         "schemaString": json.dumps(schema), "partitionColumns": [], "createdTime": 1790812800000,
                         "configuration": {"delta.columnMapping.mode": "id", "delta.columnMapping.maxColumnId": "6"}}})

    def file(name, names, order, start):
        kinds = {1: pa.timestamp("us", "UTC"), 2: pa.int64(), 6: pa.string(),
                 3: pa.struct([column(names[4], pa.string(), 4), column(names[5], pa.string(), 5)])}
        numbers = range(start, start + 10)
        values = {1: [at(n % 24) for n in numbers], 2: list(numbers), 6: [f"note {n}" for n in numbers],
                  3: [{names[4]: f"h{n % 3}", names[5]: f"10.0.0.{n}"} for n in numbers]}
        arrays = [pa.array(values[number], kinds[number]) for number in order]
        data = pa.Table.from_arrays(arrays, schema=pa.schema([column(names[n], kinds[n], n) for n in order]))
        add = own_file("mapped-id", name, data, statistics=False)
        # Statistics go by the names of the log.
        stats = {"numRecords": 10, "minValues": {"col-2": start, "col-1": plain(min(values[1]), True)},
                 "maxValues": {"col-2": start + 9, "col-1": plain(max(values[1]), True)}, "nullCount": {"col-2": 0}}
        if 6 in order:
            stats["minValues"]["col-6"], stats["maxValues"]["col-6"] = min(values[6]), max(values[6])
        return {"add": {**add, "stats": json.dumps(stats)}}

    usual = {number: f"col-{number}" for number in range(1, 7)}
    # What the log names col-2 this file has under the name that the log has for another column.
    other = {1: "time", 2: "col-6", 3: "machine", 4: "ip", 5: "name", 6: "remark"}
    commit("mapped-id", file("usual.parquet", usual, [1, 2, 3, 6], 0), file("other.parquet", other, [6, 3, 2, 1], 10),
           file("without.parquet", other, [2, 1], 20))
    rows = [{"@timestamp": at(n % 24), "n": n, **({} if n >= 20 else {
        "note": f"note {n}", "host": {"name": f"h{n % 3}", "ip": f"10.0.0.{n}"}})} for n in range(30)]
    # They go by the names that the log has also here, where it says to go by numbers.
    expect("mapped-id", known=pa.Table.from_pylist(rows), differing=["deltalake", "ClickHouse", "DuckDB"])


def vectors():
    """Deletion vectors: in files, two of them in one, in the log; one that grows, one of whole row groups, one of all rows."""
    def rows(start, count):
        numbers = range(start, start + count)
        return pa.table({
            "@timestamp": pa.array([at(n // 60 % 24, n % 60) for n in numbers], pa.timestamp("us", "UTC")),
            "n": pa.array(numbers, pa.int64()),
            "host.name": [f"h{n % 5}" for n in numbers],
        })

    schema = {"type": "struct", "fields": [
        {"name": name, "type": kind, "nullable": True, "metadata": {}}
        for name, kind in (("@timestamp", "timestamp"), ("n", "long"), ("host.name", "string"))]}
    features = ["deletionVectors"]
    commit("vectors",
           {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}},
           {"metaData": {"id": "0f6d1b0e-98a2-4b2e-8f3a-5b1f0c7e2a11", "format": {"provider": "parquet", "options": {}},
                         "schemaString": json.dumps(schema), "partitionColumns": [], "createdTime": 1790812800000,
                         "configuration": {"delta.enableDeletionVectors": "true"}}})
    files = [own_file("vectors", f"part-{at}.parquet", rows(at * 100, 100), row_group_size=20) for at in range(5)]
    commit("vectors", *({"add": file} for file in files))
    first, second = in_file("vectors", "", [0, 1, 50, 99], list(range(20, 65)))
    commit("vectors", *without(files[0], first), *without(files[1], second), *without(files[2], inline([7, 8])))
    now = adds("vectors")
    # The rows that were deleted before stay deleted.
    (grown,) = in_file("vectors", "ab", sorted({0, 1, 50, 99} | set(range(40, 60))))
    commit("vectors", *without(now["part-0.parquet"], grown), *without(now["part-3.parquet"], inline(list(range(100)))))
    # And a file whose rows all came back.
    restored = {key: value for key, value in adds("vectors")["part-2.parquet"].items() if key != "deletionVector"}
    commit("vectors", without(adds("vectors")["part-2.parquet"], None)[0], {"add": restored})
    expect("vectors", [1, 2, 3, 4])


def cleaned():
    """A log whose first commits are gone: a checkpoint tells what they did."""
    place = str(HERE / "cleaned")
    for start in range(0, 50, 10):
        numbers = range(start, start + 10)
        write_deltalake(place, pa.table({
            "@timestamp": pa.array([at(n % 24) for n in numbers], pa.timestamp("us", "UTC")),
            "n": pa.array(numbers, pa.int64())}), mode="append")
        if start == 20:
            DeltaTable(place).create_checkpoint()
    for version in 0, 1:
        (HERE / "cleaned" / "_delta_log" / f"{version:020}.json").unlink()
    expect("cleaned", [2, 4])


def evolved():
    """Types that became wider, members that structs got later, and a file as Spark writes it, with twelve-byte instants."""
    host = lambda *names: pa.struct([(name, pa.string()) for name in names])  # noqa: E731
    far = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    def kind(name, kind, widened=None):
        changes = [{"fromType": widened, "toType": kind}] if widened else None
        return {"name": name, "type": kind, "nullable": True, "metadata": {"delta.typeChanges": changes} if widened else {}}

    def struct_of(*names):
        return {"type": "struct", "fields": [kind(name, "string") for name in names]}

    features = ["typeWidening", "timestampNtz"]
    ports = {"type": "array", "elementType": struct_of("name", "note"), "containsNull": True}
    tags = {"type": "array", "elementType": "string", "containsNull": True}
    schema = {"type": "struct", "fields": [
        kind("@timestamp", "timestamp"), kind("n", "long", "integer"), kind("x", "double", "float"),
        kind("day", "timestamp_ntz", "date"), kind("host", struct_of("name", "ip")), kind("ports", ports), kind("tags", tags)]}
    commit("evolved",
           {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}},
           {"metaData": {"id": "d0a1f6c3-7e39-44c7-a8a5-0d8cf7f2c9b1", "format": {"provider": "parquet", "options": {}},
                         "schemaString": json.dumps(schema), "partitionColumns": [], "createdTime": 1790812800000,
                         "configuration": {"delta.enableTypeWidening": "true"}}})

    def rows(start, wide, last):
        numbers = range(start, start + 5)
        names = ["name", "ip"] if wide else ["name"]
        day = datetime.datetime(2026, 10, 1, 5) if wide else datetime.date(2026, 10, 1)
        inner = host("name", "note") if wide else host("name")
        return {
            "@timestamp": pa.array([at(n) for n in numbers[:-1]] + [last], pa.timestamp("us", "UTC")),
            "n": pa.array([n + (1 << 40 if wide else 0) for n in numbers], pa.int64() if wide else pa.int32()),
            "x": pa.array([n + 0.1 if wide else n + 0.5 for n in numbers], pa.float64() if wide else pa.float32()),
            "day": pa.array([day] * 5, pa.timestamp("us") if wide else pa.date32()),
            "host": pa.array([{name: f"10.0.0.{n}" for name in names} for n in numbers], host(*names)),
            "ports": pa.array([[{"name": f"p{n}"}] for n in numbers], pa.list_(inner)),
            "tags": pa.array([[f"t{n}", "x"] for n in numbers], pa.list_(pa.string())),
        }

    narrow, wide = pa.table(rows(0, False, at(4))), pa.table(rows(5, True, far))
    spark = {"use_deprecated_int96_timestamps": True, "store_schema": False}
    commit("evolved", {"add": own_file("evolved", "narrow.parquet", narrow)},
           {"add": own_file("evolved", "wide.parquet", wide)},
           {"add": own_file("evolved", "spark.parquet", pa.table(rows(10, True, far)), **spark)})
    known = [*narrow.to_pylist(), *wide.to_pylist(), *pa.table(rows(10, True, far)).to_pylist()]
    for row in known:
        if type(row["day"]) is datetime.date:
            row["day"] = datetime.datetime.combine(row["day"], datetime.time())
    # deltalake refuses tables with wider types, ClickHouse an instant that far away in twelve bytes.
    expect("evolved", known=known, unable=["deltalake", "ClickHouse"])


TABLES = [events, partitioned, types, mapped_by_name, mapped_by_id, vectors, cleaned, evolved]

if __name__ == "__main__":
    shutil.rmtree(HERE / "expected", ignore_errors=True)
    (HERE / "expected").mkdir()
    for make in TABLES:
        name = {"mapped_by_name": "mapped-name", "mapped_by_id": "mapped-id"}.get(make.__name__, make.__name__)
        shutil.rmtree(HERE / name, ignore_errors=True)
        make()
