"""Many simulated endpoints in one process: the real pipeline, seal, spool and protocol."""
