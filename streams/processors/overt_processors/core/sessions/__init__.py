"""Sessions as part headers tell of them."""
