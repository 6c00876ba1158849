"""Migrations of the index, run by ``index.upgrading`` alone. A released one never changes again."""
