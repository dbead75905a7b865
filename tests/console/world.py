#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the console is tested against: a real nxtop-center, the image author's real tool, and PCs that speak the real
protocol. One request a line on stdin, {"do": NAME, ...}; one answer a line on stdout, {"ok": ...} or {"error": TEXT}."""
import json
import os
import pathlib
import sys
import traceback
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "center"))
from center import PASSWORD, Author, Center, Pc, payload, temporary  # noqa: E402
from contract import CONTRACT  # noqa: E402

BLOCK = 262144


class World:
    def __init__(self):
        self.temporary = temporary()
        self.folder = pathlib.Path(self.temporary.name)
        self.author = Author(self.folder / "author")
        self.center = None
        self.signed_in = None
        self.pcs = {}
        self.blocks = [os.urandom(BLOCK), bytes(BLOCK)]

    def close(self):
        for pc in self.pcs.values():
            pc.close()
        if self.center:
            self.center.stop()
        self.temporary.cleanup()

    def do_start(self, console):
        self.center = Center(self.folder, self.author, ["--console", console])
        return {"port": self.center.port, "code": self.center.code, "password": PASSWORD}

    def do_stop(self):
        if self.signed_in:
            self.signed_in.close()
        self.center.stop()

    def do_again(self):
        """Center comes back where it was."""
        self.center.arguments += ["--listen", f"127.0.0.1:{self.center.port}"]
        self.center.start()

    @property
    def admin(self):
        if not self.signed_in:
            self.signed_in = self.center.sign_in()
        return self.signed_in

    def do_set_up(self):
        self.signed_in = self.center.set_up()

    def do_certify(self):
        admin = self.admin
        certificate = self.author.certificate(admin.get("/api/v1/operations")["key"])
        admin.ask("PUT", "/api/v1/operations", certificate, {"Content-Type": "application/vnd.nxtop.envelope+json"}, status=200)

    def do_image(self, version, image="debian", title="Debian 13"):
        folder = self.author.image(version, [*self.blocks, os.urandom(BLOCK)], image, title)
        self.center.upload(self.admin, folder, version)

    def do_draft(self, version, image="debian", title="Debian 13"):
        folder = self.author.image(version, [os.urandom(BLOCK)], image, title)
        self.admin.ask("POST", "/api/v1/images", (folder / f"{version}.json").read_bytes(),
                         {"Content-Type": "application/vnd.nxtop.envelope+json"}, status=201)

    def do_policy(self, generation=1, **changes):
        self.admin.ask("POST", "/api/v1/policies", self.author.policy(generation, **changes), status=201)

    def do_enrolment(self, **changes):
        return self.center.enrolment(self.admin, **changes)["text"]

    def do_ask(self, method, path, body=None, headers=None):
        """As an administrator at another place."""
        answer = self.admin.ask(method, path, body, headers)
        return {"status": answer.status, "body": answer.json if answer.body else None}

    def do_pc(self, name, text=None):
        self.pcs[name] = Pc(self.center, self.folder / name.replace("/", "-"), text or self.do_enrolment(), name)
        return self.pcs[name].id

    def do_news(self, pc):
        """What the PC has not heard yet: its workspaces and orders."""
        news = self.pcs[pc].news()
        orders = [payload(order) for order in news["orders"]] if news else []
        return {"orders": orders, "assignment": getattr(self.pcs[pc], "assignment", None)}

    def do_wait(self, pc):
        self.pcs[pc].wait_for_news()

    def do_taken(self, pc):
        """The answer to the request that wait left open."""
        news = self.pcs[pc].take_news()
        return {"orders": [payload(order) for order in news["orders"]], "assignment": self.pcs[pc].assignment}

    def do_status(self, pc, workspaces=(), **changes):
        one = self.pcs[pc]
        one.client.ask("PUT", "/pc/v1/status", one.status(workspaces, **changes), status=204)

    def do_event(self, pc, **members):
        one = self.pcs[pc]
        one.report(one.event(**members))

    def do_check(self, method, path, request, status, headers, body):
        """One exchange of the browser with Center."""
        names = {"content-type": "Content-Type", "etag": "ETag"}
        headers = {names.get(name, name): value for name, value in headers.items()}
        bare, _, query = path.partition("?")
        found = CONTRACT.operation(method, bare)
        assert found, f"{method} {path} is not in the contract"
        known = {CONTRACT.resolve(parameter)["name"] for parameter in found[1][method.lower()].get("parameters", [])}
        assert known.issuperset(urllib.parse.parse_qs(query)), f"{method} {path}: the contract has only {known}"
        CONTRACT.check(method, path, request, status, headers, body.encode())


def main():
    world = World()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"ok": getattr(world, "do_" + request.pop("do"))(**request)}
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), flush=True)
    finally:
        world.close()


if __name__ == "__main__":
    main()
