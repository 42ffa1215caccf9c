#!/bin/sh
# Build Docker Compose from its Go module, as FILE: some minutes the first time, nothing once it is there.
set -eu
version=v2.40.3
file=$1

if docker compose version >/dev/null 2>&1 || { [ -x "$file" ] && "$file" version --short | grep -qxF "${version#v}"; }; then
    exit 0
fi
folder=$(dirname "$file")
mkdir -p "$folder/build"
echo "services: building Docker Compose $version (some five minutes, once)"

# Caches of its own, gone when it is built: 1 GB. What is fetched is checked against Go's checksum database.
cd "$folder/build"
export GOMODCACHE="$PWD/modules" GOCACHE="$PWD/objects" GOFLAGS=-modcacherw GOTOOLCHAIN=local CGO_ENABLED=0
[ -f go.mod ] || go mod init local/compose
go get "github.com/docker/compose/v2/cmd@$version"
go build -trimpath -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=${version#v}" \
    -o built github.com/docker/compose/v2/cmd
mv built "$file"
cd "$folder"
rm -rf build
