"""The HTTPS door: who calls, what they may ask, and the routes."""
