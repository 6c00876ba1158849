"""What a processor decides: pure functions of one record, the registries and the keys."""
