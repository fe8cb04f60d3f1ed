//! Files of friends: encodings, quotes, doubles, formula cells, cells of a megabyte.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use chingu_tests::shell;
use chingu_tests::world::Brand;
use serde_json::Value;
use tempfile::TempDir;

use super::{CANNOT, Cases, books_close, is_refusal};

const HEADER: &str = "user_key,display_name,gender,birth_year,time_zone,friend_since,tags,\
    ad_consent,ad_consent_at,consent_wording,night_consent\n";
/// A row that is right whatever key it gets.
const REST: &str = "이름,female,1990,Asia/Seoul,2025-01-01T00:00:00Z,coffee,yes,2025-03-04 10:00:00,\
    ad-2025-03,no";

#[test]
fn files_that_are_none_are_refused_and_rows_that_are_wrong_are_named() {
    run().unwrap();
}

fn run() -> Result<()> {
    let folder = TempDir::new()?;
    let brand = Brand::open(&folder.path().join("platform"), "@hanok")?;
    let mut cases = Cases::default();
    whole_files(&brand, &mut cases)?;
    rows(&brand, &mut cases)?;
    large_cells(&brand, &mut cases)?;
    books_close(&brand.data)?;
    cases.finish("files of friends")
}

fn file(brand: &Brand, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = brand.data.with_extension(name.replace(' ', "-"));
    std::fs::write(&path, bytes)?;
    Ok(path)
}

/// The file as it is: nothing of it is taken in.
fn whole_files(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(HEADER.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let big_endian: Vec<u8> = std::iter::once(0xfeff)
        .chain(HEADER.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let zip = b"PK\x03\x04\x14\x00\x06\x00".repeat(40);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "empty"),
        ("a mark and nothing", b"\xef\xbb\xbf".to_vec(), "empty"),
        ("UTF-16 as Excel saves it", utf16, "UTF-16"),
        ("UTF-16 big-endian", big_endian, "UTF-16"),
        ("an XLSX file", zip, "Excel"),
        ("zeros", vec![0; 5_000], "CSV"),
        ("no header", format!("U1,{REST}\n").into_bytes(), "U1"),
        (
            "EUC-KR header",
            b"user_key,\xc0\xcc\xb8\xa7\n".to_vec(),
            "UTF-8",
        ),
        (
            "semicolons",
            HEADER.replace(',', ";").into_bytes(),
            "commas",
        ),
        ("tabs", HEADER.replace(',', "\t").into_bytes(), "commas"),
        ("no key column", b"display_name\nx\n".to_vec(), "user_key"),
        ("a column twice", b"user_key,tags,tags\n".to_vec(), "twice"),
        (
            "an unknown column",
            b"user_key,shoe_size\n".to_vec(),
            "shoe_size",
        ),
        (
            "a column without a name",
            b"user_key,,tags\n".to_vec(),
            "''",
        ),
        (
            "consent without its time",
            b"user_key,ad_consent\n".to_vec(),
            "ad_consent_at",
        ),
        (
            "night without day",
            b"user_key,night_consent\n".to_vec(),
            "ad_consent",
        ),
        ("a header without end", vec![b'a'; 3_000_000], "header"),
        (
            "a header whose quotes do not close",
            b"\"user_key\nU1\n".to_vec(),
            "header",
        ),
    ];
    for (index, (name, bytes, words)) in table.into_iter().enumerate() {
        let path = file(brand, &format!("whole{index}.csv"), &bytes)?;
        let path = path.to_str().context("UTF-8")?;
        let import = ["import", "friends", "--account", &brand.handle, path];
        let output = shell::run(&brand.data, &import)?;
        cases.check(&format!("file: {name}"), is_refusal(&output, CANNOT, words));
    }
    Ok(())
}

