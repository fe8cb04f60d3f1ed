//! One record to one friend, or everything that is wrong with it.

use std::collections::HashSet;

use directory::{Fact, FriendFact, Imported};
use domain::friend::{
    ConsentCells, FieldError, Profile, ProfileFields, RejectReason, parse_consents, split_tags,
};
use domain::time::Timestamp;
use domain::user::{InvalidUserKey, UserKey};

use crate::columns::{Column, Columns};
use crate::records::Cells;

/// What a row is judged by.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The account's zone: consent times are wall times there.
    pub zone: jiff::tz::TimeZone,
    /// Versions of the account's wordings.
    pub wordings: HashSet<String>,
    /// Nothing can have happened after this.
    pub now: Timestamp,
}

/// A fault, its words, and the cell it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub reason: RejectReason,
    pub explanation: String,
    /// By the file's own name; empty where it is the whole row.
    pub column: String,
    /// What stands there, shortened.
    pub value: String,
}

/// Characters of a cell that are told.
const VALUE_CHARS_MAX: usize = 80;

impl Fault {
    /// A fault of the whole row.
    pub fn of_row(reason: RejectReason, explanation: impl Into<String>) -> Self {
        Self {
            reason,
            explanation: explanation.into(),
            column: String::new(),
            value: String::new(),
        }
    }
}

/// Checks every cell; the fact the row tells, or all of its faults.
pub fn friend(cells: &Cells, columns: &Columns, terms: &Terms) -> Result<FriendFact, Vec<Fault>> {
    check_shape(cells, columns).map_err(|fault| vec![fault])?;
    let row = Texts::read(cells, columns).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let at = |column, reason, explanation| row.fault(columns, column, reason, explanation);
    let user = row.user().map_err(|(reason, explanation)| {
        faults.push(at(Column::UserKey, reason, explanation));
    });
    let user = user.ok();
    let tags = split_tags(row.text(Column::Tags));
    let profile = Profile::parse(&row.profile(&tags), terms.now);
    let profile = keep(profile, &at, &mut faults);
    let knows = |version: &str| terms.wordings.contains(version);
    let consents = parse_consents(&row.consent(), &terms.zone, terms.now, knows);
    let consents = keep(consents, &at, &mut faults);
    match (user, profile, consents) {
        (Some(user), Some(profile), Some(consents)) if faults.is_empty() => Ok(FriendFact {
            user,
            at: terms.now,
            fact: Fact::Imported(Box::new(Imported {
                profile,
                consents,
                tells_tags: columns.has(Column::Tags),
            })),
        }),
        _ => Err(faults),
    }
}

pub fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
    if text.chars().nth(VALUE_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn check_shape(cells: &Cells, columns: &Columns) -> Result<(), Fault> {
    let (found, expected) = (cells.len(), columns.count());
    let reason = match found.cmp(&expected) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => RejectReason::TooFewColumns,
        std::cmp::Ordering::Greater => RejectReason::TooManyColumns,
    };
    let explanation = format!("the row has {found} columns, the header {expected}");
    Err(Fault::of_row(reason, explanation))
}

fn keep<T>(
    read: Result<T, Vec<FieldError>>,
    at: &impl Fn(Column, RejectReason, String) -> Fault,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    read.map_err(|errors| {
        let told = errors.into_iter().map(|error| {
            let explanation = error.to_string();
            match Column::from_name(error.field) {
                Some(column) => at(column, error.code, explanation),
                None => Fault::of_row(error.code, explanation),
            }
        });
        faults.extend(told);
    })
    .ok()
}

/// The cells of a row as text, by column.
struct Texts<'a> {
    texts: [&'a str; Column::ALL.len()],
}

impl<'a> Texts<'a> {
    fn read(cells: &'a Cells, columns: &'a Columns) -> Result<Self, Fault> {
        let mut texts = [""; Column::ALL.len()];
        for column in Column::ALL {
            let Some(cell) = columns.place(column).and_then(|place| cells.get(place)) else {
                texts[column as usize] = columns.fixed(column).unwrap_or_default();
                continue;
            };
            texts[column as usize] = std::str::from_utf8(cell).map_err(|_| Fault {
                reason: RejectReason::InvalidUtf8,
                explanation: format!("{}: the cell is not UTF-8", column.name()),
                column: columns.name_in_file(column).to_owned(),
                value: shortened(&String::from_utf8_lossy(cell)),
            })?;
        }
        Ok(Self { texts })
    }

    fn text(&self, column: Column) -> &'a str {
        self.texts[column as usize]
    }

    fn fault(
        &self,
        columns: &Columns,
        column: Column,
        reason: RejectReason,
        explanation: String,
    ) -> Fault {
        Fault {
            reason,
            explanation,
            column: columns.name_in_file(column).to_owned(),
            value: shortened(self.text(column)),
        }
    }

    fn user(&self) -> Result<UserKey, (RejectReason, String)> {
        UserKey::parse(self.text(Column::UserKey)).map_err(|error| {
            let reason = match error {
                InvalidUserKey::Empty => RejectReason::EmptyKey,
                _ => RejectReason::BadKey,
            };
            (reason, format!("user_key: {error}"))
        })
    }

    fn profile<'b>(&self, tags: &'b [&'b str]) -> ProfileFields<'b>
    where
        'a: 'b,
    {
        ProfileFields {
            display_name: self.text(Column::DisplayName),
            language: self.text(Column::Language),
            country: self.text(Column::Country),
            region: self.text(Column::Region),
            gender: self.text(Column::Gender),
            birth_year: self.text(Column::BirthYear),
            time_zone: self.text(Column::TimeZone),
            friend_since: self.text(Column::FriendSince),
            source: self.text(Column::Source),
            tags,
        }
    }

    fn consent(&self) -> ConsentCells<'a> {
        ConsentCells {
            promotion: self.text(Column::AdConsent),
            at: self.text(Column::AdConsentAt),
            wording: self.text(Column::ConsentWording),
            night: self.text(Column::NightConsent),
        }
    }
}
