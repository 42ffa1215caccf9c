"""The report: one HTML file of what was found, for people; of a store or of a scan."""
