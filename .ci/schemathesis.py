#!/usr/bin/env python3
"""Holds a running server against its own OpenAPI document with schemathesis.

Usage: schemathesis.py SERVER SCHEMATHESIS [EXAMPLES]

Starts SERVER (the program) in memory on free ports, without limits, and signs a user up with whatever the routes name:
a second user, a contact, a group, messages. The ids of these take the place of random ones, since a route that finds
nothing shows nothing. Each run makes the same requests, so that a failure can be repeated.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

# Generated requests for each operation and phase: more found nothing new, and take a second each.
EXAMPLES = 40
# Runs each route with every kind of wrong and of boundary value. Sequences of requests have tests of their own.
PHASES = "examples,coverage,fuzzing"
# Server errors, answers that the document does not describe, requests that it forbids and the server accepts, and the
# other way round.
CHECKS = ",".join([
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "ignored_auth",
    "unsupported_method",
])
PASSWORD = "a long password"


class Client:
    """JSON over HTTP, as one user."""

    def __init__(self, base):
        self.base, self.token, self.id = base, None, None

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method)
        request.add_header("content-type", "application/json")
        if self.token:
            request.add_header("authorization", f"Bearer {self.token}")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def sign_up(self, name):
        made = self.ask("POST", "/v1/auth/register", {"username": name, "password": PASSWORD})
        self.token, self.id = made["tokens"]["access_token"], made["user"]["id"]
        return self


def populate(base):
    """Returns the signed-in user and the ids that take the place of random ones, for all and for single operations."""
    ana, ben = Client(base).sign_up("ana"), Client(base).sign_up("ben")
    ana.ask("PUT", f"/v1/contacts/{ben.id}", {"alias": "Ben"})

    def group(title):
        made = ana.ask("POST", "/v1/conversations", {"kind": "group", "title": title, "member_ids": [ben.id]})
        for n in range(3):
            ana.ask("POST", f"/v1/conversations/{made['id']}/messages", {"body": f"Message {n}"})
        return made["id"]

    left = group("Left")
    ana.ask("DELETE", f"/v1/conversations/{left}/members/{ana.id}")
    ids = {"id": group("Group"), "user_id": ben.id, "seq": 3, "emoji": "👍"}
    # What these do to a conversation would keep all others from it.
    single = {
        "DELETE /v1/conversations/{id}": {"id": group("Deleted")},
        "DELETE /v1/conversations/{id}/me": {"id": left},
        "PATCH /v1/conversations/{id}/members/{user_id}": {"id": group("Handed over")},
        "DELETE /v1/conversations/{id}/members/{user_id}": {"id": group("Emptied")},
        "DELETE /v1/conversations/{id}/messages/{seq}": {"seq": 2},
        "GET /v1/users/{id}": {"id": ben.id},
    }
    return ana, ids, single


def configuration(ids, single):
    """Returns the configuration file of schemathesis."""

    def quoted(value):
        return json.dumps(value, ensure_ascii=False)

    def operations(key, names, *settings):
        return ["[[operations]]", f"{key} = {quoted(names)}", *settings]

    def parameters(values):
        return [f'"path.{name}" = {quoted(value)}' for name, value in values.items()]

    def accepted(*more):
        statuses = ["2xx", "401", "403", "404", "409", *more]
        return f"checks.positive_data_acceptance.expected-statuses = {quoted(statuses)}"

    # A text of forbidden length or characters may make the address too long to be read at all.
    refused = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "414", "415", "422", "428", "429", "431"]
    lines = [f"checks.negative_data_rejection.expected-statuses = {quoted(refused)}"]
    # One version of the protocol for resumable uploads.
    lines += ["[parameters]", '"header.tus-resumable" = "1.0.0"', *parameters(ids)]
    # No schema can state which cursors the server has made, and nothing else of a GET is answered with 400.
    lines += operations("include-method", "GET", accepted("400"))
    # Nor which users, messages and files there are, how far a conversation goes, and what is empty without its files.
    by_rule = [
        "POST /v1/conversations",
        "POST /v1/conversations/{id}/members",
        "POST /v1/conversations/{id}/messages",
        "PATCH /v1/conversations/{id}/messages/{seq}",
        "POST /v1/conversations/{id}/receipts",
        "PATCH /v1/conversations/{id}",
        "PATCH /v1/me",
    ]
    lines += operations("include-name", by_rule, accepted("422"))
    # Nor the grammar of forms and of a waveform in a query, nor which bytes make a file.
    lines += operations("include-name", "POST /v1/media", accepted("400", "413", "415", "422"))
    # Nor the grammar of tus' headers. Unknown headers are those of others, and refused by nobody.
    unknown = f"checks.negative_data_rejection.expected-statuses = {quoted([*refused, '201'])}"
    lines += operations("include-name", "POST /v1/uploads", accepted("400", "413"), unknown)
    # A part is bytes of a media type of its own, which schemathesis can't write; a client of tus tries it elsewhere.
    lines += operations("include-name", "PATCH /v1/uploads/{id}", "enabled = false")
    for name, values in single.items():
        lines += operations("include-name", name, "[operations.parameters]", *parameters(values))
    # These end the session that everything else is tried with.
    ending = [
        "POST /v1/auth/logout", "DELETE /v1/me", "POST /v1/auth/password", "DELETE /v1/auth/sessions/{id}",
    ]
    lines += operations("include-name", ending, "enabled = false")
    # Opens a socket, which is described by another document.
    lines += operations("include-path", "/v1/ws", "enabled = false")
    return "\n".join(lines) + "\n"


def main():
    server_program, schemathesis, *rest = sys.argv[1:]
    examples = int(rest[0]) if rest else EXAMPLES
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ, LETSAPP_LIMITS="off", RUST_LOG="error")
        flags = ["--store", "memory:", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        server = subprocess.Popen(
            [server_program, *flags, "--data-dir", scratch], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            line = server.stdout.readline()
            base = line.split("listening on ")[1].split(",")[0]
            ana, ids, single = populate(base)
            config = os.path.join(scratch, "schemathesis.toml")
            with open(config, "w") as file:
                file.write(configuration(ids, single))
            command = [
                schemathesis, "--config-file", config, "run", f"{base}/openapi.json",
                "--header", f"Authorization: Bearer {ana.token}",
                "--checks", CHECKS, "--phases", PHASES, "--mode", "all",
                "--max-examples", str(examples), "--generation-deterministic", "--continue-on-failure", "--no-color",
                "--suppress-health-check", "all",
            ]
            sys.exit(subprocess.run(command, cwd=scratch).returncode)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
