result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .group_by(host="host.name", user_name="user.name")
    .agg(n=pl.len(), most=pl.col("network.bytes").max())
    .sort("n", "host", "user_name", descending=[True, False, False])
    .head(100)
)
