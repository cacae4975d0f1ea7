result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .filter(pl.col("destination.ip").is_in([{addresses}]))
    .group_by(ip="destination.ip")
    .agg(n=pl.len(), hosts=pl.col("host.name").n_unique())
    .sort("n", "ip", descending=[True, False])
    .head(100)
)
