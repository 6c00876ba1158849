"""People: pseudonyms, their state and their public keys by week."""
