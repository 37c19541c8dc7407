#!/usr/bin/python3
"""Fails on what the style of the tree forbids and no compiler or formatter sees: sizes, functions
that are banned (some only outside a folder), mutable state, raw pointers over input, recursion.

usage: style.py ROOT
"""
import re
import sys

import tree

MAX_COLUMNS = 100
MAX_FILE = 1200
LONG_FILE = 800
MAX_FUNCTION = 100
MAX_PARAMS = 5
MAX_COMPLEXITY = 25
# An opening comment shorter than this is too short for a file longer than that.
MIN_OPENING, OPENING_NEEDED_FROM = 3, 100

BASE, APP, TESTS = "sensor/base", "sensor/app", "tests"
# Where state outside a function's own variables is right.
STATEFUL = (APP, TESTS, "sensor/base/log.c")
QUIET = ("sensor/core", "sensor/codec", "sensor/packet", "sensor/flow", "decoders", "signatures")
MAIN = "sensor/app/main.c"

# (functions, where they may stand all the same, what to do instead)
BANNED = (
    ("strcpy stpcpy strcat sprintf vsprintf gets strncpy strncat", (), "writes without a bound"),
    ("strtok strtok_r", (), "use span_split()"),
    ("atoi atol atoll atof", (), "use span_to_u64()"),
    ("alloca", (), "the stack is not for what input sizes"),
    ("setjmp longjmp sigsetjmp siglongjmp", (), "leave by returning"),
    ("localtime localtime_r mktime ctime ctime_r", (), "times are UTC, from packets"),
    ("rand srand random drand48", (), "results are the same in every run"),
    ("system popen", (), "no shell"),
    ("assert", (), "CHECK() stays on in release"),
    ("memcpy memmove memset memcmp memchr memmem mempcpy", (BASE, TESTS),
     "use bytes_…() or span_…()"),
    ("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf posix_memalign "
     "aligned_alloc", (BASE, TESTS), "use mem_…(), arenas and sbufs"),
    ("strlen strnlen strncmp strncasecmp", (BASE, APP, TESTS), "input has no NUL; use spans"),
    ("exit _exit quick_exit", (MAIN, TESTS), "return an error"),
    ("abort", ("sensor/base/check.c", TESTS), "use CHECK()"),
    ("time gettimeofday clock_gettime sleep usleep nanosleep", (BASE, APP, TESTS),
     "time is an argument"),
    ("printf fprintf vprintf vfprintf puts fputs putchar perror", (BASE, APP, TESTS),
     "only the app talks to the operator"),
)
# Folders that never write to the operator's log.
LOGGING = re.compile(r"\blog_(error|warning|notice|debug)\s*\(")

# Patterns that are wrong anywhere outside the folders named.
PATTERNS = (
    (r"\btypedef\s+(struct|enum|union)\b", (), "types are `struct thing`, without typedef"),
    (r"__attribute__\s*\(\(\s*packed|#\s*pragma\s+pack", (), "wire formats are read with a cursor"),
    (r"(\.|->)data\s*[+-](?![+=>])", (BASE, TESTS),
     "arithmetic on a span's pointer; use span_sub()"),
    (r"\((const )?struct \w+ \*\)\s*\w+(\.|->)data\b", (TESTS,),
     "a cast of bytes to a struct; read them with a cursor"),
)
DECISION = re.compile(r"\b(if|for|while|case)\b|&&|\|\||\?")
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "case", "do", "else", "_Alignof"}


def allowed(source, places):
    """True when a file or its folder is among the places."""
    path = source.path.as_posix()
    return any(path == place or path.startswith(place + "/") for place in places)


