"""The history of the figures: a file of lines with tabs between, the first of which names the
columns. Each change of what is fast or slow appends a line: the date, the commit it was made on,
what was run (full or quick), then the figures. A figure that was not measured is a dash.
"""
import datetime
import shutil
import subprocess

FIXED = ("date", "parent", "run")
NONE = "-"


def read(path):
    """(names of the columns, rows as lists); nothing when there is no file yet."""
    if not path.exists():
        return [], []
    lines = path.read_text(encoding="ascii").splitlines()
    rows = [line.split("\t") for line in lines if line]
    return (rows[0], rows[1:]) if rows else ([], [])


def text_of(value):
    """A figure as it stands in the file."""
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def parent_of(root):
    """The commit that the tree is a change of; NONE where nobody can tell."""
    if shutil.which("git") is None:
        return NONE
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or NONE


def append(path, parent, run, figures):
    """Appends a line of the figures {column: value or None}. Columns that are new stand at the end,
    with dashes in the lines that did not have them."""
    columns, rows = read(path)
    columns = columns or list(FIXED)
    columns += [name for name in figures if name not in columns]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    known = {"date": now, "parent": parent, "run": run}
    known.update({name: text_of(value) for name, value in figures.items()})
    rows.append([known.get(name, NONE) for name in columns])
    padded = [row + [NONE] * (len(columns) - len(row)) for row in rows]
    text = "".join("\t".join(row) + "\n" for row in [columns, *padded])
    path.write_text(text, encoding="ascii")
