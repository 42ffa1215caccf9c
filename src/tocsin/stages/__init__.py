"""The steps of the pipeline, each a function of a batch, given its parts by `pipeline`."""
