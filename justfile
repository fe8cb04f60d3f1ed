# The verbs of this house. `just` lists them.

[private]
default:
    @just --list --unsorted

# Starts everything on the embedded engine, data in ./data.
run *arguments:
    cargo run --release -- {{ arguments }}

# Formatting, lints, dependencies.
check: deny
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets --features chingu/pause-points,chingu/otlp -- -D warnings

# Licences, banned crates, sources.
deny:
    tests/deny

# Everything, as continuous integration runs it.
test:
    tests/run

# Server time and bytes of every page with many friends and campaigns: docs/timings.md.
timings friends="1000000" campaigns="200" *folder:
    cargo build --release
    cd tests/browser && npm ci --silent && fresh=$(mktemp) && trap 'rm -f "$fresh"' EXIT \
        && CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-../../target}")/release/chingu" \
        node timings.mjs {{ friends }} {{ campaigns }} {{ folder }} > "$fresh" \
        && cat "$fresh" && cp "$fresh" ../../docs/timings.md.new \
        && mv ../../docs/timings.md.new ../../docs/timings.md

# Friends sent to; the report of one real broadcast.
bench friends="1000000" *arguments:
    cargo run --release -- bench broadcast --friends {{ friends }} {{ arguments }}

# Again and again on both engines, plain and with more to do: docs/speed.md. Goes on where it was
# interrupted; remove target/speed.json to begin anew.
speed: _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        cargo run -p chingu-tests --bin speed

# Pushes and multicasts of brands' programs at a steady pace: docs/requests.md.
requests: _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        cargo run -p chingu-tests --bin requests

# A million and a half ids become an audience: docs/audiences.md.
audience-upload: _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        cargo run --release -p chingu-tests --bin audience_upload

# The same on PostgreSQL and RabbitMQ; the database is empty, and holds the run afterwards.
bench-production database_url amqp_url friends="1000000" *arguments:
    CHINGU_DATABASE_URL="{{ database_url }}" CHINGU_AMQP_URL="{{ amqp_url }}" \
        just bench {{ friends }} {{ arguments }}

# One send and one friend's history among very many: an empty database of PostgreSQL, which it fills.
lookups database_url sends="1000000000" *arguments:
    CHINGU_DATABASE_URL="{{ database_url }}" cargo run --release -- bench lookups --sends {{ sends }} {{ arguments }}

# A month of many sends over a quota's end, a band's edge and the month's: the report, the ledger and
# both bills agree, and how long each took.
month sends="1000000":
    CHINGU_MONTH_SENDS={{ sends }} cargo test --release -p billing --test it long_month -- --nocapture --test-threads 1

# One suite: it, faults, sim, tidy.
suite name *arguments: _program
    CHINGU_BIN="${CARGO_TARGET_DIR:-target}/debug/chingu" tests/suite {{ name }} {{ arguments }}

# Chromium walks through the product.
browser *arguments: _program
    cd tests/browser && npm ci --silent && CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-../../target}")/debug/chingu" \
        node --test --test-concurrency=1 {{ arguments }}

# Every page × light and dark × desk and phone × three languages, as pictures.
screenshots folder="target/screenshots" *names: _program
    cd tests/browser && npm ci --silent && CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-../../target}")/debug/chingu" \
        node screenshots.mjs "$(realpath --canonicalize-missing "{{ invocation_directory() }}/{{ folder }}")" {{ names }}

# The newcomer's tour once more, with the pictures of the README.
tour folder="docs/tour": _program
    cd tests/browser && npm ci --silent && CHINGU_PICTURES="$(realpath --canonicalize-missing "{{ invocation_directory() }}/{{ folder }}")" \
        CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-../../target}")/debug/chingu" node --test tour.test.mjs

# The fault table on PostgreSQL and RabbitMQ: docs/faults.md. Goes on where it was interrupted;
# remove target/faults.json to begin anew. CHINGU_FAULTS=F10,F15 takes those rows alone.
faults: _program
    CHINGU_TABLES=docs just suite faults production:: --nocapture --test-threads 1

