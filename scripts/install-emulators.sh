#!/bin/sh
# Installs what stands in for AWS on this machine, into .tools/: DynamoDB Local, SeaweedFS and MiniStack.
# Does nothing when they are there. Without root it says which programs are missing; in CI that is an error.
set -eu
cd "$(dirname "$0")/.."

# DynamoDB Local is Amazon's own engine; this npm package carries it in emulator/.
dynamodb_package=amplify-dynamodb-simulator@2.9.30
dynamodb_sha256=3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9
dynamodb=.tools/dynamodb-local
servers=.tools/emulators # A virtual environment of its own: MiniStack pins botocore.

sh scripts/install-tools.sh java npm

if [ "$(cat $dynamodb/installed 2>/dev/null)" != $dynamodb_sha256 ] && command -v npm >/dev/null; then
    echo "installing $dynamodb_package"
    rm -rf $dynamodb && mkdir -p $dynamodb
    (cd $dynamodb && npm pack --silent $dynamodb_package >/dev/null)
    echo "$dynamodb_sha256  $(echo $dynamodb/*.tgz)" | sha256sum --check --quiet
    tar -xzf $dynamodb/*.tgz -C $dynamodb --strip-components=2 package/emulator
    rm $dynamodb/*.tgz
    echo $dynamodb_sha256 >$dynamodb/installed
fi

if ! cmp -s requirements/emulators.txt $servers/installed; then
    echo "installing SeaweedFS and MiniStack"
    .venv/bin/uv venv --quiet --clear --python .venv/bin/python $servers
    .venv/bin/uv pip install --quiet --python $servers/bin/python --require-hashes -r requirements/emulators.txt
    cp requirements/emulators.txt $servers/installed
fi
