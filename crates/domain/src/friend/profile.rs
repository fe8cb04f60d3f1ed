//! What is known about a friend, as text from an import or an event, checked once.
//!
//! Every field is checked even when an earlier one is wrong: a person who repairs a file wants all
//! of its faults at once.

use serde::{Deserialize, Serialize};

use super::{ConsentFact, ConsentSource, RejectReason};
use crate::time::{Timestamp, local_to_instant, zone};

pub const DISPLAY_NAME_CHARS_MAX: usize = 128;
pub const LANGUAGE_CHARS_MAX: usize = 35;
pub const REGION_CHARS_MAX: usize = 64;
pub const SOURCE_CHARS_MAX: usize = 32;
pub const TAG_CHARS_MAX: usize = 32;
pub const TAGS_MAX: usize = 50;
pub const BIRTH_YEAR_MIN: u16 = 1_900;
/// No field is read further than this: 128 characters of four bytes and 50 tags fit well within.
pub const CELL_BYTES_MAX: usize = 8_192;
const _: () = assert!(DISPLAY_NAME_CHARS_MAX * 4 <= CELL_BYTES_MAX);
const _: () = assert!(TAGS_MAX * (TAG_CHARS_MAX * 4 + 1) <= CELL_BYTES_MAX);

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    #[default]
    Unknown,
    Female,
    Male,
}

/// What is known about a friend. Text is trimmed nowhere: what the messenger wrote is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    pub display_name: String,
    /// In BCP 47's usual case: `ko`, `zh-Hant-TW`.
    pub language: Option<String>,
    /// Two capital letters.
    pub country: Option<String>,
    pub region: Option<String>,
    pub gender: Gender,
    pub birth_year: Option<u16>,
    /// The IANA name as the time zone database spells it.
    pub time_zone: Option<String>,
    pub friend_since: Option<Timestamp>,
    /// How the friendship began: `qr_store`, `search`, …
    pub source: Option<String>,
    /// Sorted, each once.
    pub tags: Vec<String>,
}

/// The same fields as text, an empty text where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileFields<'a> {
    pub display_name: &'a str,
    pub language: &'a str,
    pub country: &'a str,
    pub region: &'a str,
    pub gender: &'a str,
    pub birth_year: &'a str,
    pub time_zone: &'a str,
    /// RFC 3339 with an offset.
    pub friend_since: &'a str,
    pub source: &'a str,
    pub tags: &'a [&'a str],
}

/// The four cells of an import that make up its consents, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsentCells<'a> {
    /// true/false, 1/0, yes/no in any case; empty is no.
    pub promotion: &'a str,
    /// Wall time in the account's zone.
    pub at: &'a str,
    pub wording: &'a str,
    pub night: &'a str,
}

/// What an imported row says about consent. `None` says nothing: the file has no consent, which is
/// not the same as a refusal. A `false` with a time is a refusal at that time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportedConsents {
    pub promotion: Option<ConsentFact>,
    pub night: Option<ConsentFact>,
}

/// One fault of one field, in words for the person who repairs it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    pub field: &'static str,
    pub code: RejectReason,
    pub message: String,
}

impl FieldError {
    pub fn of(field: &'static str, code: RejectReason, message: impl Into<String>) -> Self {
        Self {
            field,
            code,
            message: message.into(),
        }
    }
}

impl Gender {
    pub const ALL: [Gender; 3] = [Self::Unknown, Self::Female, Self::Male];

    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Female => 1,
            Self::Male => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|gender| gender.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gender| gender.name() == name)
    }
}

impl Profile {
    /// Checks every field; the profile, or everything that is wrong with it in the order of the
    /// fields.
    pub fn parse(fields: &ProfileFields<'_>, now: Timestamp) -> Result<Profile, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut faults = Faults(&mut errors);
        let profile = Profile {
            display_name: faults
                .optional("display_name", fields.display_name, display_name)
                .unwrap_or_default(),
            language: faults.optional("language", fields.language, language),
            country: faults.optional("country", fields.country, country),
            region: faults.optional("region", fields.region, region),
            gender: faults
                .optional("gender", fields.gender, gender)
                .unwrap_or_default(),
            birth_year: faults.optional("birth_year", fields.birth_year, |text| {
                birth_year(text, now)
            }),
            time_zone: faults.optional("time_zone", fields.time_zone, time_zone),
            friend_since: faults.optional("friend_since", fields.friend_since, |text| {
                friend_since(text, now)
            }),
            source: faults.optional("source", fields.source, source),
            tags: faults.tags(fields.tags),
        };
        if errors.is_empty() {
            Ok(profile)
        } else {
            Err(errors)
        }
    }
}

