#!/bin/sh
# Makes the secrets that all replicas share, once; files that exist stay.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
make() {
	[ -s "secrets/$1" ] || head -c 32 /dev/urandom | $2 | tr -d '\n' >"secrets/$1"
}
hexadecimal() { od -An -v -tx1 | tr -d ' \n'; }
url_safe() { base64 | tr '+/' '-_'; }
make database_password hexadecimal
make master_key url_safe
make audit_key hexadecimal
make audit_signing_key hexadecimal
# The containers' user reads them; keep this folder to yourself.
chmod 0444 secrets/*
chmod 0700 secrets
