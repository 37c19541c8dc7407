#!/bin/bash
# Fails on C that clang-format 14 would lay out otherwise (other versions differ in details).
# usage: format.sh ROOT    (exit code 77: clang-format 14 is missing)
set -eu
cd "$1"

tool=
for name in clang-format-14 clang-format; do
    if command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then
        tool=$name
        break
    fi
done
if [ -z "$tool" ]; then
    echo "skipped: clang-format 14 is not installed"
    exit 77
fi

list() {
    git ls-files -z --cached --others --exclude-standard '*.c' '*.h' 2>/dev/null ||
        find . -path './build*' -prune -o -name '*.[ch]' -print0
}
list | xargs -0 -r "$tool" --dry-run -Werror --style=file
echo "format: $(list | tr -cd '\0' | wc -c) files are fine"
