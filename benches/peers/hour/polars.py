import datetime

executable, name, ip = pl.col("process.executable"), pl.col("process.name"), pl.col("destination.ip")
hour = datetime.datetime.fromisoformat("{hour}")
wanted = (
    (pl.col("@timestamp") >= hour)
    & (pl.col("host.os.type") == "linux")
    & (pl.col("event.type") == "start")
    & (pl.col("event.action") == "connection_attempted")
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
    pl.scan_parquet("{events}", hive_partitioning=False)
    .filter(wanted)
    .select(executable=executable, ip=ip, id=pl.col("agent.id"), host=pl.col("host.name"))
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
