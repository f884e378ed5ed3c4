#!/usr/bin/env bash
# Makes the package of a layer or a function, including bytecode: package.sh KIND ARTIFACTS_DIR
# It packages the folder in which it is started ("this folder"). KIND is one of these:
#
#   dependencies  the third-party packages of ../requirements.txt, for the processor in this folder's name
#   layer         the Python packages in this folder
#   function      the modules in this folder
#
# Lambda's folders are read-only. Without bytecode in the package, every cold start would compile its imports. Python
# normally compares the date in the bytecode with the date of the source file. SAM's zip changes these dates, so Python
# would reject the bytecode. The bytecode is therefore `unchecked-hash`, which Python uses without a check.
#
# PACKAGE_PYTHON=/path/to/python makes the package for that Python and this machine, instead of for Lambda.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
kind=$1
artifacts=$2
runs_on=3.13 # the runtime in template.yaml
# The AWS services for which hosting_orders/bootstrap.py creates boto3 clients. A test compares the two files.
aws_services="appconfigdata dynamodb dynamodbstreams kms lightsail route53 route53domains secretsmanager sns sqs stepfunctions"

# Any Python with pip can fetch packages for another version of Python.
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
    rm -rf "$target/bin" # commands are not needed on Lambda
    trim_botocore "$target/botocore/data"
}

# Removes the folders of unused services. botocore has a folder for each of about 400 AWS services, and lists all
# folders when a client is made.
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

# Compiles the modules in $1. $2 is the folder's path on Lambda, which tracebacks show. The path and the fixed hash seed
# make builds reproducible.
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
