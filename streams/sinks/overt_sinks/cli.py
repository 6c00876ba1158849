"""`overt-sink`, the console script: light, so that what takes long to load can be interrupted."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process with its code."""
    try:
        from overt_sinks.commands.every import call

        code = call()
    except KeyboardInterrupt:
        sys.stderr.write("overt-sink: interrupted: start it again, it goes on where it was\n")
        code = _INTERRUPTED
    sys.exit(code)
