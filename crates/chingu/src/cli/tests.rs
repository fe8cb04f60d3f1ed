//! Command lines that are taken and that are refused.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;
use crate::admin::AdminCommand;

const BUSINESS: &str = "biz_01m82nh8rberysmtn659q0stzw";
const CAMPAIGN: &str = "cmp_01m82nha72epm8cq9b2bxyxyeb";

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let line = line.replace("BIZ", BUSINESS).replace("CMP", CAMPAIGN);
    Cli::try_parse_from(std::iter::once("chingu").chain(line.split_whitespace()))
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

/// Command lines of the documentation and of the issue.
#[test]
fn every_documented_command_is_understood() {
    let lines = [
        "serve",
        "serve --role console --no-demo",
        "serve --role api,scheduler,worker,sandbox --listen 127.0.0.1:0 --data d --no-demo",
        "serve --role worker --role scheduler --gateway-url http://127.0.0.1:1/messenger/gateway",
        "serve --gateway-token t --gateway-secret 0123456789abcdef",
        "--data d serve",
        "serve --role worker --database-url postgres://u:p@h/c --amqp-url amqp://h",
        "migrate --database-url postgres://u:p@h/c",
        "reconcile --database-url postgres://u:p@h/c --json",
        "--config c.toml serve --log-format json",
        "migrate --data d",
        "sandbox",
        "sandbox --listen 127.0.0.1:0 --data d --fault latency=50ms,speed=2000 --fault seed=7",
        "sandbox --events-url http://127.0.0.1:8080/gateway/v1/events",
        "sandbox log --data d",
        "sandbox log --output log.csv --data d",
        "import friends --account @h friends.csv --data d",
        "import friends friends.csv --account @h --json --report refused.csv",
        "bench broadcast --friends 1000000",
        "bench broadcast --friends 1000000 --json",
        "bench broadcast --friends 9 --database-url postgres://u:p@h/c --amqp-url amqp://h",
        "bench broadcast --friends 9 --workers 4 --database-url postgres://u:p@h/c",
        "bench broadcast --friends 9 --accounts 5 --changed 10 --fault reject=0.03 --batch-max 1",
        "bench broadcast --friends 9 --personal",
        "bench lookups --sends 1000000000 --database-url postgres://u:p@h/c --json",
        "bench lookups --sends 9 --friends 1000 --lookups 5",
        "reconcile --data d --json",
        "backup --output chingu.backup --json",
        "restore chingu.backup --data d",
        "restore chingu.backup --database-url postgres://u:p@h/c --json",
        "admin --data d operator create --email a@b.example --name Ana",
        "admin business create --name Hanok --data d --json",
        "admin --json business create --name Hanok --currency JPY",
        "admin account create --business BIZ --handle @h --name N --zone Asia/Seoul --rate 5",
        "admin channel show --account @h --secret --json",
        "admin token issue --account @h --overlap-hours 24",
        "admin token list --account @h",
        "admin token revoke --account @h --key-id sDTOzw5wIfxxxxPEzcmeQA",
        "admin budget set --business BIZ --amount 1000000 --data d --json",
        "admin budget set --account @h --amount 0.5",
        "admin budget set --campaign CMP --lift",
        "admin budget show --business BIZ --campaign CMP --json",
        "admin tester add --account @h --friend U0123",
        "admin tester list --account @h --json",
        "admin tester remove --account @h --friend U0123",
        "admin campaign test CMP",
        "admin campaign test CMP --to U0123 --to U4567 --json",
        "admin account create --business BIZ --handle @h --name N --zone UTC --icon-url https://i",
        "admin member create --business BIZ --email a@b.example --name Ana --role owner",
        "admin member create --business BIZ --email a@b --name A --role owner --password-stdin",
        "admin member password --business BIZ --email a@b.example",
        "admin wording create --account @h --version v1 --text yes?",
        "admin top-up --business BIZ --amount 1000000 --reference r",
        "admin top-up --business BIZ --amount -5 --reference r",
        "admin campaign create --account @h --name N --messages [] --lifetime 60",
        "admin campaign create --account @h --name N --messages @m.json --audience {} --rate 5",
        "admin campaign create --account @h --name N --messages [] --purpose information",
        "admin campaign create --account @h --name N --messages [] --at 2026-12-01T09:00 --zone Z",
        "admin campaign launch CMP",
        "admin campaign launch CMP --max-amount 1000.5 --data d",
        "admin campaign pause CMP",
        "admin campaign resume CMP --json",
        "admin campaign cancel CMP",
        "admin campaign show CMP --json",
        "admin campaign report CMP --output sends.csv",
    ];
    for line in lines {
        let parsed = parse(line);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn what_is_not_a_command_is_refused() {
    use ErrorKind::*;
    let lines = [
        ("dance", InvalidSubcommand),
        ("serve now", UnknownArgument),
        ("admin budget set --amount 5", MissingRequiredArgument),
        ("admin budget set --account @h", MissingRequiredArgument),
        (
            "admin budget set --account @h --amount 5 --lift",
            ArgumentConflict,
        ),
        (
            "admin budget set --account @h --campaign CMP --lift",
            ArgumentConflict,
        ),
        ("serve --role consoles", InvalidValue),
        ("serve --role job", InvalidValue),
        ("serve --role worker,", InvalidValue),
        ("serve --role", InvalidValue),
        ("serve --listen 8080", ValueValidation),
        ("serve --listen localhost:8080", ValueValidation),
        ("serve --listen 127.0.0.1:70000", ValueValidation),
        ("serve --log-format xml", InvalidValue),
        ("serve --fault down", UnknownArgument),
        ("migrate everything", UnknownArgument),
        ("sandbox logs", InvalidSubcommand),
        ("sandbox --role worker", UnknownArgument),
        ("import", DisplayHelpOnMissingArgumentOrSubcommand),
        ("import people f.csv", InvalidSubcommand),
        ("import friends f.csv", MissingRequiredArgument),
        ("import friends --account @h", MissingRequiredArgument),
        ("bench broadcast", MissingRequiredArgument),
        ("bench lookups", MissingRequiredArgument),
        ("bench lookups --sends -1", UnknownArgument),
        ("bench lookups --sends 0", ValueValidation),
        ("bench lookups --sends 100000000001", ValueValidation),
        ("bench lookups --sends 9 --friends 999", ValueValidation),
        (
            "bench lookups --sends 9 --friends 100000001",
            ValueValidation,
        ),
        ("bench lookups --sends 9 --lookups 0", ValueValidation),
        ("bench lookups --sends 9 --lookups 1000001", ValueValidation),
        ("bench broadcast --friends many", ValueValidation),
        ("bench broadcast --friends -1", UnknownArgument),
        ("bench broadcast --friends 5000000000", ValueValidation),
        ("bench broadcast --friends 9 --workers 0", ValueValidation),
        ("bench broadcast --friends 9 --workers 65", ValueValidation),
        ("bench broadcast --friends 9 --accounts 0", ValueValidation),
        (
            "bench broadcast --friends 9 --accounts 101",
            ValueValidation,
        ),
        ("bench broadcast --friends 9 --changed 100", ValueValidation),
        ("bench broadcast --friends 9 --batch-max 0", ValueValidation),
        (
            "bench broadcast --friends 9 --batch-max 1001",
            ValueValidation,
        ),
        ("admin", DisplayHelpOnMissingArgumentOrSubcommand),
        (
            "admin operator create --email a@b.example",
            MissingRequiredArgument,
        ),
        (
            "admin business create --name N --currency DOGE",
            ValueValidation,
        ),
        (
            "admin account create --business hanok --handle @h --name N --zone UTC",
            ValueValidation,
        ),
        (
            "admin account create --business CMP --handle @h --name N --zone UTC",
            ValueValidation,
        ),
        (
            "admin top-up --business BIZ --reference r",
            MissingRequiredArgument,
        ),
        (
            "admin campaign create --account @h --name N",
            MissingRequiredArgument,
        ),
        (
            "admin campaign create --account @h --name N --messages [] --zone UTC",
            MissingRequiredArgument,
        ),
        (
            "admin campaign create --account @h --name N --messages [] --rate fast",
            ValueValidation,
        ),
        (
            "admin campaign create --account @h --name N --messages [] --purpose fun",
            InvalidValue,
        ),
        ("admin campaign launch BIZ", ValueValidation),
        ("admin campaign launch", MissingRequiredArgument),
        ("admin campaign stop CMP", InvalidSubcommand),
    ];
    for (line, kind) in lines {
        let error = parse(line).expect_err(line);
        assert_eq!(error.kind(), kind, "{line}: {error}");
        assert_ne!(error.exit_code(), 0, "{line}");
    }
}

#[test]
fn flags_lie_over_file_and_variables() {
    let serve = parse("serve --listen 127.0.0.1:1 --data d --role worker,scheduler").unwrap();
    let overrides = serve.overrides();
    assert_eq!(overrides.listen.unwrap().port(), 1);
    assert_eq!(overrides.sandbox_listen, None);
    assert_eq!(overrides.roles, Some(vec![Role::Worker, Role::Scheduler]));
    assert_eq!(overrides.data, Some("d".into()));
    let sandbox = parse("sandbox --listen 127.0.0.1:2 --fault down").unwrap();
    let overrides = sandbox.overrides();
    assert_eq!(overrides.listen, None);
    assert_eq!(overrides.sandbox_listen.unwrap().port(), 2);
    assert_eq!(overrides.faults, ["down"]);
    let bench = "bench broadcast --friends 9 --amqp-url amqp://h --database-url postgres://h/c";
    let overrides = parse(bench).unwrap().overrides();
    assert_eq!(overrides.amqp_url, Some(SecretText::of("amqp://h")));
    assert_eq!(
        overrides.database_url,
        Some(SecretText::of("postgres://h/c"))
    );
}

#[test]
fn json_may_stand_anywhere_after_admin() {
    for line in [
        "admin --json campaign show CMP",
        "admin campaign show CMP --json",
    ] {
        let Some(Command::Admin(arguments)) = parse(line).unwrap().command else {
            panic!("{line} is an admin command");
        };
        assert!(arguments.json, "{line}");
        assert!(
            matches!(arguments.command, AdminCommand::Campaign(_)),
            "{line}"
        );
    }
}

#[test]
fn a_secret_flag_is_not_shown() {
    let parsed = parse("serve --gateway-token hush-hush --gateway-secret 0123456789abcdef");
    let shown = format!("{:?}", parsed.unwrap());
    assert!(
        !shown.contains("hush") && !shown.contains("0123456789"),
        "{shown}"
    );
}