def check_text(source, complaints):
    """Lines, length, the opening comment, the kind of comments."""
    code_lines = source.code.split("\n")
    for number, line in enumerate(source.lines, 1):
        if number in source.silenced:
            continue
        if "\t" in line:
            complaints.add(source.path, number, "a tab")
        if len(line) > MAX_COLUMNS and source.path.suffix != ".def":
            complaints.add(source.path, number, f"{len(line)} columns; {MAX_COLUMNS} is the limit")
        if "//" in line and not code_lines[number - 1].rstrip().endswith('"'):
            before = code_lines[number - 1].rstrip()
            if line[len(before):].lstrip().startswith("//"):
                complaints.add(source.path, number, "comments are /* */")
    length = len(source.lines) - 1
    opening = re.match(r"/\*.*?\*/", source.text, re.DOTALL)
    reasoned = bool(opening and tree.SILENCE.search(opening.group(0).replace("lint:", "/* lint:")))
    if length > MAX_FILE or (length > LONG_FILE and not reasoned):
        complaints.add(source.path, 0, f"{length} lines; over {LONG_FILE} needs a reason in the "
                       f"opening comment (lint: …), over {MAX_FILE} is too long")
    if source.path.suffix == ".c":
        lines = opening.group(0).count("\n") + 1 if opening else 0
        needed = MIN_OPENING if length > OPENING_NEEDED_FROM else 1
        if lines < (1 if allowed(source, (TESTS,)) else needed):
            complaints.add(source.path, 1, "open with a comment: what it is, its standard, limits")


def complexity(text):
    """McCabe's number of a function's body."""
    return 1 + len(DECISION.findall(text))


def check_functions(source, complaints):
    """Sizes of functions, and the preprocessor and backward jumps in them."""
    for function in source.functions + source.prototypes:
        at = function.first_line
        if at in source.silenced:
            continue
        if len(function.params) > MAX_PARAMS:
            complaints.add(source.path, at, f"{function.name}() has {len(function.params)} "
                           f"parameters; {MAX_PARAMS} is the limit")
        if function.body is None:
            continue
        length = function.last_line - at + 1
        if length > MAX_FUNCTION:
            complaints.add(source.path, at, f"{function.name}() has {length} lines; "
                           f"{MAX_FUNCTION} is the limit")
        body = source.plain[slice(*function.body)]
        if complexity(body) > MAX_COMPLEXITY and not allowed(source, (TESTS,)):
            complaints.add(source.path, at, f"{function.name}() has complexity {complexity(body)}; "
                           f"{MAX_COMPLEXITY} is the limit")
        check_body(source, function, complaints)


def check_body(source, function, complaints):
    """What may not stand inside a function."""
    whole = source.code[slice(*function.body)]
    first = source.line_of(function.body[0])
    if allowed(source, (TESTS,)):
        return
    for match in re.finditer(r"^[ \t]*#\s*if", whole, re.MULTILINE):
        report(source, first + whole.count("\n", 0, match.start()), complaints,
               "#if in a function; leave out whole files")
    for match in re.finditer(r"\bgoto\s+(\w+)", whole):
        label = re.search(rf"^\s*{match.group(1)}\s*:", whole, re.MULTILINE)
        if label and label.start() < match.start():
            report(source, first + whole.count("\n", 0, match.start()), complaints,
                   "goto only goes forwards, to clean-up")
    for match in re.finditer(r"^[ \t]*static\b(?P<declared>[^;={(]*)", whole, re.MULTILINE):
        if not is_constant(match.group("declared")) and not allowed(source, STATEFUL):
            report(source, first + whole.count("\n", 0, match.start()), complaints,
                   "a mutable static variable")
    check_pointers(source, function, complaints)


def check_pointers(source, function, complaints):
    """Arithmetic on a byte pointer, which only base may do."""
    if allowed(source, (BASE,)):
        return
    start = source.text.rfind("\n", 0, source.plain.rfind("(", 0, function.body[0])) + 1
    text = source.plain[start:function.body[1]]
    names = set(re.findall(r"\b(?:const )?(?:uint8_t|unsigned char) \*(?:const )?(\w+)", text))
    for name in names:
        pattern = rf"(\+\+|--){name}\b(?!\.|->)|(?<![\w.>])\b{name}\s*(\+\+|--|[+-]=|[+-](?![>]))"
        for match in re.finditer(pattern, text):
            report(source, source.line_of(start + match.start()), complaints,
                   f"arithmetic on the byte pointer '{name}'; use a span or a cursor")


