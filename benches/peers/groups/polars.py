result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .group_by(entity="process.entity_id")
    .agg(n=pl.len(), most=pl.col("network.bytes").max())
    .sort("n", "entity", descending=[True, False])
    .head(100)
)
