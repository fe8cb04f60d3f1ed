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

/// A fault and its words.
pub type Fault = (RejectReason, String);

/// Checks every cell; the fact the row tells, or all of its faults.
pub fn friend(cells: &Cells, columns: &Columns, terms: &Terms) -> Result<FriendFact, Vec<Fault>> {
    check_shape(cells, columns).map_err(|fault| vec![fault])?;
    let row = Texts::read(cells, columns).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let user = row.user().map_err(|fault| faults.push(fault)).ok();
    let tags = split_tags(row.text(Column::Tags));
    let profile = keep(Profile::parse(&row.profile(&tags), terms.now), &mut faults);
    let knows = |version: &str| terms.wordings.contains(version);
    let consents = parse_consents(&row.consent(), &terms.zone, terms.now, knows);
    let consents = keep(consents, &mut faults);
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

fn check_shape(cells: &Cells, columns: &Columns) -> Result<(), Fault> {
    let (found, expected) = (cells.len(), columns.count());
    let reason = match found.cmp(&expected) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => RejectReason::TooFewColumns,
        std::cmp::Ordering::Greater => RejectReason::TooManyColumns,
    };
    Err((
        reason,
        format!("the row has {found} columns, the header {expected}"),
    ))
}

fn keep<T>(read: Result<T, Vec<FieldError>>, faults: &mut Vec<Fault>) -> Option<T> {
    read.map_err(|errors| {
        let told = errors
            .into_iter()
            .map(|error| (error.code, error.to_string()));
        faults.extend(told);
    })
    .ok()
}

/// The cells of a row as text, by column.
struct Texts<'a> {
    texts: [&'a str; Column::ALL.len()],
}

impl<'a> Texts<'a> {
    fn read(cells: &'a Cells, columns: &Columns) -> Result<Self, Fault> {
        let mut texts = [""; Column::ALL.len()];
        for column in Column::ALL {
            let Some(cell) = columns.place(column).and_then(|place| cells.get(place)) else {
                continue;
            };
            texts[column as usize] = std::str::from_utf8(cell).map_err(|_| {
                let message = format!("{}: the cell is not UTF-8", column.name());
                (RejectReason::InvalidUtf8, message)
            })?;
        }
        Ok(Self { texts })
    }

    fn text(&self, column: Column) -> &'a str {
        self.texts[column as usize]
    }

    fn user(&self) -> Result<UserKey, Fault> {
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
