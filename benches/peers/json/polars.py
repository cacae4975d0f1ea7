text = pl.String
many = "{many}" != ""
schema = {
    "host": pl.Struct({"name": text, "os": pl.Struct({"type": text})}),
    "event": pl.Struct({"type": pl.List(text) if many else text, "action": text}),
    "process": pl.Struct({"name": text, "executable": text}),
    "destination": pl.Struct({"ip": text}),
    "agent": pl.Struct({"id": text}),
}


def field(path):
    root, *parts = path.split(".")
    found = pl.col(root)
    for part in parts:
        found = found.struct.field(part)
    return found


executable, name, ip = field("process.executable"), field("process.name"), field("destination.ip")
kind = field("event.type").list.first() if many else field("event.type")
wanted = (
    (field("host.os.type") == "linux")
    & (kind == "start")
    & (field("event.action") == "connection_attempted")
    & (
        executable.str.starts_with("/tmp/")
        | executable.str.starts_with("/var/tmp/")
        | executable.str.starts_with("/dev/shm/")
        | name.str.starts_with(".")
    )
    & ~(
        executable.str.starts_with("/nix/store/")
        | executable.str.starts_with("/tmp/newroot/")
        | executable.str.starts_with("/tmp/.mount")
        | executable.str.starts_with("/tmp/go-build")
    )
)
result = (
    pl.scan_ndjson("{events}", schema=schema)
    .filter(wanted)
    .select(executable=executable, ip=ip, id=field("agent.id"), host=field("host.name"))
    # Nothing is pushed past this: addresses are matched only for what is left.
    .map_batches(lambda batch: batch, predicate_pushdown=False, streamable=True)
    .filter(~pl.col("ip").str.contains(r"{pattern}"))
    .group_by("executable")
    .agg(
        cc=pl.len(), agents=pl.col("id").n_unique(), hosts=pl.col("host").unique(), ids=pl.col("id").unique()
    )
    .filter((pl.col("agents") == 1) & (pl.col("cc") > 15))
    .sort("cc", "executable")
    .head(100)
)
