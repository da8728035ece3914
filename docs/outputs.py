"""Runs the Python blocks of a page, and writes what each prints into the output block after it, where there is one.

`make pictures` does so for all pages; the tests do so too, and compare.
"""

import io
import re
import tempfile
from contextlib import chdir, redirect_stdout
from pathlib import Path

import jax

PAGES = [Path(__file__).parent.parent / "README.md", *sorted(Path(__file__).parent.glob("*.md"))]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n^```output\n(?P<printed>.*?)^```\n)?", re.S | re.M)


def filled(text, name="page"):
    """The text of a page with what its blocks print; raises what they raise."""
    names = {"__name__": "__docs__"}

    def run(found):
        code, said = found["code"], io.StringIO()
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"), redirect_stdout(said):
            exec(compile(code, f"{name}: {code.splitlines()[0]}", "exec"), names)
        output = "" if found["printed"] is None else f"\n```output\n{said.getvalue().rstrip()}\n```\n"
        return f"```python\n{code}```\n{output}"

    return BLOCK.sub(run, text)


def main():
    for page in PAGES:
        text = page.read_text()
        with tempfile.TemporaryDirectory() as folder, chdir(folder):  # some blocks write files
            page.write_text(filled(text, page.name))
        print(f"{page.name}  {len(BLOCK.findall(text))} blocks, {text.count('```output')} outputs")


if __name__ == "__main__":
    main()
