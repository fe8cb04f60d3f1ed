//! The accept log as CSV: `push_key,campaign,user_key,at`, one line per acceptance. It is the
//! oracle of the fault tests; what was accepted twice stands in it twice.

use std::io::Write;
use std::path::Path;

use domain::time::Timestamp;
pub use store::sandbox::{AcceptLog, Summary};

use crate::state::Error;

/// Writes the log of the sandbox file at `path`, which may be in use; the number of lines.
pub async fn export(path: &Path, writer: impl Write) -> Result<u64, Error> {
    let mut writer = std::io::BufWriter::new(writer);
    let log = AcceptLog::open(path).await?;
    writer.write_all(b"push_key,campaign,user_key,at\n")?;
    let mut lines = 0;
    // A push's lines share their time, and making its text is the dearest part of a line.
    let (mut at, mut at_text) = (Timestamp::default(), Timestamp::default().to_string());
    log.for_each(|entry| {
        if entry.at != at {
            (at, at_text) = (entry.at, entry.at.to_string());
        }
        write!(writer, "{},{},", entry.push_key, entry.campaign)?;
        write_cell(&mut writer, entry.user_key)?;
        writeln!(writer, ",{at_text}")?;
        lines += 1;
        Ok::<(), Error>(())
    })
    .await?;
    writer.flush()?;
    Ok(lines)
}

/// Totals of the sandbox file at `path`.
pub async fn summary(path: &Path) -> Result<Summary, Error> {
    Ok(AcceptLog::open(path).await?.summary().await?)
}

fn write_cell(writer: &mut impl Write, text: &str) -> std::io::Result<()> {
    if text.bytes().any(|byte| matches!(byte, b'"' | b',')) {
        write!(writer, "\"{}\"", text.replace('"', "\"\""))
    } else {
        writer.write_all(text.as_bytes())
    }
}
