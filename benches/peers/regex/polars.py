result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .filter(pl.col("process.executable").str.contains(r"^/(tmp|var/tmp|dev/shm|home/[a-z0-9]+/\.cache)/([^/]+/)*\.?[a-z_]+[0-9]*$"))
    .group_by(executable="process.executable")
    .agg(n=pl.len(), hosts=pl.col("host.name").n_unique())
    .sort("n", "executable", descending=[True, False])
    .head(100)
)
