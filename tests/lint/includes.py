#!/usr/bin/env python3
"""Fails on an #include that breaks the table of agent/README.md: who may include whom, and who may see gRPC."""
import pathlib
import re
import sys

BASE = ["agent/base"]
OS = BASE + ["agent/os"]
TELEMETRY = OS + ["agent/telemetry"]
CONFIG = TELEMETRY + ["agent/config"]
STREAM = TELEMETRY + ["agent/stream"]
STORAGE = CONFIG + ["agent/net", "agent/stream", "agent/storage"]
CONTRACT = ["datastores"]
WORKFLOWS = STORAGE + ["agent/backup", "agent/operations", "agent/workflows", "dbagent"] + CONTRACT
MAY = {
    "agent/base": BASE,
    "agent/helper": OS + ["agent/helper"],
    "agent/os": OS,
    "agent/telemetry": TELEMETRY,
    "agent/config": CONFIG,
    "agent/net": CONFIG + ["agent/net"],
    "agent/stream": STREAM,
    "agent/storage": STORAGE,
    "agent/backup": STORAGE + ["agent/backup", "dbagent"],
    "agent/operations": TELEMETRY + ["agent/operations"],
    "datastores": OS + ["agent/stream"] + CONTRACT,
    "datastores/mysql": STREAM + CONTRACT + ["datastores/mysql"],
    "datastores/postgresql": STREAM + CONTRACT + ["datastores/postgresql"],
    "agent/workflows": WORKFLOWS,
    "agent/rpc": WORKFLOWS + ["agent/rpc"],
    "agent/daemon": WORKFLOWS + ["agent/rpc", "agent/daemon"],
    "agent/helper": OS + ["agent/helper"],
    "agent/ctl": BASE + ["agent/ctl", "dbagent"],
}
GRPC = {"agent/rpc", "agent/daemon", "agent/ctl"}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def folder(path: str) -> str:
    """`agent/os` of `agent/os/files.h`; `dbagent` of generated headers."""
    parts = path.split("/")
    if parts[0] == "dbagent":
        return "dbagent"
    return "/".join(parts[:-1][:2])


def problems(root: pathlib.Path):
    for file in sorted(root.glob("agent/**/*")) + sorted(root.glob("datastores/**/*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        name = file.relative_to(root).as_posix()
        own = folder(name)
        if own not in MAY:
            yield f"{name}:1: folder '{own}' is not in the include table"
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found.group(1)
            if target.startswith("grpc") and own not in GRPC:
                yield f"{name}:{number}: {own} may not see gRPC ({target})"
            if target.endswith(".grpc.pb.h") and own not in GRPC:
                yield f"{name}:{number}: {own} may not see services ({target})"
            if target.startswith(("agent/", "datastores/", "dbagent/", "tests/")) and folder(target) not in MAY[own]:
                yield f"{name}:{number}: {own} may not include {target}"


if __name__ == "__main__":
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "every include keeps to the table")
    sys.exit(1 if found else 0)
