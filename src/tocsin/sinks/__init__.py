"""Where results go: CSV files, Parquet segments and the manifest that lists them."""
