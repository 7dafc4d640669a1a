"""Compares rust-version in Cargo.toml with the largest rust-version among the required and optional dependencies.

Usage: python3 tools/check_msrv.py        (reads cargo metadata)
"""

import json
import subprocess
import sys

metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]))
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}


def version(text):
    return tuple(int(part) for part in text.split("."))[:2]


# the closure over normal and build dependencies: what a dependent crate compiles
root, seen = metadata["resolve"]["root"], set()
stack = [root]
while stack:
    current = stack.pop()
    if current in seen:
        continue
    seen.add(current)
    for dependency in nodes[current]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            stack.append(dependency["pkg"])

needed, by = max((version(packages[i]["rust_version"]), packages[i]["name"]) for i in seen - {root} if packages[i]["rust_version"])
declared = version(packages[root]["rust_version"])
print(f"declared {declared}, needed {needed} by {by}")
sys.exit(declared != needed)
