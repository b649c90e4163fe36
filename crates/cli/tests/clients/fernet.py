"""Fernet with Python's `cryptography`: `encrypt KEY TEXT` and `decrypt KEY TOKEN` on the database's
own key file, and a stored token read from, or put into, the SQLite file behind our back."""

import sqlite3
import sys

from cryptography.fernet import Fernet, MultiFernet


def ring(path):
    with open(path) as file:
        keys = [line.strip() for line in file.read().replace(",", "\n").splitlines()]
    return MultiFernet([Fernet(key) for key in keys if key and not key.startswith("#")])


def main(verb, database, key_file, target, *text):
    fernet = ring(key_file)
    with sqlite3.connect(database) as connection:
        if verb == "read":
            (token,) = connection.execute(
                "SELECT password_encrypted FROM credentials WHERE target_id = ?", (target,)
            ).fetchone()
            print(fernet.decrypt(token).decode(), end="")
        else:
            token = fernet.encrypt(text[0].encode()).decode()
            done = connection.execute(
                "UPDATE credentials SET password_encrypted = ? WHERE target_id = ?", (token, target)
            )
            if done.rowcount != 1:
                raise SystemExit(f"{done.rowcount} rows instead of one")


main(*sys.argv[1:])
