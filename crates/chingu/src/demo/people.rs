//! The 1,240 friends of the demo: drawn from a seed, so that everybody sees the same people.
//!
//! A thousand of them can be reached by a promotion. The others cannot, each for a reason that the
//! pages tell: never agreed, took it back, blocked, left.

use std::time::Duration;

use directory::{Fact, FriendFact, Imported};
use domain::friend::Profile;
use domain::friend::{ConsentFact, ConsentPurpose, ConsentSource, Gender, ImportedConsents};
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::FriendEvent;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sandbox::{Consent, NewContact};

/// Whoever starts the demo gets these people.
const SEED: u64 = 0x0068_616e_6f6b;
pub const FRIENDS: usize = 1_240;
pub const REACHABLE: usize = 1_000;
/// Why the others are not reached; together with [`REACHABLE`] they are all.
const NEVER_AGREED: usize = 148;
const TOOK_BACK: usize = 31;
const BLOCKED: usize = 43;
const LEFT: usize = 18;
const _: () = assert!(REACHABLE + NEVER_AGREED + TOOK_BACK + BLOCKED + LEFT == FRIENDS);
/// The account is this old.
const AGE: Duration = Duration::from_secs(427 * 24 * 60 * 60);
/// Nobody joined in the last hours, so that the day's figures are those of the tour.
const QUIET_SINCE: Duration = Duration::from_secs(2 * 60 * 60);
const DAY_MS: f64 = 86_400_000.0;
pub const WORDING: &str = "ad-2025-09";
/// Where they answered, as the messenger's receipts name it.
const PLACE: &str = "page";

const SURNAMES: [(&str, u32); 20] = [
    ("김", 215),
    ("이", 147),
    ("박", 84),
    ("최", 47),
    ("정", 44),
    ("강", 24),
    ("조", 21),
    ("윤", 21),
    ("장", 20),
    ("임", 17),
    ("한", 15),
    ("오", 15),
    ("서", 15),
    ("신", 15),
    ("권", 14),
    ("황", 14),
    ("안", 14),
    ("송", 14),
    ("류", 10),
    ("홍", 9),
];
const WOMEN: [&str; 30] = [
    "서연", "지우", "하윤", "서윤", "민서", "지유", "채원", "수아", "지아", "다은", "은서", "예은",
    "수빈", "지민", "소율", "예린", "유진", "현주", "미경", "은정", "정희", "영숙", "혜진", "나연",
    "가은", "보라", "선영", "경희", "아름", "한별",
];
const MEN: [&str; 30] = [
    "민준", "서준", "도윤", "예준", "시우", "하준", "지호", "주원", "지훈", "준우", "건우", "현우",
    "우진", "선우", "민재", "현준", "동현", "성민", "재현", "상훈", "영호", "기태", "태윤", "은우",
    "승민", "진우", "용준", "병철", "광수", "한결",
];
const GUESTS: [(&str, &str, &str); 24] = [
    ("佐藤 美咲", "ja", "JP"),
    ("鈴木 陽菜", "ja", "JP"),
    ("高橋 健太", "ja", "JP"),
    ("田中 さくら", "ja", "JP"),
    ("伊藤 蓮", "ja", "JP"),
    ("渡辺 結衣", "ja", "JP"),
    ("山本 大輝", "ja", "JP"),
    ("中村 葵", "ja", "JP"),
    ("小林 悠斗", "ja", "JP"),
    ("加藤 凛", "ja", "JP"),
    ("吉田 楓", "ja", "JP"),
    ("山田 翔", "ja", "JP"),
    ("Emma Clarke", "en", "GB"),
    ("Noah Williams", "en", "US"),
    ("Olivia Martin", "en", "US"),
    ("Liam O'Connor", "en", "IE"),
    ("Sofia Rossi", "en", "IT"),
    ("Lucas Meyer", "en", "DE"),
    ("Chloé Dubois", "en", "FR"),
    ("Mateo García", "en", "ES"),
    ("Anna Kowalska", "en", "PL"),
    ("James Tan", "en", "SG"),
    ("Hannah Lee", "en", "US"),
    ("Ethan Park", "en", "US"),
];
/// One in so many is a guest from abroad.
const GUEST_EACH: u32 = 22;
const REGIONS: [(&str, u32); 10] = [
    ("서울", 44),
    ("경기", 24),
    ("부산", 8),
    ("인천", 6),
    ("대구", 5),
    ("대전", 4),
    ("전주", 4),
    ("광주", 3),
    ("강릉", 1),
    ("제주", 1),
];
const SOURCES: [(&str, u32); 5] = [
    ("qr_store", 41),
    ("search", 23),
    ("web", 17),
    ("receipt", 13),
    ("event", 6),
];
const TAGS: [(&str, u32); 5] = [
    ("단골", 18),
    ("첫구매", 26),
    ("VIP", 5),
    ("이불", 22),
    ("차·다도", 15),
];

