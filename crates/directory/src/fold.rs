//! Which facts about a friend stand, in whatever order they came.
//!
//! Pure: a standing and some facts in, the standing after them out. Events arrive late and twice,
//! imports bring old facts: the last `at` wins per kind of fact, and on a tie the one that reaches
//! fewer people. `domain::friend` owns these orders.

use std::cmp::Ordering;

use domain::friend::{ConsentFact, ConsentPurpose, ConsentSource, FriendState, Gender};
use domain::friend::{ImportedConsents, Profile, StateFact, state_supersedes, supersedes};
use domain::time::{Timestamp, utc_offset_minutes, zone};
use domain::user::UserKey;
use store::friend::{Friend, Reach, Standing};

/// Something that was told about a friend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendFact {
    pub user: UserKey,
    pub at: Timestamp,
    pub fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Added {
        source: Option<String>,
        profile: Option<ProfileChange>,
    },
    Blocked,
    Left,
    Consent {
        purpose: ConsentPurpose,
        granted: bool,
        wording: Option<String>,
        source: ConsentSource,
    },
    Profile(ProfileChange),
    Imported(Box<Imported>),
}

/// A row of an import, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub profile: Profile,
    pub consents: ImportedConsents,
    /// Whether the file tells tags: then they replace those of the friend.
    pub tells_tags: bool,
}

/// What was told of a profile; `None` says nothing about the field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileChange {
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub gender: Option<Gender>,
    pub birth_year: Option<u16>,
    pub time_zone: Option<String>,
}

/// The source of a friendship nobody told a source of.
pub const SOURCE_EVENT: &str = "event";
pub const SOURCE_IMPORT: &str = "import";

/// One user's standing while facts are laid upon it.
#[derive(Debug, Clone)]
pub struct Fold {
    pub standing: Standing,
    /// Answers heard, for the history: whichever stands, all of them are kept.
    pub consents: Vec<(ConsentPurpose, ConsentFact)>,
    pub tags: Option<Vec<String>>,
}

impl Fold {
    pub fn of(standing: Standing) -> Self {
        Self {
            standing,
            consents: Vec::new(),
            tags: None,
        }
    }

    pub fn lay(&mut self, at: Timestamp, fact: Fact) {
        match fact {
            Fact::Added { source, profile } => {
                self.begin(at, source.as_deref().unwrap_or(SOURCE_EVENT));
                if let Some(profile) = profile {
                    self.profile(at, profile);
                }
            }
            Fact::Blocked => self.end(FriendState::Blocked, at),
            Fact::Left => self.end(FriendState::Left, at),
            Fact::Consent {
                purpose,
                granted,
                wording,
                source,
            } => self.consent(
                purpose,
                ConsentFact {
                    granted,
                    at,
                    wording,
                    source,
                },
            ),
            Fact::Profile(profile) => self.profile(at, profile),
            Fact::Imported(row) => self.import(at, *row),
        }
    }

    /// The standing after all facts, with what a freeze reads of it.
    pub fn finish(mut self, account_offset_minutes: i16, now: Timestamp) -> Self {
        let standing = &mut self.standing;
        if let Some(friend) = &standing.friend {
            let offset = friend
                .time_zone
                .as_deref()
                .and_then(|name| offset_minutes(name, now));
            let utc_offset_minutes = offset.unwrap_or(account_offset_minutes);
            let flags = standing.flags();
            standing.reach = Some(Reach {
                flags,
                utc_offset_minutes,
            });
        }
        self
    }

    fn begin(&mut self, at: Timestamp, source: &str) {
        let friend = self.friend();
        // Of several beginnings the last is when the friendship that is now began.
        let began_before = (friend.since, friend.source.as_str());
        if friend.source.is_empty() || (at, source) > began_before {
            friend.since = at;
            source.clone_into(&mut friend.source);
        }
        self.state(StateFact {
            state: FriendState::Active,
            at,
        });
    }

