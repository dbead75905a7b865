#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The console's client against abi/center.yaml: every path that it calls, and the members of its types."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "center"))
from contract import CONTRACT  # noqa: E402

SOURCE = ROOT / "center" / "console" / "src"
CLIENT = (SOURCE / "api" / "client.ts").read_text()
TYPES = (SOURCE / "api" / "types.ts").read_text()

# What has another name there, or none.
ELSEWHERE = {"PcEvent": "Event"}
UNNAMED = {
    "Session": ("responses", "Session"),
    "Changes": ("paths", "/api/v1/changes"),
    "LogCheck": ("paths", "/api/v1/log/check"),
}


def schema_of(name):
    kind, key = UNNAMED.get(name, (None, None))
    if kind == "responses":
        answer = CONTRACT.document["components"]["responses"][key]
    elif kind == "paths":
        answer = CONTRACT.document["paths"][key]["get"]["responses"]["200"]
    else:
        return CONTRACT.document["components"]["schemas"][ELSEWHERE.get(name, name)]
    return answer["content"]["application/json"]["schema"]


class Client(unittest.TestCase):
    def test_paths(self):
        calls = re.findall(r'\bcall<[^(]*>\("([A-Z]+)", "([^"]+)"', CLIENT)
        for path in re.findall(r'\bchange<[^(]*>\("([^"]+)"', CLIENT):
            calls += [("GET", path), ("PATCH", path)]
        self.assertGreater(len(calls), 25)
        for method, path in calls:
            with self.subTest(f"{method} {path}"):
                self.assertIn(path, CONTRACT.document["paths"])
                self.assertIn(method.lower(), CONTRACT.document["paths"][path])
        # Nothing is called that the above does not see: each stands in the text once.
        changes = sum(method == "PATCH" for method, _ in calls)
        self.assertEqual(CLIENT.count('"/api/'), len(calls) - changes)

    def test_nobody_else_asks(self):
        for path in SOURCE.rglob("*.ts*"):
            text = path.read_text()
            if path.name != "client.ts":
                self.assertNotRegex(text, r"/api/v1|\bfetch\(|XMLHttpRequest|WebSocket|EventSource", path)
            self.assertNotRegex(text, r"dangerouslySetInnerHTML|innerHTML|https?://", path)

    def test_types(self):
        found = re.findall(r"export interface (\w+)(?:<T>)?(?: extends (\w+))? \{\n(.*?)\n\}", TYPES, re.S)
        self.assertGreater(len(found), 15)
        members = {}
        for name, base, body in found:
            members[name] = dict(members.get(base, {}))
            for line in body.splitlines():
                match = re.match(r"  (\w+)(\??):", line)
                if match:
                    members[name][match[1]] = bool(match[2])
            schema = schema_of(name)
            for member, optional in members[name].items():
                with self.subTest(f"{name}.{member}"):
                    self.assertIn(member, schema["properties"])
                    self.assertEqual(member not in schema.get("required", []), optional)

    def test_words(self):
        """Unions of words, such as the states of a workspace."""
        unions = {
            "Do": CONTRACT.document["components"]["schemas"]["Do"],
            "Severity": CONTRACT.document["components"]["schemas"]["Severity"],
            "OrderState": schema_of("Order")["properties"]["state"],
            "WorkspaceState": schema_of("WorkspaceStatus")["properties"]["state"],
            "OperationsState": schema_of("Overview")["properties"]["operations"],
        }
        for name, schema in unions.items():
            text = re.search(rf"export type {name} =(.*?);", TYPES, re.S)[1]
            self.assertEqual(re.findall(r'"([a-z]+)"', text), schema["enum"], name)


if __name__ == "__main__":
    unittest.main()
