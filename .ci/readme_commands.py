"""Prints the commands of the README's first two `sh` blocks, so that CI runs exactly those."""

import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)
if len(blocks) < 2:
    sys.exit("The README has to show its two commands in `sh` blocks.")
print("".join(blocks[:2]), end="")
