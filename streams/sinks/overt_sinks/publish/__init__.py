"""The index, published as an Iceberg table: who may plan a reading needs no access to the index."""
