# SPDX-License-Identifier: GPL-2.0-or-later
"""Every answer of Center against abi/center.yaml: status, type, headers and shape."""
import json
import pathlib
import re
import warnings

import jsonschema
import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jsonschema import RefResolver

FILE = pathlib.Path(__file__).resolve().parents[2] / "abi" / "center.yaml"


class Contract:
    def __init__(self):
        self.document = yaml.safe_load(FILE.read_text())
        self.resolver = RefResolver("", self.document)
        self.paths = []
        for path, item in self.document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
            self.paths.append((re.compile(pattern + "$"), path, item))
        self.used = set()  # operations that did what they are for

    def resolve(self, thing):
        while "$ref" in thing:
            thing = self.resolver.resolve(thing["$ref"])[1]
        return thing

    def operation(self, method, path):
        # A fixed part goes before a parameter: /log/check before /{id}.
        found = [(p, item) for regex, p, item in self.paths if regex.match(path) and method.lower() in item]
        found.sort(key=lambda entry: entry[0].count("{"))
        return found[0] if found else None

    def operations(self):
        return {item[method]["operationId"] for _, _, item in self.paths
                for method in ("get", "put", "post", "patch", "delete") if method in item}

    def check_schema(self, schema, value, where):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        for error in validator.iter_errors(value):
            place = "/".join(map(str, error.absolute_path))
            raise AssertionError(f"{where}: {place}: {error.message[:300]}")

    def check(self, method, path, request, status, headers, body):
        """request: the JSON that was sent and accepted, or None. body: bytes."""
        path = path.split("?")[0]
        found = self.operation(method, path)
        if not found:
            assert status in (404, 405), f"{method} {path} is not in the contract, and gives {status}"
            return
        name, item = found
        operation = item[method.lower()]
        where = f"{method} {name} {status}"
        if status < 300:
            self.used.add(operation["operationId"])
        if status < 300 and request is not None:
            content = self.resolve(operation["requestBody"])["content"]
            self.check_schema(content["application/json"]["schema"], request, where + " request")
        responses = operation["responses"]
        if str(status) in responses:
            response = self.resolve(responses[str(status)])
        else:
            assert status >= 400 and "default" in responses, f"{where} is not in the contract"
            response = self.resolve(responses["default"])
        for header, value in response.get("headers", {}).items():
            assert not value.get("required") or header in headers, f"{where}: no header {header}"
        if "content" not in response:
            assert not body, f"{where}: a body where there is none in the contract"
            return
        kind = headers.get("Content-Type", "").split(";")[0]
        assert kind in response["content"], f"{where}: type {kind}"
        if kind.endswith("json") and kind != "application/vnd.nxtop.envelope+json":
            value = json.loads(body)
            self.check_schema(response["content"][kind]["schema"], value, where)
            if kind == "application/problem+json":
                assert value["status"] == status, where


CONTRACT = Contract()