/// Reads the consent cells of an imported row. `zone` is the account's, `knows_wording` tells the
/// wording versions it has shown. A consent needs a time that is not in the future and a known
/// wording; night consent stands on a promotion consent of the same row.
pub fn parse_consents(
    cells: &ConsentCells<'_>,
    account_zone: &jiff::tz::TimeZone,
    now: Timestamp,
    knows_wording: impl Fn(&str) -> bool,
) -> Result<ImportedConsents, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut faults = Faults(&mut errors);
    let promotion = faults.optional("ad_consent", cells.promotion, yes_or_no) == Some(true);
    let night = faults.optional("night_consent", cells.night, yes_or_no) == Some(true);
    let at = faults.optional("ad_consent_at", cells.at, |text| {
        consent_time(text, account_zone, now)
    });
    if promotion && cells.at.is_empty() {
        faults.add(
            "ad_consent_at",
            RejectReason::ConsentWithoutTime,
            "a consent needs the time it was given",
        );
    }
    let wording = faults.optional("consent_wording", cells.wording, |text| {
        known_wording(text, &knows_wording)
    });
    // A consent that was never asked for has neither time nor words: that is one fault, not two.
    if promotion && cells.wording.is_empty() && !cells.at.is_empty() {
        faults.add(
            "consent_wording",
            RejectReason::UnknownWording,
            "a consent needs the version of the words that were shown",
        );
    }
    if night && !promotion {
        faults.add(
            "night_consent",
            RejectReason::BadConsent,
            "a night consent needs a promotion consent beside it",
        );
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let fact = |granted| {
        at.map(|at| ConsentFact {
            granted,
            at,
            wording: wording.clone(),
            source: ConsentSource::Import,
        })
    };
    Ok(ImportedConsents {
        promotion: fact(promotion),
        night: if night { fact(true) } else { None },
    })
}

/// `coffee|tea` as its parts; an empty cell has none.
pub fn split_tags(cell: &str) -> Vec<&str> {
    if cell.is_empty() {
        Vec::new()
    } else {
        cell.split('|').collect()
    }
}

type Fault = (RejectReason, String);

/// Reads a language tag and puts it into BCP 47's usual case.
pub fn language(text: &str) -> Result<String, Fault> {
    let refuse = || {
        let shown = excerpt(text);
        let message = format!("'{shown}' is not a language: expected a tag such as ko or zh-Hant");
        (RejectReason::BadLanguage, message)
    };
    if text.len() > LANGUAGE_CHARS_MAX {
        return Err(refuse());
    }
    let mut parts = Vec::new();
    for (index, part) in text.split('-').enumerate() {
        let letters_fit = part.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_alphabetic = part.bytes().all(|b| b.is_ascii_alphabetic());
        let fits = match index {
            0 => (2..=8).contains(&part.len()) && is_alphabetic,
            _ => (1..=8).contains(&part.len()) && letters_fit,
        };
        if !fits {
            return Err(refuse());
        }
        let lower = part.to_ascii_lowercase();
        parts.push(match part.len() {
            2 if index > 0 && is_alphabetic => part.to_ascii_uppercase(),
            4 if index > 0 && is_alphabetic => lower[..1].to_ascii_uppercase() + &lower[1..],
            _ => lower,
        });
    }
    Ok(parts.join("-"))
}

/// Reads a country: two letters, kept as capitals.
pub fn country(text: &str) -> Result<String, Fault> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_uppercase());
    }
    let shown = excerpt(text);
    let message = format!("'{shown}' is not a country: expected two letters such as KR");
    Err((RejectReason::BadCountry, message))
}

/// Reads a region: any text of at most 64 characters on one line.
pub fn region(text: &str) -> Result<String, Fault> {
    plain_text(text, REGION_CHARS_MAX, "a region").map_err(|m| (RejectReason::BadRegion, m))
}