    fn end(&mut self, state: FriendState, at: Timestamp) {
        self.friend();
        self.state(StateFact { state, at });
    }

    fn state(&mut self, fact: StateFact) {
        let friend = self.friend();
        if state_supersedes(fact, friend.state) {
            friend.state = fact;
        }
    }

    fn consent(&mut self, purpose: ConsentPurpose, fact: ConsentFact) {
        let current = self.standing.consent_mut(purpose);
        if current
            .as_ref()
            .is_none_or(|current| supersedes(&fact, current))
        {
            *current = Some(fact.clone());
        }
        self.consents.push((purpose, fact));
    }

    fn profile(&mut self, at: Timestamp, told: ProfileChange) {
        let friend = self.friend();
        let order = at.cmp(&friend.profile_at);
        let name = (!friend.display_name.is_empty()).then(|| friend.display_name.clone());
        friend.display_name = merged(name, told.display_name, order).unwrap_or_default();
        friend.language = merged(friend.language.take(), told.language, order);
        friend.country = merged(friend.country.take(), told.country, order);
        friend.region = merged(friend.region.take(), told.region, order);
        friend.gender = merged(friend.gender, told.gender, order);
        friend.birth_year = merged(friend.birth_year, told.birth_year, order);
        friend.time_zone = merged(friend.time_zone.take(), told.time_zone, order);
        friend.profile_at = friend.profile_at.max(at);
    }

    /// `at` is when the import runs: what the file says of a person is taken as of now, but a
    /// friendship that began before the person blocked or left does not bring them back.
    fn import(&mut self, at: Timestamp, row: Imported) {
        let Profile {
            display_name,
            language,
            country,
            region,
            gender,
            birth_year,
            time_zone,
            friend_since,
            source,
            tags,
        } = row.profile;
        let is_unknown = self.standing.friend.is_none();
        if let Some(began) = friend_since.or(is_unknown.then_some(at)) {
            self.begin(began, source.as_deref().unwrap_or(SOURCE_IMPORT));
        }
        let told = ProfileChange {
            display_name: (!display_name.is_empty()).then_some(display_name),
            language,
            country,
            region,
            gender: (gender != Gender::Unknown).then_some(gender),
            birth_year,
            time_zone,
        };
        self.profile(at, told);
        for (purpose, fact) in [
            (ConsentPurpose::Promotion, row.consents.promotion),
            (ConsentPurpose::Night, row.consents.night),
        ] {
            if let Some(fact) = fact {
                self.consent(purpose, fact);
            }
        }
        if row.tells_tags {
            self.tags = Some(tags);
        }
    }

    /// The friend, or somebody of whom nothing is known yet: not a friend until they are added,
    /// whenever that was.
    fn friend(&mut self) -> &mut Friend {
        let nothing = Timestamp::from_millis(i64::MIN);
        self.standing.friend.get_or_insert_with(|| Friend {
            state: StateFact {
                state: FriendState::Left,
                at: nothing,
            },
            since: Timestamp::default(),
            source: String::new(),
            display_name: String::new(),
            language: None,
            country: None,
            region: None,
            gender: None,
            birth_year: None,
            time_zone: None,
            profile_at: nothing,
        })
    }
}

/// What is known of a field after something was told: the later word stands, an earlier one fills
/// only what is unknown; of two at the same time the greater, so that their order never decides.
fn merged<T: Ord>(known: Option<T>, told: Option<T>, order: Ordering) -> Option<T> {
    match order {
        Ordering::Greater => told.or(known),
        Ordering::Equal => known.max(told),
        Ordering::Less => known.or(told),
    }
}

fn offset_minutes(name: &str, now: Timestamp) -> Option<i16> {
    let zone = zone(name).ok()?;
    i16::try_from(utc_offset_minutes(&zone, now)).ok()
}

#[cfg(test)]
mod tests;
