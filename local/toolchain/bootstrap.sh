#!/usr/bin/env bash
# Finds Python and makes the project's virtual environments when they are missing or out of date.
#
#   bootstrap.sh ENVIRONMENT…     make .venv/ENVIRONMENT (app, emulator, sam or browser)
#   bootstrap.sh --python [X.Y…]  print the newest suitable Python, or the newest of the given versions
#
# The emulator and SAM CLI each pin their own botocore. They have their own environments, so their pins do not change
# the version that the application is tested with.
#
# PYTHON=/path/to/python selects the interpreter. The script works with bash 3.2, which macOS ships.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venvs=${VENV_ROOT:-$root/.venv}
known_versions="3.14 3.13 3.12 3.11"
recipe=2 # increase this when environments must be rebuilt

say() { printf '%s\n' "$*" >&2; }

# True if $1 runs, is Python $2, and can make a virtual environment. The file's name alone does not show this.
# pyenv leaves a `python3.13` on the PATH that only prints an error. Debian's python3 comes without `ensurepip`.
is_suitable() {
    [ -x "$1" ] || return 1
    "$1" -c 'import sys, venv, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' "$2" \
        >/dev/null 2>&1
}

# All places where Python $1 may be, one path per line, best first.
candidates() {
    local version=$1 name directory
    local IFS=:
    for name in "python$version" python3 python; do
        for directory in $PATH; do
            printf '%s\n' "${directory:-.}/$name"
        done
    done
    unset IFS
    for directory in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin \
        "$HOME/.local/share/uv/python/cpython-$version".*/bin \
        "/opt/homebrew/opt/python@$version/bin" "/usr/local/opt/python@$version/bin"; do
        printf '%s\n' "$directory/python$version"
    done
}

# Prints the newest Python of the given versions, or fails.
find_python() {
    local version candidate
    for version in "$@"; do
        if [ -n "${PYTHON:-}" ]; then
            if is_suitable "$(command -v "$PYTHON")" "$version"; then
                command -v "$PYTHON"
                return 0
            fi
            continue
        fi
        while IFS= read -r candidate; do
            if is_suitable "$candidate" "$version"; then
                printf '%s\n' "$candidate"
                return 0
            fi
        done <<EOF
$(candidates "$version")
EOF
    done
    return 1
}

no_python() {
    if [ -n "${PYTHON:-}" ]; then
        say "PYTHON=$PYTHON is not a Python 3.11 to 3.14 with a working venv module."
    else
        say "No Python 3.11 to 3.14 with a working venv module was found on the PATH or under pyenv."
    fi
    say "Install one, for example:"
    say "  Debian, Ubuntu: apt-get install python3 python3-venv"
    say "  macOS:          brew install python@3.13"
    say "  any system:     pyenv install 3.13"
}

requirements_of() {
    case $1 in
        app) printf '%s\n' "$here/dev.txt" ;;
        emulator) printf '%s\n' "$here/emulator.txt" ;;
        sam) printf '%s\n' "$here/sam.txt" ;;
        *)
            say "Unknown environment '$1': it is one of app, emulator, sam, browser."
            exit 2
            ;;
    esac
}

# Prints the stamp of a finished environment. If the stored stamp differs, the environment is made again.
stamp_of() {
    printf 'recipe %s, %s, %s\n' "$recipe" "$("$venvs/$1/bin/python" -V 2>/dev/null)" "$(cksum <"$2")"
}

is_current() {
    [ -f "$venvs/$1/.stamp" ] && [ "$(cat "$venvs/$1/.stamp")" = "$(stamp_of "$1" "$2")" ]
}

# Two `make` processes must not build the same environment at once. mkdir is a portable atomic lock.
# A lock whose process no longer runs is taken over.
lock() {
    local owner waited=0
    mkdir -p "$venvs"
    until mkdir "$venvs/.$1.lock" 2>/dev/null; do
        owner=$(cat "$venvs/.$1.lock/pid" 2>/dev/null || true)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$venvs/.$1.lock"
            continue
        fi
        [ $((waited % 30)) -ne 0 ] || say "Another process is preparing .venv/$1; waiting for it …"
        waited=$((waited + 1))
        sleep 1
    done
    echo $$ >"$venvs/.$1.lock/pid"
    locked=$1
}

