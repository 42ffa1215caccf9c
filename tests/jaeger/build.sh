#!/bin/sh
# Build Jaeger into a folder, from its Go module: some minutes the first time, nothing once it is there.
set -eu
version=v1.76.0
target=$1

if [ -x "$target/jaeger" ] && [ "$(cat "$target/.version" 2>/dev/null)" = "$version" ]; then
    exit 0
fi
mkdir -p "$target/build"
echo "services: building Jaeger $version into $target (some eight minutes, once)"

# Caches of its own, gone when it is built: 3 GB. What is fetched is checked against Go's checksum database.
export GOMODCACHE="$target/build/modules" GOCACHE="$target/build/objects" GOFLAGS=-modcacherw GOTOOLCHAIN=local CGO_ENABLED=0
cd "$target/build"
go mod download "github.com/jaegertracing/jaeger@$version"
cd "$GOMODCACHE/github.com/jaegertracing/jaeger@$version" # its own go.mod and go.sum count
go build -buildvcs=false -trimpath -o "$target/build/jaeger" \
    -ldflags "-s -w -X github.com/jaegertracing/jaeger/internal/version.latestVersion=$version" ./cmd/jaeger
mv "$target/build/jaeger" "$target/jaeger"
echo "$version" >"$target/.version"
rm -rf "$target/build"
