"""Replaces spark-submit in tests: takes its options, then runs the script under plain Python."""

import os
import sys

OPTIONS = {"--py-files", "--files", "--jars", "--conf", "--name"}


def main() -> None:
    """Replace this process by the script."""
    arguments = sys.argv[1:]
    environ = dict(os.environ)
    while arguments and arguments[0] in OPTIONS:
        option, value = arguments[:2]
        del arguments[:2]
        if option == "--py-files":
            environ["PYTHONPATH"] = value.replace(",", os.pathsep)
        if option == "--conf":
            environ["FAKE_CONF"] = environ.get("FAKE_CONF", "") + value + "\n"
    os.execve(sys.executable, [sys.executable, *arguments], environ)


main()
