"""Queries over the store, and the plots and tables drawn from them."""
