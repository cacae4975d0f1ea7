COPY events TO '/tmp/out.csv'
