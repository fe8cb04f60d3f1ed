//! Commands, money and names, as a person types them.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell::{self, admin};
use chingu_tests::world::Brand;
use tempfile::TempDir;

use super::campaigns::{audiences, create, messages, times};
use super::{CANNOT, CANNOT_READ, Cases, books_close, is_refusal};

#[test]
fn what_a_person_types_wrong_is_told_and_changes_nothing() {
    run().unwrap();
}

fn run() -> Result<()> {
    let folder = TempDir::new()?;
    let data = folder.path().join("platform");
    let mut draw = Draw::seeded("typed wrong", 41);
    let brand = Brand::create(&data, "@hanok", 30, &mut draw)?;
    let wallet = |reference: &str| brand.top_up("1", reference);
    let before = wallet("before")?;
    let mut cases = Cases::default();
    messages(&brand, &mut cases)?;
    audiences(&brand, &mut cases)?;
    times(&brand, &mut cases)?;
    money(&brand, &mut cases)?;
    names(&brand, &mut cases)?;
    commands(&brand, &mut cases)?;
    cases.finish("the command line")?;
    let after = wallet("after")?;
    let available = |wallet: &serde_json::Value| wallet["available_micro"].as_i64();
    ensure!(
        available(&after) == available(&before).map(|micro| micro + 1_000_000),
        "{before}, {after}"
    );
    books_close(&data)?;
    Ok(())
}

fn commands(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let nobody = "biz_01h455vb4pex5vsknk084sn02q";
    let nothing = "cmp_01h455vb4pex5vsknk084sn02q";
    let text = r#"[{"type":"text","text":"x"}]"#;
    let campaign = [
        "admin",
        "campaign",
        "create",
        "--account",
        "@hanok",
        "--messages",
        text,
    ];
    let blank = [&campaign[..], &["--name", " "]].concat();
    let table: [(&str, &[&str], i32, &str); 23] = [
        ("a campaign with a blank name", &blank, CANNOT, "name"),
        (
            "unknown command",
            &["launch-everything"],
            CANNOT_READ,
            "launch-everything",
        ),
        (
            "unknown flag",
            &["migrate", "--fast"],
            CANNOT_READ,
            "--fast",
        ),
        (
            "no subcommand",
            &["admin", "campaign", "lunch"],
            CANNOT_READ,
            "lunch",
        ),
        (
            "missing flag",
            &["admin", "business", "create"],
            CANNOT_READ,
            "--name",
        ),
        (
            "unknown currency",
            &[
                "admin",
                "business",
                "create",
                "--name",
                "n",
                "--currency",
                "XYZ",
            ],
            CANNOT_READ,
            "XYZ",
        ),
        (
            "an id that is none",
            &["admin", "campaign", "show", "7"],
            CANNOT_READ,
            "7",
        ),
        (
            "an id of another kind",
            &["admin", "campaign", "show", nobody],
            CANNOT_READ,
            "cmp_",
        ),
        (
            "an id with a letter missing",
            &["admin", "campaign", "show", "cmp_01h455vb4pex5vsknk084sn02"],
            CANNOT_READ,
            "cmp_",
        ),
        (
            "no such campaign",
            &["admin", "campaign", "show", nothing],
            CANNOT,
            nothing,
        ),
        (
            "launch no such campaign",
            &["admin", "campaign", "launch", nothing],
            CANNOT,
            nothing,
        ),
        (
            "pause no such campaign",
            &["admin", "campaign", "pause", nothing],
            CANNOT,
            nothing,
        ),
        (
            "resume no such campaign",
            &["admin", "campaign", "resume", nothing],
            CANNOT,
            nothing,
        ),
        (
            "cancel no such campaign",
            &["admin", "campaign", "cancel", nothing],
            CANNOT,
            nothing,
        ),
        (
            "report of no such campaign",
            &["admin", "campaign", "report", nothing],
            CANNOT,
            nothing,
        ),
        (
            "top-up of nobody",
            &[
                "admin",
                "top-up",
                "--business",
                nobody,
                "--amount",
                "1",
                "--reference",
                "r",
            ],
            CANNOT,
            nobody,
        ),
        (
            "friends of no account",
            &["import", "friends", "--account", "@nobody", "f.csv"],
            CANNOT,
            "@nobody",
        ),
        (
            "friends of a name that is none",
            &["import", "friends", "--account", "한옥", "f.csv"],
            CANNOT,
            "handle",
        ),
        (
            "a file that is not there",
            &["import", "friends", "--account", "@hanok", "/nowhere/f.csv"],
            CANNOT,
            "/nowhere/f.csv",
        ),
        (
            "a folder for a file",
            &["import", "friends", "--account", "@hanok", "/"],
            CANNOT,
            "not a file",
        ),
        (
            "a log where no sandbox was",
            &["sandbox", "log"],
            CANNOT,
            "sandbox.db",
        ),
        (
            "an address that is none",
            &["serve", "--listen", "here"],
            CANNOT_READ,
            "here",
        ),
        (
            "a role that is none",
            &["serve", "--role", "king"],
            CANNOT_READ,
            "king",
        ),
    ];
    for (name, arguments, code, words) in table {
        let output = shell::run(&brand.data, arguments)?;
        cases.check(
            &format!("command: {name}"),
            is_refusal(&output, code, words),
        );
    }
    // What a campaign's state does not allow.
    let draft = crate::stage::create(brand, "states", &[])?;
    for command in ["pause", "resume"] {
        let output = shell::run(&brand.data, &["admin", "campaign", command, &draft])?;
        cases.check(
            &format!("state: {command}"),
            is_refusal(&output, CANNOT, "approved"),
        );
    }
    let dear = ["admin", "campaign", "launch", &draft, "--max-amount", "1"];
    let output = shell::run(&brand.data, &dear)?;
    cases.check("launch dearer than seen", is_refusal(&output, CANNOT, "1"));
    let output = shell::run(
        &brand.data,
        &["admin", "campaign", "launch", &draft, "--max-amount=-1"],
    )?;
    cases.check(
        "launch for less than nothing",
        is_refusal(&output, CANNOT, "1"),
    );
    let rates = [("0", "rate"), ("4294967295", "rate")];
    for (rate, words) in rates {
        create(
            brand,
            cases,
            &format!("rate: {rate}"),
            &["--rate", rate],
            words,
        )?;
    }
    create(
        brand,
        cases,
        "lifetime: none",
        &["--lifetime", "0"],
        "lifetime",
    )?;
    let shown = admin(&brand.data, &["campaign", "show", &draft])?;
    ensure!(
        shown["state"] == "approved" && shown["held_micro"] == 0,
        "{shown}"
    );
    Ok(())
}

