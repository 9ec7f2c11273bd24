#!/usr/bin/env python3
"""What users read, kept as files so that a change of it is seen in review: help texts of every command, the settings
file's errors, every error's reason and message, and the list of metrics.

  golden.py SOURCE BUILD             compares; shows what differs
  golden.py SOURCE BUILD --update    writes tests/golden/ anew
"""
import difflib
import pathlib
import re
import subprocess
import sys

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
update = "--update" in sys.argv


def run(program, *arguments):
    done = subprocess.run([build / "agent" / program, *arguments], cwd=source, capture_output=True, text=True, timeout=60)
    return (done.stdout + done.stderr).replace(str(build / "agent") + "/", "").replace(str(build) + "/", "")


def help_of(program, command=()):
    """The command's help, then its subcommands'."""
    text = run(program, *command, "--help")
    found = [f"$ {' '.join((program, *command))} --help\n{text}"]
    listed = re.search(r"^Subcommands:\n(.*?)(?:\n\n|\Z)", text, re.S | re.M)
    for name in re.findall(r"^  ([a-z][a-z-]*)", listed.group(1) if listed else "", re.M):
        found += help_of(program, (*command, name))
    return found


def error_texts():
    """Every Error(Code::…, "REASON", "message" …) of the code: reason, code, message, one line each."""
    call = re.compile(r'Error\(\s*Code::k(\w+),\s*"(\w+)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
    lines = set()
    for file in [*source.glob("agent/**/*.cpp"), *source.glob("datastores/**/*.cpp"), *source.glob("agent/**/*.h")]:
        for code, reason, literals in call.findall(file.read_text()):
            message = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
            lines.add(f"{reason} ({code}): {message}")
    return "\n".join(sorted(lines)) + "\n"


golden = {
    "help.txt": "\n".join(help_of("dbagentctl") + help_of("dbagentd")),
    "settings_errors.txt": run("dbagentd", "--check-config", "--settings", "tests/golden/mistakes.yaml"),
    "errors.txt": error_texts(),
    "metrics.txt": run("dbagentd", "--list-metrics"),
}
differs = False
for name, text in golden.items():
    file = source / "tests" / "golden" / name
    if update:
        file.write_text(text)
        continue
    kept = file.read_text() if file.exists() else ""
    if kept != text:
        differs = True
        sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), text.splitlines(True), f"tests/golden/{name}", "now"))
if differs:
    print("\nif this is what users should read: tests/lint/golden.py SOURCE BUILD --update, and review the difference")
sys.exit(differs)
