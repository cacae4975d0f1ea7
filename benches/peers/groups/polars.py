result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .group_by(ip="destination.ip", action="event.action")
    .agg(n=pl.len(), most=pl.col("network.bytes").max())
    .sort("n", "ip", "action", descending=[True, False, False])
    .head(100)
)
