"""Dead letters: what they mean, and the way back.

``letters`` (pure) folds the topic into letters with their verdicts, ``reasons`` (pure) knows what
each code means, ``facts`` (pure) reads what may be shown of one; ``topic`` reads and writes.
"""
