"""Downsampling by meaning: what of a batch may be left out, by the policy it was captured under."""
