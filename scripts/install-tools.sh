#!/bin/sh
# Installs the named Debian packages that are not there yet. Elsewhere, or without root, it says what is missing.
set -eu

missing=""
for tool in "$@"; do
    case "$tool" in
        python3-doc) [ -d /usr/share/doc/python3.11/html ] || [ -d /usr/share/doc/python3/html ] || missing="$missing $tool" ;;
        debian-handbook) [ -d /usr/share/doc/debian-handbook/html ] || missing="$missing $tool" ;;
        nginx) command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light" ;;
        java) command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless" ;;
        *) command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "needed, but not installed:$missing (apt-get install$missing)" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi
echo "installing$missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
