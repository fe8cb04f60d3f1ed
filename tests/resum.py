#!/usr/bin/env python3
"""Adds up a per-send report without any of the program's own code.

    resum.py REPORT.csv [--sandbox-log LOG.csv]

Reads the report line by line, checks that every friend stands on one line and that every line is
what a line may be, adds up billable x unit price as whole micro-units, counts by outcome, and
prints the result as JSON. Exits 1 where something is wrong; "errors" says what.

With --sandbox-log the messenger's accept log (CSV with a header) is counted, too: "messenger" then
holds its lines, and a difference to the billable ones is an error.

Python's standard library only.
"""

import csv
import json
import re
import sys
from collections import Counter

COLUMNS = [
    "at", "campaign", "chunk", "position", "friend", "tariff", "tariff_reason", "outcome",
    "reason", "billable", "billable_reason", "unit_price", "price_version", "ledger_transaction",
    "evidence_hash",
]
BILLABLE = {"accepted", "confirmed"}
# The tariff of tests: whoever took one is not billed for it.
FREE = "test"
OUTCOMES = BILLABLE | {
    "failed", "excluded", "uncertain", "unconfirmed", "cancelled", "written_off", "pending",
}
ERRORS_LISTED_MAX = 20

AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CAMPAIGN = re.compile(r"cmp_[0-7][0-9a-hjkmnp-tv-z]{25}")
FRIEND = re.compile(r"usr_[0-7][0-9a-hjkmnp-tv-z]{25}")
LEDGER_TRANSACTION = re.compile(r"ltx_[0-7][0-9a-hjkmnp-tv-z]{25}")
CHUNK = re.compile(r"\d+\.\d+")
PRICE = re.compile(r"(\d+)(?:\.(\d{1,6}))?")
HASH = re.compile(r"[0-9a-f]{64}")


class Errors:
    def __init__(self):
        self.listed = []
        self.count = 0

    def add(self, line, text):
        self.count += 1
        if len(self.listed) < ERRORS_LISTED_MAX:
            self.listed.append(f"line {line}: {text}")


def micro(price):
    """'6.5' -> 6500000: whole micro-units, no floats."""
    match = PRICE.fullmatch(price)
    if not match:
        return None
    return int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0"))


def check_shapes(row, line, errors):
    sent = row["chunk"] != ""
    expected = [
        ("campaign", CAMPAIGN, True),
        ("friend", FRIEND, True),
        ("at", AT, row["outcome"] != "pending"),
        ("chunk", CHUNK, False),
        ("evidence_hash", HASH, sent),
        ("ledger_transaction", LEDGER_TRANSACTION, False),
    ]
    for column, shape, needed in expected:
        value = row[column]
        if (needed or value) and not shape.fullmatch(value):
            errors.add(line, f"{column} is {value!r}")
    if row["outcome"] not in OUTCOMES:
        errors.add(line, f"outcome is {row['outcome']!r}")
    if not sent and row["outcome"] != "excluded":
        errors.add(line, f"{row['outcome']} without a chunk")
    if sent and not (row["position"].isdigit() and row["tariff"]):
        errors.add(line, "a send without its position or tariff")
    if row["billable"] not in ("yes", "no") or not row["billable_reason"]:
        errors.add(line, "does not say whether it is billable and why")
    is_due = row["outcome"] in BILLABLE and row["tariff"] != FREE
    if is_due != (row["billable"] == "yes"):
        errors.add(line, f"{row['outcome']} with billable {row['billable']!r}")
    for column, value in row.items():
        if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
            errors.add(line, f"{column} would run as a formula")


def resum(path):
    errors = Errors()
    seen, places = set(), set()
    outcomes, reasons, tariffs = Counter(), Counter(), Counter()
    campaigns, versions, transactions = set(), set(), set()
    lines = billable = free = uncaptured = charged = billed = 0
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        if next(reader, None) != COLUMNS:
            errors.add(1, "the header is another")
        for fields in reader:
            line = reader.line_num
            lines += 1
            if len(fields) != len(COLUMNS):
                errors.add(line, f"{len(fields)} fields")
                continue
            row = dict(zip(COLUMNS, fields))
            check_shapes(row, line, errors)
            if row["friend"] in seen:
                errors.add(line, f"{row['friend']} stands twice")
            seen.add(row["friend"])
            if row["chunk"]:
                place = (row["chunk"], row["position"])
                if place in places:
                    errors.add(line, f"chunk {place[0]} position {place[1]} stands twice")
                places.add(place)
                tariffs[row["tariff"]] += 1
            outcomes[row["outcome"]] += 1
            if row["reason"]:
                reasons[f"{row['outcome']}:{row['reason']}"] += 1
            campaigns.add(row["campaign"])
            versions.add(row["price_version"])
            price = micro(row["unit_price"]) if row["unit_price"] else None
            if row["unit_price"] and price is None:
                errors.add(line, f"unit_price is {row['unit_price']!r}")
            if row["billable"] == "yes":
                billable += 1
                if price is None:
                    uncaptured += 1
                else:
                    charged += price > 0
                    billed += price
                    transactions.add(row["ledger_transaction"])
            elif row["tariff"] == FREE and row["outcome"] in BILLABLE:
                free += 1
                if row["billable_reason"] != "tests_are_free" or row["ledger_transaction"]:
                    errors.add(line, "a test that does not say that it is free")
                if price is None:
                    uncaptured += 1
                elif price > 0:
                    errors.add(line, f"a test that costs {row['unit_price']}")
            elif row["unit_price"] or row["ledger_transaction"]:
                errors.add(line, "has a price or transaction and is not billable")
    if len(campaigns) > 1 or len(versions) > 1:
        errors.add(lines + 1, f"{len(campaigns)} campaigns, {len(versions)} price versions")
    return errors, {
        "lines": lines,
        "friends": len(seen),
        "outcomes": dict(sorted(outcomes.items())),
        "reasons": dict(sorted(reasons.items())),
        "tariffs": dict(sorted(tariffs.items())),
        "billable": billable,
        "uncaptured": uncaptured,
        "charged": charged,
        "free": free,
        "billed_micro": billed,
        "ledger_transactions": len(transactions),
    }


def count_log(path):
    with open(path, encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def main(arguments):
    if len(arguments) not in (1, 3) or (len(arguments) == 3 and arguments[1] != "--sandbox-log"):
        print(__doc__, file=sys.stderr)
        return 2
    errors, result = resum(arguments[0])
    if len(arguments) == 3:
        result["messenger"] = count_log(arguments[2])
        if result["messenger"] != result["billable"]:
            errors.add(0, f"the messenger accepted {result['messenger']}")
    result["errors"] = errors.listed
    result["error_count"] = errors.count
    print(json.dumps(result, indent=2))
    return 1 if errors.count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