/// Reads the source of a friendship: 1 to 32 of `a-z`, `0-9`, `_`, `-`.
pub fn source(text: &str) -> Result<String, Fault> {
    let letters_fit = text
        .bytes()
        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if letters_fit && (1..=SOURCE_CHARS_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let shown = excerpt(text);
    let message = format!("'{shown}' is not a source: expected 1 to 32 of a-z, 0-9, '_' and '-'");
    Err((RejectReason::BadSource, message))
}

/// Reads a tag: 1 to 32 characters, no control characters and no `|`, which separates tags.
pub fn tag(text: &str) -> Result<String, Fault> {
    if text.contains('|') {
        let message = format!("'{}' is not a tag: '|' separates tags", excerpt(text));
        return Err((RejectReason::BadTag, message));
    }
    plain_text(text, TAG_CHARS_MAX, "a tag").map_err(|m| (RejectReason::BadTag, m))
}

fn display_name(text: &str) -> Result<String, Fault> {
    let length = text.chars().count();
    if length > DISPLAY_NAME_CHARS_MAX {
        let message = format!("the name has {length} characters, at most 128 are allowed");
        return Err((RejectReason::NameTooLong, message));
    }
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\r'))
    {
        None => Ok(text.to_owned()),
        Some(c) => Err((
            RejectReason::ControlCharacter,
            format!("the name holds the control character U+{:04X}", c as u32),
        )),
    }
}

/// Reads a gender.
pub fn gender(text: &str) -> Result<Gender, Fault> {
    Gender::from_name(text).ok_or_else(|| {
        let shown = excerpt(text);
        let message = format!("'{shown}' is not a gender: expected female, male or unknown");
        (RejectReason::BadGender, message)
    })
}

fn birth_year(text: &str, now: Timestamp) -> Result<u16, Fault> {
    let is_a_year = text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    let year: u32 = text.parse().ok().filter(|_| is_a_year).ok_or_else(|| {
        let message = format!("'{}' is not a year: expected four digits", excerpt(text));
        (RejectReason::BadBirthYear, message)
    })?;
    let this_year = now.utc_year();
    match u16::try_from(year) {
        Ok(year) if (BIRTH_YEAR_MIN..=this_year).contains(&year) => Ok(year),
        _ => Err((
            RejectReason::BirthYearOutOfRange,
            format!("{year} is not between {BIRTH_YEAR_MIN} and {this_year}"),
        )),
    }
}

/// Reads a time zone: an IANA name, kept as the time zone database spells it.
pub fn time_zone(text: &str) -> Result<String, Fault> {
    let found = zone(text).map_err(|error| (RejectReason::BadZone, error.to_string()))?;
    Ok(found.iana_name().unwrap_or(text).to_owned())
}

fn friend_since(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    let at = Timestamp::parse_rfc3339(text)
        .map_err(|error| (RejectReason::BadDate, error.to_string()))?;
    if at > now {
        let message = format!("{at} is in the future");
        return Err((RejectReason::BadDate, message));
    }
    Ok(at)
}

fn yes_or_no(text: &str) -> Result<bool, Fault> {
    let is_any = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_any(["true", "1", "yes"]) {
        Ok(true)
    } else if is_any(["false", "0", "no"]) {
        Ok(false)
    } else {
        let shown = excerpt(text);
        let message = format!("'{shown}' is neither yes nor no: expected true, false or empty");
        Err((RejectReason::BadConsent, message))
    }
}

fn consent_time(text: &str, zone: &jiff::tz::TimeZone, now: Timestamp) -> Result<Timestamp, Fault> {
    let at =
        local_to_instant(text, zone).map_err(|error| (RejectReason::BadDate, error.to_string()))?;
    if at > now {
        let message = format!("{} is in the future", excerpt(text));
        return Err((RejectReason::ConsentInFuture, message));
    }
    Ok(at)
}

fn known_wording(text: &str, knows: impl Fn(&str) -> bool) -> Result<String, Fault> {
    if knows(text) {
        return Ok(text.to_owned());
    }
    let message = format!("the account has no wording '{}'", excerpt(text));
    Err((RejectReason::UnknownWording, message))
}

fn plain_text(text: &str, chars_max: usize, what: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length == 0 || length > chars_max {
        return Err(format!(
            "{what} has 1 to {chars_max} characters, not {length}"
        ));
    }
    match text.chars().find(|c| c.is_control()) {
        None => Ok(text.to_owned()),
        Some(c) => Err(format!(
            "{what} holds the control character U+{:04X}",
            c as u32
        )),
    }
}

/// As much of a wrong text as a message can show.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Collects the faults of a row while its good fields are read on.
struct Faults<'a>(&'a mut Vec<FieldError>);

impl Faults<'_> {
    fn add(&mut self, field: &'static str, code: RejectReason, message: impl Into<String>) {
        self.0.push(FieldError::of(field, code, message));
    }

    fn optional<T>(
        &mut self,
        field: &'static str,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        if text.len() > CELL_BYTES_MAX {
            let length = text.len();
            let message = format!("the cell has {length} bytes, at most {CELL_BYTES_MAX} are read");
            self.add(field, RejectReason::CellTooLong, message);
            return None;
        }
        read(text)
            .map_err(|(code, message)| self.add(field, code, message))
            .ok()
    }

    fn tags(&mut self, texts: &[&str]) -> Vec<String> {
        if texts.len() > TAGS_MAX {
            let message = format!("{} tags, at most {TAGS_MAX} are allowed", texts.len());
            self.add("tags", RejectReason::TooManyTags, message);
            return Vec::new();
        }
        let mut tags = Vec::with_capacity(texts.len());
        for text in texts {
            match tag(text) {
                Ok(tag) => tags.push(tag),
                Err((code, message)) => self.add("tags", code, message),
            }
        }
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

#[cfg(test)]
mod tests;
