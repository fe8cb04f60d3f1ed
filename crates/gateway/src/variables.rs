//! Personal values as parallel columns: `{"name": ["Kim", "Lee", …]}`, one value per recipient.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::error::{Error, quoted};

/// Names in one push.
pub const VARIABLES_MAX: usize = 50;
/// Bytes of one name.
pub const VARIABLE_NAME_BYTES_MAX: usize = 64;

/// The columns of the recipients at `positions`: the next round's, or one part's of a chunk.
pub fn select_variables(text: &str, positions: &[u32]) -> Result<String, Error> {
    let columns = columns(text)?;
    let selected: Result<BTreeMap<&str, Vec<&RawValue>>, Error> = columns
        .iter()
        .map(|(name, column)| {
            let values: Option<Vec<&RawValue>> = positions
                .iter()
                .map(|position| column.get(*position as usize).copied())
                .collect();
            let values = values.ok_or_else(|| {
                Error::malformed(format!("variable {} has too few values", quoted(name)))
            })?;
            Ok((name.as_ref(), values))
        })
        .collect();
    serde_json::to_string(&selected?).map_err(|error| Error::json("variables", &error))
}

/// Checks that every column holds one text per recipient.
pub(crate) fn check_variables(text: &str, recipients: usize) -> Result<(), Error> {
    let columns = columns(text)?;
    if columns.len() > VARIABLES_MAX {
        return Err(Error::malformed(format!(
            "there are {} variables, at most {VARIABLES_MAX} are taken",
            columns.len()
        )));
    }
    for (name, column) in &columns {
        if name.is_empty() || name.len() > VARIABLE_NAME_BYTES_MAX {
            return Err(Error::malformed(format!(
                "the variable name {} is not 1 to {VARIABLE_NAME_BYTES_MAX} bytes",
                quoted(name)
            )));
        }
        if column.len() != recipients {
            return Err(Error::malformed(format!(
                "variable {} has {} values for {recipients} recipients",
                quoted(name),
                column.len()
            )));
        }
        if column.iter().any(|value| !value.get().starts_with('"')) {
            return Err(Error::malformed(format!(
                "variable {} holds a value that is not a text",
                quoted(name)
            )));
        }
    }
    Ok(())
}

type Columns<'a> = BTreeMap<Cow<'a, str>, Vec<&'a RawValue>>;

fn columns(text: &str) -> Result<Columns<'_>, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::malformed(format!("variables is not columns of texts: {error}")))
}
