"""README quotes the examples word for word. argv[1]: the source root."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
blocks = re.findall(r"^```c\n(.*?)^```", (root / "README.md").read_text(), re.S | re.M)
names = ["simulate.c", "measured.c"]
print(f"1..{1 + len(names)}")
bad = len(blocks) != len(names)
print(f"{'not ok' if bad else 'ok'} 1 - README has {len(names)} programs: {len(blocks)}")
for i, name in enumerate(names):
    text = (root / "examples" / name).read_text()
    good = text in blocks and text.count("\n") < 30
    bad |= not good
    print(f"{'ok' if good else 'not ok'} {i + 2} - {name}, under 30 lines, is there as it is")
sys.exit(bad)