unlock() {
    [ -z "${locked:-}" ] || rm -rf "$venvs/.$locked.lock"
    locked=
}
trap unlock EXIT

make_environment() {
    local name=$1 requirements python packages log
    requirements=$(requirements_of "$name")
    if is_current "$name" "$requirements"; then
        return 0
    fi
    lock "$name"
    if is_current "$name" "$requirements"; then
        unlock
        return 0
    fi
    # shellcheck disable=SC2086  # word splitting is intended
    if ! python=$(find_python $known_versions); then
        no_python
        exit 1
    fi
    say "Preparing .venv/$name with $("$python" -V) (once; takes up to a minute) …"
    rm -rf "${venvs:?}/$name"
    "$python" -m venv "$venvs/$name"
    log="$venvs/$name/pip.log"
    # --no-compile: Python compiles modules on first use. Compiling all of them takes time and a quarter more space.
    if ! "$venvs/$name/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps --no-compile \
        --require-hashes -r "$requirements" >"$log" 2>&1; then
        cat "$log" >&2
        say "Installing $(basename "$requirements") into .venv/$name failed; pip's output is above."
        exit 1
    fi
    # Make the application's package importable everywhere, as on Lambda.
    if [ "$name" = app ]; then
        packages=$("$venvs/$name/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        printf '%s\n' "$root/layers/hosting_orders" >"$packages/hosting_orders.pth"
    fi
    stamp_of "$name" "$requirements" >"$venvs/$name/.stamp"
    unlock
}

# Tools of the browser tests. Playwright goes into .venv/app, and axe-core from npm goes into .venv/browser.
# Chromium is not installed: the tests use the system's Chromium.
make_browser() {
    local stamp log="$venvs/browser/install.log"
    make_environment app
    stamp=$(cat "$venvs/app/.stamp" "$here/browser.txt" "$here/browser/package-lock.json" | cksum)
    [ "$(cat "$venvs/browser/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    if ! command -v npm >/dev/null; then
        say "npm was not found on the PATH; the browser tests need it for axe-core."
        say "  Debian, Ubuntu: apt-get install npm"
        say "  macOS:          brew install node"
        exit 1
    fi
    lock browser
    say "Preparing what the browser tests need …"
    rm -rf "${venvs:?}/browser"
    mkdir -p "$venvs/browser"
    cp "$here/browser/package.json" "$here/browser/package-lock.json" "$venvs/browser/"
    if ! "$venvs/app/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps --no-compile \
        --require-hashes -r "$here/browser.txt" >"$log" 2>&1 ||
        ! (cd "$venvs/browser" && npm ci --ignore-scripts --no-audit --no-fund) >>"$log" 2>&1; then
        cat "$log" >&2
        say "Installing what the browser tests need failed; the output of pip or npm is above."
        exit 1
    fi
    printf '%s\n' "$stamp" >"$venvs/browser/.stamp"
    unlock
}

case ${1:-} in
    "" | -h | --help)
        sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        ;;
    --python)
        shift
        # shellcheck disable=SC2086
        if ! find_python ${*:-$known_versions}; then
            [ $# -gt 0 ] || no_python
            exit 1
        fi
        ;;
    *)
        if [ $# -eq 1 ]; then
            if [ "$1" = browser ]; then make_browser; else make_environment "$1"; fi
            exit
        fi
        # In parallel, because pip mostly waits for network and disk.
        jobs=""
        for environment in "$@"; do
            "${BASH_SOURCE[0]}" "$environment" &
            jobs="$jobs $!"
        done
        failed=0
        for job in $jobs; do
            wait "$job" || failed=1
        done
        exit $failed
        ;;
esac
