#!/bin/sh
# Install what slow tests need beside Python; where this user may not, say how; say what is there. Quick where all is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

has_one_of() {
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            return 0
        fi
    done
    return 1
}

say_here() { # what it is, then programs: the first that is there
    what=$1
    shift
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            echo "services: $what: $(command -v "$name")"
            return 0
        fi
    done
}

install() { # what it is for, then Debian packages
    what=$1
    shift
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "services: installing $*, for $what"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
            echo "services: apt-get could not install it, so $what will be skipped." >&2
    else
        echo "services: missing here: $*; so $what will be skipped. Install it, such as with: sudo apt-get install $*"
    fi
}

pages="chromium chromium-browser google-chrome-stable google-chrome"
has_one_of $pages || install "tests that look at pages" chromium
has_one_of strace || install "tests of a loss of power" strace
has_one_of java || install "tests with a real Kafka" openjdk-17-jre-headless
has_one_of mvn || install "tests with a real Kafka" maven
say_here "Chromium, for tests that look at pages" $pages
say_here "strace, for tests of a loss of power" strace
if has_one_of java && has_one_of mvn; then
    kafka=${TOCSIN_TEST_KAFKA:-${XDG_CACHE_HOME:-$HOME/.cache}/tocsin-tests/kafka}
    if sh "$here/kafka/fetch.sh" "$kafka"; then
        echo "services: Apache Kafka: $kafka, on $(command -v java)"
    else
        echo "services: Apache Kafka could not be fetched, so tests with a real Kafka will be skipped." >&2
    fi
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tocsin-tests"
if has_one_of go; then
    if sh "$here/jaeger/build.sh" "$cache/jaeger"; then
        echo "services: Jaeger $(cat "$cache/jaeger/.version"): $cache/jaeger/jaeger"
    else
        echo "services: Jaeger could not be built, so tests with a real Jaeger will be skipped." >&2
    fi
else
    echo "services: missing here: Go; so tests with a real Jaeger will be skipped."
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then # only root can start an engine, and make a Debian image
    { has_one_of dockerd && has_one_of debootstrap; } || install "tests with containers" docker.io debootstrap iptables
    if has_one_of go && has_one_of dockerd; then
        [ -x "$cache/jaeger/jaeger" ] &&
            sh "$here/containers/compose.sh" "$cache/docker/client/cli-plugins/docker-compose" &&
            (cd "$here/.." && python3 -m tests.containers.images) &&
            echo "services: tests with containers: $(command -v dockerd), images and data in $cache/docker" ||
            echo "services: something of it could not be made, so tests with containers will be skipped." >&2
    else
        echo "services: missing here: Go or Docker; so tests with containers will be skipped."
    fi
fi
