#!/usr/bin/env bash
# Makes the package of a layer or a function, with bytecode in it: package.sh KIND ARTIFACTS_DIR
#
#   dependencies  the third-party packages of ../requirements.txt for the processor this folder is called after
#   layer         the Python packages in this folder
#   function      the modules in this folder
#
# Lambda's folders are read-only: without bytecode in the package every cold start compiles all that it imports. SAM's
# zip gives every file the same date, so bytecode that is checked by the date of its source would be thrown away;
# `unchecked-hash` is used as it is.
#
# PACKAGE_PYTHON=/path/to/python packages for that Python, on this machine, instead of for Lambda.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
kind=$1
artifacts=$2
runs_on=3.13 # as template.yaml says
# What boto3 clients are made for in hosting_orders/bootstrap.py; a test holds this list against it.
aws_services="appconfigdata dynamodb kms lightsail route53 route53domains secretsmanager sns stepfunctions"

# Any Python that has pip can fetch the packages of another one.
python_with_pip() {
    local candidate
    for candidate in "$root/.venv/sam/bin/python" "$("$here/../bootstrap.sh" --python)"; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    echo "No Python with pip was found; \`make .venv/sam\` makes one." >&2
    return 1
}

fetch_dependencies() {
    local target=$1 python platform
    set -- --no-deps --require-hashes --only-binary=:all: --no-compile --requirement ../requirements.txt
    if [ -n "${PACKAGE_PYTHON:-}" ]; then
        python=$PACKAGE_PYTHON
    else
        python=$(python_with_pip)
        set -- "$@" --implementation cp --python-version "$runs_on"
        while IFS= read -r platform; do
            set -- "$@" --platform "$platform"
        done <platforms
    fi
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --target "$target" "$@"
    rm -rf "$target/bin" # commands, which nothing runs on Lambda
    trim_botocore "$target/botocore/data"
}

# botocore describes each of AWS's 400 services in a folder, and lists the folders when a client is made.
trim_botocore() {
    local folder
    for folder in "$1"/*/; do
        case " $aws_services " in
            *" $(basename "$folder") "*) ;;
            *) rm -rf "$folder" ;;
        esac
    done
}

copy_sources() {
    mkdir -p "$1"
    cp -R . "$1"
    find "$1" \( -name __pycache__ -o -name '.*' -o -name '*.pyc' \) ! -path "$1" -prune -exec rm -rf {} +
}

# $2 is where the folder is on Lambda: tracebacks name it, and the same sources give the same bytes.
compile() {
    local python=${PACKAGE_PYTHON:-}
    if [ -z "$python" ] && ! python=$("$here/../bootstrap.sh" --python "$runs_on"); then
        [ "$kind" != dependencies ] ||
            echo "No Python $runs_on here, so the packages have no bytecode: every cold start takes three times as long."
        return 0
    fi
    PYTHONHASHSEED=0 "$python" -m compileall -q -f --invalidation-mode unchecked-hash -s "$1" -p "$2" "$1"
}

case $kind in
    dependencies)
        fetch_dependencies "$artifacts/python"
        compile "$artifacts/python" /opt/python
        ;;
    layer)
        copy_sources "$artifacts/python"
        compile "$artifacts/python" /opt/python
        ;;
    function)
        copy_sources "$artifacts"
        compile "$artifacts" /var/task
        ;;
esac
