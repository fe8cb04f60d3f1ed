//! Every refused row as a CSV report, however many there are.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use store::Store;
use store::import::{Import, Rejection};

use crate::Error;

/// Spreadsheet programs take the file for UTF-8 by this.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Writes `line,reason,explanation`, one line per fault, in the order of the file; the number of
/// lines.
pub async fn write_rejections(store: &Store, import: &Import, path: &Path) -> Result<u64, Error> {
    let failed = |source: std::io::Error| Error::Io {
        path: path.display().to_string(),
        source,
    };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    file.write_all(BYTE_ORDER_MARK.as_bytes()).map_err(failed)?;
    let mut report = csv::Writer::from_writer(file);
    let failed_row = |error: csv::Error| failed(error.into());
    report
        .write_record(["line", "reason", "explanation"])
        .map_err(failed_row)?;
    let mut written = 0;
    let mut last: Option<Rejection> = None;
    loop {
        let page = store.rejections_after(import, last.as_ref()).await?;
        for rejection in &page {
            let explanation = without_formula(&rejection.explanation);
            let cells = [
                &rejection.line.to_string(),
                rejection.reason.as_str(),
                &explanation,
            ];
            report.write_record(cells).map_err(failed_row)?;
            written += 1;
        }
        last = match page.into_iter().next_back() {
            Some(rejection) => Some(rejection),
            None => break,
        };
    }
    report.flush().map_err(failed)?;
    Ok(written)
}

/// A cell that a spreadsheet program would take for a formula begins with an apostrophe.
pub fn without_formula(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
