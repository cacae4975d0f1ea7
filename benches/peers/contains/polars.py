patterns = [
    "bytes 1337 ",
    "bytes 4444 ",
    "bytes 31337 ",
    " pid 4242 ",
    " pid 31337 ",
    "dst 45.33.",
    "dst 185.220.",
    "dst 198.98.",
    "dst 91.219.",
    "dst 23.129.",
    ":4444 ",
    ":31337 ",
    ":6667 ",
    ":9001 ",
    ":1080 ",
    "lookup_result by pid 99",
    "disconnect_received by pid 77",
    "connection_accepted by pid 88",
    "1:AAAA",
    "1:zzzz",
    "//////",
    "xmrig",
    "mimikatz",
    "cobaltstrike",
    "meterpreter",
    "/dev/tcp/",
    "powershell -enc",
    "base64 -d",
    "curl http",
    "nc -e",
]
result = (
    pl.scan_parquet("{events}", hive_partitioning=False)
    .filter(pl.col("message").str.contains_any(patterns))
    .group_by(action="event.action")
    .agg(n=pl.len())
    .sort("n", "action", descending=[True, False])
)
