"""What the lints share: which files there are, and C text taken apart far enough to ask about it.

This is no compiler. Comments, strings and preprocessor lines are blanked (every other character
keeps its line and column), and functions, prototypes and variables are told apart at brace depth 0.
A line is silenced by a comment on it that says why:  /* lint: REASON */  (scripts: # lint: REASON).
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED_FOLDERS = {".git", ".cache", "__pycache__"}
SILENCE = re.compile(r"(?:/\*|#) lint: \w+\W+\w+")
LEXEME = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL
)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)


class Complaints:
    """Collects what is wrong and prints it as compilers do."""

    def __init__(self):
        self.found = []

    def add(self, path, line, text):
        """One thing that is wrong; line 0 is the file as a whole."""
        self.found.append((str(path), line, text))

    def finish(self, name, n_files):
        """Prints all; returns the exit code."""
        for path, line, text in sorted(self.found):
            print(f"{path}:{line}: {text}" if line else f"{path}: {text}")
        if self.found:
            print(f"{name}: {len(self.found)} complaints")
            return 1
        print(f"{name}: {n_files} files are fine")
        return 0


def tracked(root):
    """What git would commit below root, or None where there is no git."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others"]
    git = subprocess.run([*command, "--exclude-standard"], capture_output=True, check=False)
    if git.returncode != 0:
        return None
    return [Path(name) for name in git.stdout.decode().split("\0") if name]


def files(root, *suffixes):
    """The tracked files below root (all files, where there is no git), relative, sorted; with
    suffixes only those that end so."""
    root = Path(root)
    found = tracked(root)
    if found is None:
        found = [
            path.relative_to(root)
            for path in root.rglob("*")
            if path.is_file() and not SKIPPED_FOLDERS & set(path.relative_to(root).parts)
            and not path.relative_to(root).parts[0].startswith("build")
        ]
    return sorted(
        path for path in found
        if (not suffixes or path.name.endswith(suffixes)) and (root / path).is_file()
    )


def blank(text):
    """The same text with nothing in it but its line ends."""
    return re.sub(r"[^\n]", " ", text)


def blank_lexeme(match):
    """Blanks a comment, or what stands between the quotes of a string or character."""
    text = match.group(0)
    return blank(text) if text.startswith("/") else text[0] + blank(text[1:-1]) + text[-1]


class Function:
    """A function's definition or prototype."""

    def __init__(self, source, start, open_paren, close_paren, body):
        head = source.plain[start:open_paren]
        self.name = re.search(r"(\w+)\s*$", head).group(1)
        self.is_static = re.search(r"\bstatic\b", head) is not None
        self.params = split_params(source.plain[open_paren + 1:close_paren])
        self.first_line = source.line_of(start)
        self.body = body
        self.last_line = source.line_of(body[1] - 1) if body else source.line_of(close_paren)


class Source:
    """A C file."""

    def __init__(self, root, path):
        self.path = Path(path)
        self.text = (Path(root) / path).read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.split("\n")
        self.silenced = {n for n, line in enumerate(self.lines, 1) if SILENCE.search(line)}
        # Without comments and strings; and without preprocessor lines too.
        self.code = LEXEME.sub(blank_lexeme, self.text)
        self.plain = PREPROCESSOR.sub(lambda match: blank(match.group(0)), self.code)
        self.functions = []
        self.prototypes = []
        self.variables = []
        self._take_apart()

    def folder(self):
        """The folder that a layer or an exception is about: sensor/base, decoders, tests …"""
        parts = self.path.parts
        return "/".join(parts[:2]) if parts[0] == "sensor" and len(parts) > 2 else parts[0]

    def line_of(self, at):
        """The line number of a position."""
        return self.text.count("\n", 0, at) + 1

    def includes(self):
        """(line, name) of each #include "name"."""
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match:
                yield number, match.group(1)

    def _take_apart(self):
        """Walks over what stands at brace depth 0."""
        plain = self.plain
        start = at = 0
        while at < len(plain):
            character = plain[at]
            if character == ";":
                self._statement(start, at)
                start = at + 1
            elif character == "{":
                end = matching(plain, at)
                head = self._function_head(start, at)
                if head:
                    self.functions.append(Function(self, *head, body=(at, end)))
                    start = end
                elif not re.search(r"[=\w)\]]\s*$", plain[start:at]):
                    start = end
                at = end
                continue
            at += 1

    def _function_head(self, start, end):
        """(start, open, close) when text[start:end] is the head of a function."""
        start += len(self.plain[start:end]) - len(self.plain[start:end].lstrip())
        at = start
        while at < end:
            match = re.compile(r"\w+\s*\(").search(self.plain, at, end)
            if match is None or "=" in self.plain[start:match.start()]:
                return None
            open_paren = match.end() - 1
            close_paren = matching(self.plain, open_paren) - 1
            name = self.plain[match.start():open_paren].strip()
            has_type = re.search(r"\w[\s*]+$", self.plain[start:match.start()])
            if has_type and name not in ("__attribute__", "PRINTF"):
                return start, open_paren, close_paren
            at = close_paren + 1
        return None

    def _statement(self, start, end):
        """A declaration that ends at a semicolon."""
        text = self.plain[start:end]
        start += len(text) - len(text.lstrip())
        text = without_braces(text.strip())
        if not text or re.match(r"(typedef|extern|_Static_assert|static_assert)\b", text):
            return
        if "=" not in text and "{" not in self.plain[start:end]:
            head = self._function_head(start, end)
            if head:
                self.prototypes.append(Function(self, *head, body=None))
                return
        declared = text.split("=")[0].strip()
        if re.search(r"\w\s+\**(const\s+)?\w+\s*(\[[^\]]*\]\s*)*$", declared):
            if not re.fullmatch(r"(struct|union|enum)\s+\w+", declared):
                self.variables.append((self.line_of(start), declared))


def without_braces(text):
    """The text without what stands between braces."""
    shorter = re.sub(r"\{[^{}]*\}", " ", text)
    while shorter != text:
        text, shorter = shorter, re.sub(r"\{[^{}]*\}", " ", shorter)
    return text


def matching(text, at):
    """The position after the bracket that closes the one at `at` (the end, when none does)."""
    depth = 0
    for match in re.compile(r"[(){}\[\]]").finditer(text, at):
        depth += 1 if match.group(0) in "({[" else -1
        if depth == 0:
            return match.end()
    return len(text)


def split_params(text):
    """The parameters between a function's parentheses."""
    flat = re.sub(r"\([^()]*\)", "", text)
    params = [param.strip() for param in flat.split(",")]
    return [param for param in params if param not in ("", "void", "...")]


def sources(root, *suffixes):
    """The C files below root, taken apart."""
    return [Source(root, path) for path in files(root, *(suffixes or (".c", ".h")))]


def root_argument(doc):
    """The one argument of every lint: the root of the tree."""
    if len(sys.argv) != 2:
        sys.exit(doc)
    return Path(sys.argv[1])
