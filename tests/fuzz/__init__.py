"""Fuzz targets: changed bytes go in, and what must hold for any bytes is checked."""