/// One bad row between two good ones: it is named, they are taken.
fn rows(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let with = |cells: [&str; 11]| cells.join(",").into_bytes();
    let usual = [
        "U9",
        "이름",
        "female",
        "1990",
        "Asia/Seoul",
        "2025-01-01T00:00:00Z",
        "coffee",
        "yes",
        "2025-03-04 10:00:00",
        "ad-2025-03",
        "no",
    ];
    let but = |place: usize, cell: &'static str| {
        let mut cells = usual;
        cells[place] = cell;
        with(cells)
    };
    let long_key: &'static str = "U0123456789abcdef0123456789abcdef0123456789abcdef0123456789\
        abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
    let mut not_utf8 = but(1, "@");
    let place = not_utf8
        .iter()
        .position(|byte| *byte == b'@')
        .context("@")?;
    not_utf8.splice(place..=place, [0xb1, 0xe8]);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty key", but(0, ""), "empty_key"),
        ("blank key", but(0, "  "), "bad_key"),
        ("key too long", but(0, long_key), "bad_key"),
        ("key with a space", but(0, "U 9"), "bad_key"),
        ("key in Korean", but(0, "열쇠"), "bad_key"),
        (
            "the key of the row before",
            but(0, "first-ROW"),
            "duplicate_key",
        ),
        ("EUC-KR name", not_utf8, "invalid_utf8"),
        ("bell in a name", but(1, "a\u{7}b"), "control_character"),
        ("zero in a name", but(1, "a\0b"), "control_character"),
        ("gender", but(2, "F?"), "bad_gender"),
        ("birth year in words", but(3, "old"), "bad_birth_year"),
        (
            "birth year too early",
            but(3, "1899"),
            "birth_year_out_of_range",
        ),
        (
            "birth year to come",
            but(3, "2999"),
            "birth_year_out_of_range",
        ),
        ("negative birth year", but(3, "-1990"), "bad_birth_year"),
        ("zone", but(4, "Asia/Seul"), "bad_zone"),
        ("zone up the tree", but(4, "../../etc/passwd"), "bad_zone"),
        ("date", but(5, "2025-02-30T00:00:00Z"), "bad_date"),
        (
            "date without zone",
            but(5, "2025-01-01 00:00:00"),
            "bad_date",
        ),
        (
            "date in the future",
            but(5, "2999-01-01T00:00:00Z"),
            "bad_date",
        ),
        ("empty tag", but(6, "a||b"), "bad_tag"),
        ("consent in no known word", but(7, "maybe"), "bad_consent"),
        ("consent without a time", but(8, ""), "consent_without_time"),
        (
            "consent in the future",
            but(8, "2999-01-01 00:00:00"),
            "consent_in_future",
        ),
        ("consent time that is none", but(8, "early"), "bad_date"),
        (
            "consent to unknown words",
            but(9, "ad-1999"),
            "unknown_wording",
        ),
        ("night in no known word", but(10, "late"), "bad_consent"),
        ("too few columns", b"U9,name".to_vec(), "too_few_columns"),
        (
            "too many columns",
            format!("U9,{REST},x").into_bytes(),
            "too_many_columns",
        ),
        (
            "quotes that do not close",
            format!("U9,\"{REST}").into_bytes(),
            "unbalanced_quotes",
        ),
        (
            "text behind closing quotes",
            b"U9,\"a\"b,,,,,,,,,".to_vec(),
            "unbalanced_quotes",
        ),
    ];
    for (index, (name, row, reason)) in table.into_iter().enumerate() {
        let (first, last) = (
            format!("a{index}-ROW,{REST}\n"),
            format!("\nz{index}-ROW,{REST}\n"),
        );
        let row = match reason {
            "duplicate_key" => format!("a{index}-ROW,{REST}").into_bytes(),
            _ => row,
        };
        let bytes = [HEADER.as_bytes(), first.as_bytes(), &row, last.as_bytes()].concat();
        let path = file(brand, &format!("row{index}.csv"), &bytes)?;
        cases.check(&format!("row: {name}"), is_named(brand, &path, reason));
    }
    Ok(())
}

fn is_named(brand: &Brand, path: &std::path::Path, reason: &str) -> Result<()> {
    let report = import(brand, path)?;
    ensure!(
        report["accepted"] == 2 && report["rejected"] == 1,
        "{report}"
    );
    let reasons = report["reasons"].as_array().context("reasons")?;
    let named = reasons.iter().find(|counted| counted["reason"] == reason);
    let named = named.with_context(|| format!("{reason} in {report}"))?;
    ensure!(named["first_lines"] == serde_json::json!([3]), "{report}");
    Ok(())
}

fn import(brand: &Brand, path: &std::path::Path) -> Result<Value> {
    let path = path.to_str().context("UTF-8")?;
    shell::json(
        &brand.data,
        &["import", "friends", "--account", &brand.handle, path],
    )
}

/// Cells of a megabyte, and names that a spreadsheet would run.
fn large_cells(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let megabyte = "가".repeat(350_000);
    let table = [
        (
            "a name of a megabyte",
            format!("L1,{megabyte},,,,,,,,,\n"),
            "row_too_long",
        ),
        (
            "a quoted name of a megabyte",
            format!("L1,\"{megabyte}\",,,,,,,,,\n"),
            "row_too_long",
        ),
        (
            "a cell of 100 kB",
            format!("L1,{},,,,,,,,,\n", "x".repeat(100_000)),
            "cell_too_long",
        ),
        (
            "ten thousand columns",
            format!("L1{}\n", ",".repeat(10_000)),
            "too_many_columns",
        ),
        (
            "ten thousand tags",
            format!("L1,,,,,,{},,,,\n", "t|".repeat(10_000)),
            "too_many_tags",
        ),
    ];
    for (index, (name, row, reason)) in table.into_iter().enumerate() {
        let bytes = format!("{HEADER}b{index}-ROW,{REST}\n{row}c{index}-ROW,{REST}\n");
        let path = file(brand, &format!("large{index}.csv"), bytes.as_bytes())?;
        cases.check(&format!("cell: {name}"), is_named(brand, &path, reason));
    }
    let formulas = [
        "=SUM(A1:A9)",
        "+1",
        "-1",
        "@cmd",
        "=HYPERLINK(\"\"http://x\"\")",
    ];
    let lines: Vec<String> = formulas
        .iter()
        .enumerate()
        .map(|(index, name)| format!("F{index},\"{name}\",,,,,,,,,\n"))
        .collect();
    let path = file(
        brand,
        "formulas.csv",
        format!("{HEADER}{}", lines.concat()).as_bytes(),
    )?;
    let report = import(brand, &path)?;
    let all = report["accepted"] == formulas.len() && report["rejected"] == 0;
    cases.check("names that look like formulas are names", {
        if all {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{report}"))
        }
    });
    Ok(())
}