# Suites that go through the front door, on PostgreSQL and RabbitMQ.
production name="it" *arguments: _program
    CHINGU_TEST_ENGINE=production just suite {{ name }} {{ arguments }}

# kill -9, the whole table: docs/kills.md.
kills count="20": _program
    CHINGU_KILLS={{ count }} CHINGU_TABLES=docs just suite faults kills:: --nocapture --test-threads 1

# The messenger misbehaving, the whole table: docs/misbehaviour.md.
misbehaviour seconds="60": _program
    CHINGU_MISBEHAVIOUR_SECONDS={{ seconds }} CHINGU_TABLES=docs \
        just suite faults misbehaviour:: --nocapture --test-threads 1

# Seeds of the simulation; CHINGU_SIM_SEED=17 repeats one.
sim seeds="10000":
    CHINGU_SIM_SEEDS={{ seeds }} tests/suite sim seeds_are_clean --nocapture

# Pause, resume and cancel at full speed, on both engines: docs/control.md, docs/control-production.md.
control: _program
    CHINGU_TABLES=docs just suite faults control:: --nocapture
    CHINGU_TABLES=docs CHINGU_TEST_ENGINE=production just suite faults control:: --nocapture

# Every way of sending under one price, on both engines: docs/ways.md, docs/ways-production.md.
ways: _program
    CHINGU_TABLES=docs just suite it ways:: --nocapture
    CHINGU_TABLES=docs CHINGU_TEST_ENGINE=production just suite it ways:: --nocapture

# LINE's official Python library against this server: docs/sdk-python.md, and the README's table.
sdk: _program
    CHINGU_TABLES=docs just suite it line_sdk:: --nocapture

# LINE's documented limits on both sides: docs/limits.md.
limits: _program
    CHINGU_TABLES=docs just suite it line_limits:: --nocapture

# Every operation of our own API with made-up requests, as two businesses: docs/fuzz-api.md. A seed
# repeats a run.
fuzz-api examples="25" seed="1": _program
    CHINGU_TABLES=docs tests/fuzz/run {{ examples }} {{ seed }}

# Pace by the messenger's log, and small campaigns beside a broadcast: docs/pace.md, docs/fairness.md.
pace: _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        tests/suite faults pace:: --nocapture

# Two schedulers and four workers restarted during a broadcast to a million: docs/rolling.md.
rolling: _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        tests/suite faults rolling:: --nocapture

# The same, begun with another revision's program and ended with this one: docs/upgrade.md.
upgrade revision:
    tests/upgrade {{ revision }}

# Steady sending for an hour, and what grows meanwhile: docs/soak.md.
soak seconds="3600" rate="20000": _release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" CHINGU_TABLES=docs \
        CHINGU_SOAK_SECONDS={{ seconds }} CHINGU_SOAK_RATE={{ rate }} \
        tests/suite faults soak:: --nocapture

# Click events by the thousand while a broadcast runs: docs/receipts.md.
receipts people="1000000":
    cargo build --release
    CHINGU_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/release/chingu" \
        CHINGU_RECEIPTS={{ people }} CHINGU_TABLES=docs \
        tests/suite it receipts::receipts_in_bulk --nocapture

# Defects planted in a copy of this tree, each to be found by the simulation: docs/defects.md.
defects *names:
    tests/sim/run_defects {{ names }}

# Starts from a clean clone, as a stranger would, and runs everything.
clean-clone:
    folder=$(mktemp -d) && git clone --quiet . "$folder/chingu" && cd "$folder/chingu" \
        && env -u CARGO_TARGET_DIR tests/run; status=$?; rm -rf "$folder"; exit $status

_release:
    cargo build --release

_program:
    cargo build --workspace --all-targets --features chingu/pause-points,chingu/otlp
