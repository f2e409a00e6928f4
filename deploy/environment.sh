#!/usr/bin/env bash
# Make .venv with a Python that `requires-python` allows: the one that is named, or the first that runs. `make setup` calls it.
#
#   deploy/environment.sh [python3.12]
#
# A Python that does not fit is refused before anything is written, and one that cannot make a whole environment leaves none.
set -euo pipefail
cd "$(dirname "$0")/.."

range=$(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$/\1 \2/p' pyproject.toml)
read -r first end <<<"$range"
allowed="Python 3.$first to 3.$((end - 1))"
example="make setup PYTHON=/path/to/python3.$first"

fail() {
    echo "error: $1" >&2
    exit 2
}

version() { # of a program, as 3.11; nothing if it does not run
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

fits() {
    [[ $1 =~ ^3\.([0-9]+)$ ]] && ((BASH_REMATCH[1] >= first && BASH_REMATCH[1] < end))
}

if [[ -x .venv/bin/python ]]; then
    has=$(version .venv/bin/python)
    fits "$has" || fail ".venv is of Python ${has:-that does not run}, and Hydrometer runs on $allowed: make clean, then make setup"
    [[ -z ${1:-} || $(version "$1") == "$has" ]] || fail ".venv is of Python $has, and $1 is another: make clean, then make setup PYTHON=$1"
    exit 0
fi

python=${1:-}
if [[ -z $python ]]; then
    for ((minor = first; minor < end; minor++)); do
        if fits "$(version "python3.$minor")"; then
            python=python3.$minor
            break
        fi
    done
    python=${python:-python3}
fi
has=$(version "$python")
fits "$has" || fail "$python is ${has:-not a Python that runs}, and Hydrometer runs on $allowed: install one, or say $example"

rm -rf .venv # its Python is gone
"$python" -m venv .venv || {
    rm -rf .venv
    fail "$python cannot make an environment: install its module venv (Debian: apt install python$has-venv), then make setup"
}
