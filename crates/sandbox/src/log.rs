//! The accept log as CSV: `push_key,campaign,user_key,at`, one line per acceptance. It is the
//! oracle of the fault tests; what was accepted twice stands in it twice.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
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

/// How often a user was accepted again within one campaign: 0 where every send was single. Takes 16
/// bytes per acceptance.
pub async fn count_doubles(path: &Path) -> Result<u64, Error> {
    let log = AcceptLog::open(path).await?;
    let mut by_campaign: HashMap<_, Vec<u128>> = HashMap::new();
    log.for_each(|entry| {
        let seen = by_campaign.entry(entry.campaign).or_default();
        seen.push(fingerprint(entry.user_key));
        Ok::<(), Error>(())
    })
    .await?;
    let doubles = by_campaign.into_values().map(|mut seen| {
        seen.sort_unstable();
        seen.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
    });
    Ok(doubles.sum())
}

/// 128 bits of a user key: among ten million, two alike by chance are not to be expected.
fn fingerprint(user_key: &str) -> u128 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let (high, low) = (
        hasher.hash_one((0u8, user_key)),
        hasher.hash_one((1u8, user_key)),
    );
    u128::from(high) << 64 | u128::from(low)
}

fn write_cell(writer: &mut impl Write, text: &str) -> std::io::Result<()> {
    if text.bytes().any(|byte| matches!(byte, b'"' | b',')) {
        write!(writer, "\"{}\"", text.replace('"', "\"\""))
    } else {
        writer.write_all(text.as_bytes())
    }
}
