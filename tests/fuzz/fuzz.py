"""Two businesses on the real program, and every operation of its document asked by schemathesis.

    tests/fuzz/run [EXAMPLES [SEED]]

EXAMPLES bounds the requests per operation, not the time. Fails where an answer is of class 500,
where one business sees a byte of the other, or where the books do not close afterwards.
"""

import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
PROGRAM = os.environ["CHINGU_BIN"]
FRIENDS = 20
READY_WITHIN_SECONDS = 60
MESSAGES = json.dumps([{"type": "text", "text": "(광고) hello"}])


def chingu(data, *arguments):
    """What a command printed for programs."""
    command = [PROGRAM, *arguments, "--json", "--data", str(data)]
    output = subprocess.run(command, capture_output=True, check=False)
    if output.returncode != 0:
        sys.exit(f"chingu {' '.join(arguments)}: {output.stderr.decode()}")
    return json.loads(output.stdout)


def brand(data, handle, mark, draw):
    """A funded account with friends and campaigns, everything of it with its mark."""
    business = chingu(data, "admin", "business", "create", "--name", f"Shop {mark}")["id"]
    account = ["admin", "account", "create", "--business", business, "--handle", handle]
    chingu(data, *account, "--name", f"Shop {mark}", "--zone", "Asia/Seoul")
    wording = ["admin", "wording", "create", "--account", handle, "--version", "ad-2025-03"]
    chingu(data, *wording, "--text", f"광고 수신 동의 {mark}")
    top_up = ["admin", "top-up", "--business", business, "--amount", "10000000"]
    chingu(data, *top_up, "--reference", f"first-{handle[1:]}")
    lines = ["user_key,display_name,tags,ad_consent,ad_consent_at,consent_wording"]
    for _ in range(FRIENDS):
        key = f"U{draw.getrandbits(128):032x}"
        lines.append(f"{key},Friend {mark},{mark},yes,2025-06-01T09:00:00+09:00,ad-2025-03")
    file = data.parent / f"{handle[1:]}.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    imported = chingu(data, "import", "friends", "--account", handle, str(file))
    if imported["accepted"] != FRIENDS:
        sys.exit(f"the friends of {handle} were not taken: {imported}")
    campaigns = []
    for number in range(4):
        create = ["admin", "campaign", "create", "--account", handle, "--messages", MESSAGES]
        made = chingu(data, *create, "--name", f"{number} {mark}")
        campaigns.append(made["id"])
    chingu(data, "admin", "campaign", "launch", campaigns[0])
    token = chingu(data, "admin", "token", "issue", "--account", handle)["token"]
    return {"handle": handle, "mark": mark, "token": token, "campaigns": campaigns}


def get(url, token=None):
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def serve(data, address):
    environment = os.environ | {"CHINGU_API__RATE_LIMITS__V1": "off"}
    command = [PROGRAM, "serve", "--no-demo", "--data", str(data), "--listen", address]
    with open(data.parent / "log", "wb") as log:
        program = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    until = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < until and program.poll() is None:
        try:
            get(f"http://{address}/readyz")
            return program
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    program.kill()
    sys.exit("the program did not get ready:\n" + (data.parent / "log").read_text())


def friends(address, token):
    """Of some friends both ids."""
    page = json.loads(get(f"http://{address}/v1/friends?limit=4", token))
    return [name for item in page["items"] for name in (item["id"], item["user_id"])]


def fuzz(address, folder, ours, theirs, examples, seed):
    result = folder / f"{ours['handle'][1:]}.json"
    objects = {
        "campaign": ours["campaigns"] + theirs["campaigns"],
        "friend": ours["friends"] + theirs["friends"],
        "purpose": ["promotion", "night"],
    }
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "CHINGU_FUZZ_OBJECTS": json.dumps(objects),
        "CHINGU_FUZZ_MARK": theirs["mark"],
        "CHINGU_FUZZ_RESULT": str(result),
    }
    url = f"http://{address}"
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/v1/openapi.json", "--url", url,
        "--phases", "examples,coverage,fuzzing", "--checks", "not_a_server_error",
        "--continue-on-failure", "--max-examples", str(examples), "--seed", str(seed),
        "--generation-database", "none", "--workers", "1", "--no-color",
        "--header", f"Authorization: Bearer {ours['token']}",
    ]
    output = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    if not result.exists():
        sys.exit(output.stdout.decode() + output.stderr.decode())
    counted = json.loads(result.read_text())
    if output.returncode != 0 or counted["class_500"] or counted["leaks"]:
        print(output.stdout.decode(), output.stderr.decode())
    return output.returncode, counted


def table(results):
    classes = {}
    for _, counted in results:
        for key, count in counted["statuses"].items():
            operation, status = key.rsplit(" ", 1)
            row = classes.setdefault(operation, {"2": 0, "4": 0, "5": 0})
            row[status[0]] = row.get(status[0], 0) + count
    lines = ["| operation | 2xx | 4xx | 5xx |", "| --- | --: | --: | --: |"]
    for operation in sorted(classes):
        row = classes[operation]
        lines.append(f"| {operation} | {row['2']} | {row['4']} | {row['5']} |")
    return "\n".join(lines) + "\n"


def main():
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    seed = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("CHINGU_SEED", "1"))
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "data"
        data.mkdir()
        one = brand(data, "@hanok", "zq7first", draw)
        other = brand(data, "@sakura", "zq7second", draw)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        program = serve(data, address)
        try:
            for each in (one, other):
                each["friends"] = friends(address, each["token"])
            results = [
                fuzz(address, folder, one, other, examples, seed),
                fuzz(address, folder, other, one, examples, seed + 1),
            ]
            if program.poll() is not None:
                sys.exit("the program ended:\n" + (folder / "log").read_text()[-4000:])
        finally:
            program.terminate()
            program.wait(timeout=60)
        closes = subprocess.run([PROGRAM, "reconcile", "--data", str(data)], check=False)
    text = table(results)
    print(text)
    calls = sum(counted["calls"] for _, counted in results)
    wrong = sum(len(counted["class_500"]) for _, counted in results)
    leaks = sum(len(counted["leaks"]) for _, counted in results)
    print(f"seed {seed}: {calls} requests, {wrong} answers of class 500, {leaks} leaks")
    tables = os.environ.get("CHINGU_TABLES")
    if tables:
        title = "# Requests that nobody would make\n\nEvery operation of `/v1` as `just fuzz-api` "
        title += f"asked it: seed {seed}, at most {examples} made-up requests of a kind.\n\n"
        pathlib.Path(tables, "fuzz-api.md").write_text(title + text, encoding="utf-8")
    failed = any(code != 0 for code, _ in results)
    if calls == 0 or wrong or leaks or failed or closes.returncode != 0:
        sys.exit(1)


if __name__ == "__main__":
    main()