fn money(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let table = [
        ("no number", "much", "amount"),
        ("empty", "", "amount"),
        ("nothing", "0", "0"),
        ("less than nothing", "-5", "5"),
        ("seven decimals", "1.0000001", "decimals"),
        ("two points", "1.2.3", "amount"),
        ("a comma in the wrong place", "10,00", "amount"),
        ("a unit", "1000 KRW", "amount"),
        ("an exponent", "1e6", "amount"),
        ("not a number", "NaN", "amount"),
        ("infinite", "inf", "amount"),
        ("hexadecimal", "0x10", "amount"),
        ("full-width digits", "１０００", "amount"),
        ("too large", "99999999999999", "too large"),
        (
            "far too large",
            "99999999999999999999999999999999999999999",
            "too large",
        ),
        ("a plus", "+5", "amount"),
        ("only a point", ".", "amount"),
    ];
    for (index, (name, amount, words)) in table.into_iter().enumerate() {
        let reference = format!("wrong-{index}");
        let amount = format!("--amount={amount}");
        let top_up = [
            "admin",
            "top-up",
            "--business",
            &brand.business,
            &amount,
            "--reference",
            &reference,
        ];
        let output = shell::run(&brand.data, &top_up)?;
        cases.check(
            &format!("money: {name}"),
            is_refusal(&output, CANNOT, words),
        );
    }
    Ok(())
}

fn names(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let long = "가".repeat(65);
    let accounts = [
        ("handle in Korean", "@한옥", "n", "Asia/Seoul", "handle"),
        ("empty handle", "", "n", "Asia/Seoul", "handle"),
        (
            "handle with a space",
            "@ha nok",
            "n",
            "Asia/Seoul",
            "handle",
        ),
        ("handle in use", "@hanok", "n", "Asia/Seoul", "@hanok"),
        ("empty name", "@two", "", "Asia/Seoul", "name"),
        ("blank name", "@two", "   ", "Asia/Seoul", "name"),
        ("name too long", "@two", &*long, "Asia/Seoul", "name"),
        ("line break in a name", "@two", "a\nb", "Asia/Seoul", "name"),
        (
            "control character in a name",
            "@two",
            "a\u{7}b",
            "Asia/Seoul",
            "name",
        ),
        (
            "a zone that is none",
            "@two",
            "n",
            "Mars/Olympus",
            "Mars/Olympus",
        ),
        ("an offset for a zone", "@two", "n", "+09:00", "+09:00"),
    ];
    for (name, handle, title, zone, words) in accounts {
        let business = brand.business.as_str();
        let account = [
            "admin",
            "account",
            "create",
            "--business",
            business,
            "--handle",
            handle,
        ];
        let output = shell::run(
            &brand.data,
            &[&account[..], &["--name", title, "--zone", zone]].concat(),
        )?;
        cases.check(
            &format!("account: {name}"),
            is_refusal(&output, CANNOT, words),
        );
    }
    for (name, email) in [
        ("no @", "kim"),
        ("empty", ""),
        ("two lines", "a@b.c\nd@e.f"),
    ] {
        let operator = [
            "admin", "operator", "create", "--email", email, "--name", "Kim",
        ];
        let output = shell::run(&brand.data, &operator)?;
        cases.check(
            &format!("email: {name}"),
            is_refusal(&output, CANNOT, "email"),
        );
    }
    let wordings = [
        ("empty version", "", "words", "version"),
        ("no words", "v2", "", "text"),
        ("version in use", "ad-2025-03", "w", "wording"),
    ];
    for (name, version, text, words) in wordings {
        let wording = [
            "admin",
            "wording",
            "create",
            "--account",
            &brand.handle,
            "--version",
            version,
            "--text",
            text,
        ];
        let output = shell::run(&brand.data, &wording)?;
        cases.check(
            &format!("wording: {name}"),
            is_refusal(&output, CANNOT, words),
        );
    }
    let role = [
        "admin",
        "member",
        "create",
        "--business",
        &brand.business,
        "--email",
        "a@b.kr",
        "--name",
        "n",
        "--role",
        "king",
    ];
    let output = shell::run(&brand.data, &role)?;
    cases.check("member: unknown role", is_refusal(&output, CANNOT, "king"));
    Ok(())
}