def report(source, line, complaints, text):
    """A complaint, unless the line is silenced."""
    if line not in source.silenced:
        complaints.add(source.path, line, text)


def is_constant(declared):
    """True when the declared object cannot change: the last const stands after the last star."""
    last_star = declared.rfind("*")
    return re.search(r"\bconst\b", declared[last_star + 1:]) is not None


def check_variables(source, complaints):
    """File-scope state."""
    if allowed(source, STATEFUL):
        return
    for line, declared in source.variables:
        if not is_constant(declared):
            report(source, line, complaints, f"mutable at file scope: '{declared}'")


def check_words(source, complaints):
    """Banned functions and patterns."""
    for names, places, instead in BANNED:
        if allowed(source, places):
            continue
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")
        for match in pattern.finditer(source.code):
            report(source, source.line_of(match.start()), complaints,
                   f"{match.group(1)}() is banned here: {instead}")
    for pattern, places, text in PATTERNS:
        if allowed(source, places):
            continue
        for match in re.finditer(pattern, source.code):
            report(source, source.line_of(match.start()), complaints, text)
    if allowed(source, QUIET):
        for match in LOGGING.finditer(source.code):
            report(source, source.line_of(match.start()), complaints, "this folder does not log")


def calls_of(source):
    """Function -> the names it calls, with the line of the function."""
    for function in source.functions:
        body = source.plain[slice(*function.body)]
        names = set(re.findall(r"(?<![\w.>])(\w+)\s*\(", body)) - KEYWORDS
        yield function, names


def check_recursion(found, complaints):
    """Functions that can call themselves, directly or through others. A name means the function of
    the same file first, then the public one."""
    public, graph, where = {}, {}, {}
    for source in found:
        for function in source.functions:
            if not function.is_static:
                public[function.name] = (source.path, function.name)
    for source in found:
        own = {function.name for function in source.functions}
        for function, names in calls_of(source):
            key = (source.path, function.name)
            where[key] = (source, function)
            graph[key] = {
                (source.path, name) if name in own else public.get(name) for name in names
            } - {None}
    for key in graph:
        if reaches(graph, key):
            source, function = where[key]
            report(source, function.first_line, complaints,
                   f"{function.name}() can call itself; input could choose how deep")


def reaches(graph, key):
    """True when a way through the calls leads back to the start."""
    seen, todo = set(), list(graph[key])
    while todo:
        at = todo.pop()
        if at == key:
            return True
        if at not in seen:
            seen.add(at)
            todo.extend(graph.get(at, ()))
    return False


def check_scripts(root, complaints):
    """Lines of the scripts: no tabs, not too long."""
    scripts = [
        path for path in tree.files(root)
        if path.suffix in (".py", ".sh", ".pl")
        or (path.parts[0] in ("scripts", ".ci") and not path.suffix)
    ]
    for path in scripts:
        for number, line in enumerate((root / path).read_text(encoding="utf-8").split("\n"), 1):
            if tree.SILENCE.search(line):
                continue
            if "\t" in line:
                complaints.add(path, number, "a tab")
            if len(line) > MAX_COLUMNS:
                complaints.add(path, number, f"{len(line)} columns; {MAX_COLUMNS} is the limit")
    return len(scripts)


def check(root):
    """Checks a tree; returns the complaints and how many files there were."""
    complaints = tree.Complaints()
    found = tree.sources(root, ".c", ".h", ".def")
    for source in found:
        check_text(source, complaints)
        check_words(source, complaints)
        check_functions(source, complaints)
        check_variables(source, complaints)
    check_recursion([s for s in found if not allowed(s, (TESTS,))], complaints)
    return complaints, len(found) + check_scripts(root, complaints)


if __name__ == "__main__":
    result, n_files = check(tree.root_argument(__doc__))
    sys.exit(result.finish("style", n_files))
