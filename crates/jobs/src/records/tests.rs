//! Bytes of every shape: cells, broken rows, long rows, and where a read ends.

use super::*;

/// Line, kind and cells of every stretch.
fn read(bytes: &[u8]) -> Vec<(u64, Kind, Vec<String>)> {
    read_from(bytes, 0, 0)
}

fn read_from(bytes: &[u8], offset: usize, lines: u64) -> Vec<(u64, Kind, Vec<String>)> {
    let mut records = Records::of(&bytes[offset..], offset as u64, lines);
    let mut found = Vec::new();
    let mut end = offset as u64;
    while let Some(span) = records.next_span().unwrap() {
        assert!(span.end_offset > end, "it goes on");
        end = span.end_offset;
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let cells = match span.kind {
            Kind::Record => records.cells().iter().map(text).collect(),
            _ => Vec::new(),
        };
        found.push((span.line, span.kind, cells));
    }
    assert_eq!(end, bytes.len() as u64, "every byte belongs to a stretch");
    found
}

fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let records = read(bytes)
        .into_iter()
        .filter(|(_, kind, _)| *kind == Kind::Record);
    records.map(|(_, _, cells)| cells).collect()
}

#[test]
fn cells_are_read_as_they_were_written() {
    let cases: [(&str, &[&[&str]]); 20] = [
        ("", &[]),
        ("a", &[&["a"]]),
        ("a\n", &[&["a"]]),
        ("a,b\r\nc,d", &[&["a", "b"], &["c", "d"]]),
        ("a,b\rc,d\r", &[&["a", "b"], &["c", "d"]]),
        ("a,b,", &[&["a", "b", ""]]),
        (",", &[&["", ""]]),
        (",\n", &[&["", ""]]),
        ("\n\r\n\ra\n\n", &[&["a"]]),
        ("\"a\"", &[&["a"]]),
        ("\"\",\"\"\n", &[&["", ""]]),
        ("\"a,b\",c", &[&["a,b", "c"]]),
        ("\"a\nb\r\nc\rd\",e\n", &[&["a\nb\r\nc\rd", "e"]]),
        ("\"say \"\"hi\"\"\"\n", &[&["say \"hi\""]]),
        ("\"\"\"\"", &[&["\""]]),
        ("5\" pizza,b", &[&["5\" pizza", "b"]]),
        ("a\"b\"c", &[&["a\"b\"c"]]),
        (" \"a\" ,b", &[&[" \"a\" ", "b"]]),
        ("=1+1,'x", &[&["=1+1", "'x"]]),
        ("가,나\n", &[&["가", "나"]]),
    ];
    for (text, expected) in cases {
        assert_eq!(rows(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn a_broken_row_costs_its_own_line_only() {
    let cases: [(&str, &[(u64, Kind)]); 8] = [
        (
            "\"a,b\nc,\"d\"\n",
            &[(1, Kind::UnbalancedQuotes), (2, Kind::Record)],
        ),
        (
            "\"a\"b,c\nd\n",
            &[(1, Kind::UnbalancedQuotes), (2, Kind::Record)],
        ),
        (
            "a,\"b\nc\nd\n",
            &[
                (1, Kind::UnbalancedQuotes),
                (2, Kind::Record),
                (3, Kind::Record),
            ],
        ),
        ("a\n\"", &[(1, Kind::Record), (2, Kind::UnbalancedQuotes)]),
        (
            "\"a\r\nb\r\n",
            &[(1, Kind::UnbalancedQuotes), (2, Kind::Record)],
        ),
        (
            "\"a\rb\"c\r",
            &[(1, Kind::UnbalancedQuotes), (2, Kind::Record)],
        ),
        (
            "\"a\" ,b\nc",
            &[(1, Kind::UnbalancedQuotes), (2, Kind::Record)],
        ),
        (
            "\"x\ny\"\n\"z\n",
            &[(1, Kind::Record), (3, Kind::UnbalancedQuotes)],
        ),
    ];
    for (text, expected) in cases {
        let found: Vec<_> = read(text.as_bytes())
            .iter()
            .map(|(line, kind, _)| (*line, *kind))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn too_long_rows_are_read_over_and_the_next_ones_are_found() {
    let mega = "x".repeat(1024 * 1024);
    let huge = "y".repeat(3 * SCAN_BYTES_MAX);
    let commas = ",".repeat(RECORD_BYTES_MAX + 10);
    let cases = [
        (
            format!("a\n{mega}\nb\n"),
            vec![(1, Kind::Record), (2, Kind::TooLong), (3, Kind::Record)],
        ),
        (
            format!("a\n\"{mega}\n{mega}\"\nb\n"),
            vec![(1, Kind::Record), (2, Kind::TooLong), (4, Kind::Record)],
        ),
        (
            format!("{huge}\r\nb"),
            vec![(1, Kind::TooLong), (2, Kind::Record)],
        ),
        (
            format!("\"{huge}\nb"),
            vec![(1, Kind::TooLong), (2, Kind::Record)],
        ),
        (huge.clone(), vec![(1, Kind::TooLong)]),
        (
            format!("{commas}\nb"),
            vec![(1, Kind::TooLong), (2, Kind::Record)],
        ),
    ];
    for (text, expected) in cases {
        let found: Vec<_> = read(text.as_bytes())
            .iter()
            .map(|(line, kind, _)| (*line, *kind))
            .collect();
        assert_eq!(found, expected, "{} bytes", text.len());
    }
}

#[test]
fn reading_goes_on_from_any_record() {
    let text = "a,b\r\n\"c\nc\",d\n\"e,\nf,g\r\n\nh,i";
    let whole = read(text.as_bytes());
    let mut records = Records::of(text.as_bytes(), 0, 0);
    let mut passed = 0;
    while let Some(span) = records.next_span().unwrap() {
        passed += 1;
        let rest = read_from(text.as_bytes(), span.end_offset as usize, span.end_lines);
        assert_eq!(rest, whole[passed..], "behind stretch {passed}");
    }
    assert_eq!(
        whole.iter().map(|(line, ..)| *line).collect::<Vec<_>>(),
        [1, 2, 4, 5, 6, 7]
    );
}

/// Gives one byte at a time, so that every place is the end of what was read once.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(0);
        };
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn it_never_matters_where_a_read_ends() {
    let text = "a,\"b\"\r\n\"c\"\"\r\nd\",e\r\n\"f\ng\"h\r\n\ri,j\r";
    let mut records = Records::of(Dripping(text.as_bytes()), 0, 0);
    let mut found = Vec::new();
    while let Some(span) = records.next_span().unwrap() {
        found.push((span.line, span.kind, span.end_offset));
    }
    let mut at_once = Records::of(text.as_bytes(), 0, 0);
    let mut expected = Vec::new();
    while let Some(span) = at_once.next_span().unwrap() {
        expected.push((span.line, span.kind, span.end_offset));
    }
    assert_eq!(found, expected);
    assert_eq!(found.len(), 6);
}