/// What became of a friend's consent and friendship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Reachable,
    NeverAgreed,
    TookBack(Timestamp),
    Blocked(Timestamp),
    Left(Timestamp),
}

/// One friend of the demo.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: UserKey,
    pub profile: Profile,
    pub joined: Timestamp,
    agrees_at_night: bool,
    fate: Fate,
}

/// Everybody, in the order in which they joined. `after_campaigns` are moments behind which a few
/// of those who block do it.
pub fn people(now: Timestamp, after_campaigns: &[Timestamp]) -> Vec<Person> {
    let mut draw = ChaCha8Rng::seed_from_u64(SEED);
    let mut fates = fates(&mut draw, now, after_campaigns);
    let mut people: Vec<Person> = (0..FRIENDS).map(|_| person(&mut draw, now)).collect();
    people.sort_by_key(|person| person.joined);
    // Whoever changed their mind was there before.
    fates.sort_by_key(|fate| fate.at());
    let mut left: Vec<usize> = (0..FRIENDS).collect();
    for fate in fates {
        let place = match fate.at() {
            None => draw.random_range(0..left.len()),
            Some(at) => {
                let there = left
                    .iter()
                    .filter(|index| people[**index].joined < at)
                    .count();
                draw.random_range(0..there.max(1))
            }
        };
        people[left.remove(place)].fate = fate;
    }
    people
}

impl Fate {
    const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Reachable | Self::NeverAgreed => None,
            Self::TookBack(at) | Self::Blocked(at) | Self::Left(at) => Some(at),
        }
    }
}

impl Person {
    /// Whether they neither blocked the account nor left it.
    pub fn is_friend(&self) -> bool {
        !matches!(self.fate, Fate::Blocked(_) | Fate::Left(_))
    }

    /// What the messenger's own screen shows of this friend's answers.
    pub fn contact(&self) -> NewContact {
        let agreed = |consent: Option<ConsentFact>| {
            consent.map(|consent| Consent {
                granted: consent.granted,
                at: Some(consent.at),
                wording: consent.wording,
                place: Some(PLACE.to_owned()),
            })
        };
        let consents = self.consents();
        let promotion = match self.fate {
            Fate::TookBack(at) => Some(Consent {
                granted: false,
                at: Some(at),
                wording: None,
                place: Some(PLACE.to_owned()),
            }),
            _ => agreed(consents.promotion),
        };
        NewContact {
            user: self.key.clone(),
            since: self.joined,
            promotion,
            night: agreed(consents.night),
        }
    }

    /// What was told of this friend after `from` and until `until`.
    pub fn facts(&self, from: Option<Timestamp>, until: Timestamp) -> Vec<FriendFact> {
        let is_due = |at: Timestamp| at <= until && from.is_none_or(|from| at > from);
        let told = |at, fact| FriendFact {
            user: self.key.clone(),
            at,
            fact,
        };
        let mut facts = Vec::new();
        if is_due(self.joined) {
            let beginning = Imported {
                profile: self.profile.clone(),
                consents: self.consents(),
                tells_tags: true,
            };
            facts.push(told(self.joined, Fact::Imported(Box::new(beginning))));
        }
        match self.fate {
            Fate::TookBack(at) if is_due(at) => facts.push(told(
                at,
                Fact::Consent {
                    purpose: ConsentPurpose::Promotion,
                    granted: false,
                    wording: None,
                    source: ConsentSource::Page,
                },
            )),
            _ => {}
        }
        facts
    }

    /// What the messenger told of this friend after `from` and until `until`, where they went.
    pub fn gone(
        &self,
        from: Option<Timestamp>,
        until: Timestamp,
    ) -> Option<(Timestamp, FriendEvent)> {
        let (at, event) = match self.fate {
            Fate::Blocked(at) => (at, FriendEvent::Blocked),
            Fate::Left(at) => (at, FriendEvent::Left),
            _ => return None,
        };
        (at <= until && from.is_none_or(|from| at > from)).then_some((at, event))
    }

    fn consents(&self) -> ImportedConsents {
        let agreed = |granted| {
            Some(ConsentFact {
                granted,
                at: self.joined,
                wording: Some(WORDING.to_owned()),
                source: ConsentSource::Page,
            })
        };
        match self.fate {
            Fate::NeverAgreed => ImportedConsents::default(),
            _ => ImportedConsents {
                promotion: agreed(true),
                night: self.agrees_at_night.then(|| agreed(true)).flatten(),
            },
        }
    }
}

