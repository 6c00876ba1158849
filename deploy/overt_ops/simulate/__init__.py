"""`stream-ops simulate`: many simulated endpoints on a real stack, and the account of them."""
