"""Identity and figures: ids, histograms and meters that every other part may use."""