fn fates(draw: &mut impl Rng, now: Timestamp, after_campaigns: &[Timestamp]) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(FRIENDS - REACHABLE);
    fates.extend([Fate::NeverAgreed; NEVER_AGREED]);
    let some_day = |draw: &mut dyn FnMut() -> f64| {
        let days = AGE.as_millis() as f64 / DAY_MS;
        // Rather of late: there were fewer friends before.
        now - days_of(days * 0.8 * draw() * draw() + 0.5)
    };
    let mut share = || draw.random::<f64>();
    for _ in 0..TOOK_BACK {
        fates.push(Fate::TookBack(some_day(&mut share)));
    }
    for _ in 0..LEFT {
        fates.push(Fate::Left(some_day(&mut share)));
    }
    let soon: Vec<Timestamp> = after_campaigns
        .iter()
        .flat_map(|at| [0.06, 0.09, 0.21, 0.6, 1.1].map(|days| *at + days_of(days)))
        .filter(|at| *at < now)
        .collect();
    for number in 0..BLOCKED {
        let at = match soon.get(number) {
            Some(at) => *at,
            None => some_day(&mut share),
        };
        fates.push(Fate::Blocked(at));
    }
    fates
}

fn person(draw: &mut impl Rng, now: Timestamp) -> Person {
    // More join of late: the square root of an even draw.
    let age = 1.0 - draw.random::<f64>().powf(0.62);
    let joined = now - QUIET_SINCE - Duration::from_millis((AGE.as_millis() as f64 * age) as u64);
    let mut key = [0; 16];
    draw.fill_bytes(&mut key);
    let is_guest = draw.random_ratio(1, GUEST_EACH);
    let gender = match draw.random_range(0..100) {
        0..62 => Gender::Female,
        62..93 => Gender::Male,
        _ => Gender::Unknown,
    };
    let (display_name, language, country) = match is_guest {
        true => {
            let (name, language, country) = GUESTS.choose(draw).copied().unwrap_or(GUESTS[0]);
            (name.to_owned(), language, country)
        }
        false => (korean_name(draw, gender), "ko", "KR"),
    };
    let mut tags: Vec<String> = TAGS
        .iter()
        .filter(|(_, percent)| draw.random_range(0..100) < *percent)
        .map(|(tag, _)| (*tag).to_owned())
        .collect();
    tags.sort_unstable();
    let knows_year = draw.random_ratio(4, 5);
    let year = 1_958 + (draw.random_range(0..26) + draw.random_range(0..26)) as u16;
    Person {
        key: UserKey::from_packed(key),
        profile: Profile {
            display_name,
            language: Some(language.to_owned()),
            country: Some(country.to_owned()),
            region: (!is_guest).then(|| weighted(draw, &REGIONS).to_owned()),
            gender,
            birth_year: knows_year.then_some(year),
            time_zone: None,
            friend_since: Some(joined),
            source: Some(weighted(draw, &SOURCES).to_owned()),
            tags,
        },
        joined,
        agrees_at_night: draw.random_ratio(3, 10),
        fate: Fate::Reachable,
    }
}

fn korean_name(draw: &mut impl Rng, gender: Gender) -> String {
    let given: &[&str] = match gender {
        Gender::Female => &WOMEN,
        Gender::Male => &MEN,
        Gender::Unknown if draw.random_ratio(1, 2) => &WOMEN,
        Gender::Unknown => &MEN,
    };
    let given = given.choose(draw).copied().unwrap_or(given[0]);
    format!("{}{given}", weighted(draw, &SURNAMES))
}

fn weighted<'a>(draw: &mut impl Rng, choices: &[(&'a str, u32)]) -> &'a str {
    let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
    let mut drawn = draw.random_range(0..total);
    for (choice, weight) in choices {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return choice,
        }
    }
    choices[0].0
}

fn days_of(days: f64) -> Duration {
    Duration::from_millis((days * DAY_MS) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_can_be_reached_and_the_same_seed_makes_the_same_people() {
        let now = Timestamp::from_millis(1_795_500_000_000);
        let campaigns = [now - days_of(12.0), now - days_of(5.0)];
        let (all, again) = (people(now, &campaigns), people(now, &campaigns));
        assert_eq!(all.len(), FRIENDS);
        let reachable = all.iter().filter(|one| one.fate == Fate::Reachable);
        assert_eq!(reachable.count(), REACHABLE);
        let keys = |all: &[Person]| all.iter().map(|one| one.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&all), keys(&again));
        for person in &all {
            assert!(
                person
                    .fate
                    .at()
                    .is_none_or(|at| at > person.joined && at < now)
            );
            // Nothing is told twice, nothing is left out.
            let middle = campaigns[0];
            let split = person.facts(None, middle).len() + person.facts(Some(middle), now).len();
            assert_eq!(split, person.facts(None, now).len());
        }
        for campaign in campaigns {
            let soon = all.iter().filter(|one| match one.fate {
                Fate::Blocked(at) => at > campaign && at < campaign + days_of(2.0),
                _ => false,
            });
            assert!(soon.count() >= 4);
        }
    }
}
