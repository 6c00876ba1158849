"""The Faust agents: bytes in, core, bytes out."""
