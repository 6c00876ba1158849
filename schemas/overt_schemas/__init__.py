"""The contract of overt: records, codec, envelope, topics. No I/O."""
