import datetime

executable, name, ip = pl.col("process.executable"), pl.col("process.name"), pl.col("destination.ip")
wanted = (
    (pl.col("host.os.type") == "linux")
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
events = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .filter(wanted)
    .select(
        executable=executable, ip=ip, id=pl.col("agent.id"), host=pl.col("host.name"),
        stamp=pl.col("@timestamp").dt.epoch("ms"),
    )
    # Nothing is pushed past this: addresses are matched only for what is left.
    .map_batches(lambda batch: batch, predicate_pushdown=False, streamable=True)
    .filter(~pl.col("ip").str.contains(r"{pattern}"))
)
start = int(datetime.datetime.fromisoformat("{start}").timestamp()) // 3600
end = int(datetime.datetime.fromisoformat("{end}").timestamp()) // 3600
last = (pl.col("stamp") + 3599999) // 3600000
# The execution of hour h sees [h - 61 minutes, h]: what falls into the last minute is seen by the next one too.
both = pl.when(pl.col("stamp") >= last * 3600000 - 60000).then(pl.concat_list(last, last + 1))
result = (
    events.with_columns(hour=both.otherwise(pl.concat_list(last)))
    .explode("hour")
    .filter((pl.col("hour") > start) & (pl.col("hour") <= end))
    .group_by("hour", "executable")
    .agg(
        cc=pl.len(), agents=pl.col("id").n_unique(), hosts=pl.col("host").unique(), ids=pl.col("id").unique()
    )
    .filter((pl.col("agents") == 1) & (pl.col("cc") > 15))
    .sort("hour", "cc", "executable")
    .select(pl.from_epoch(pl.col("hour") * 3600).alias("execution"), "executable", "cc", "agents", "hosts", "ids")
)
