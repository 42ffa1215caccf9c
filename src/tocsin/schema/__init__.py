"""From bytes to events: detect the format, read envelope and fields, lay views over them."""
