//! Files of friends as old systems export them: good rows, and broken ones of known kinds.
//!
//! Mixed line ends, a byte-order mark, quoted cells with commas, quotes and line breaks,
//! spreadsheet formulas as names. The same seed makes the same bytes, with what an import has to
//! say of them.

use domain::friend::RejectReason;
use domain::time::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A file, and what becomes of each of its rows.
#[derive(Debug, Clone)]
pub struct FriendsCsv {
    pub bytes: Vec<u8>,
    /// Of the good rows, in the order of the file.
    pub good: Vec<GoodFriend>,
    /// Line where the row begins, and why it is refused; in the order of the file.
    pub broken: Vec<(u64, RejectReason)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodFriend {
    pub user_key: String,
    pub display_name: String,
    pub promotion: bool,
    pub night: bool,
    pub tags: Vec<String>,
}

/// The kinds of broken rows this module makes: those of the real file.
pub const BROKEN_KINDS: [RejectReason; 14] = [
    RejectReason::EmptyKey,
    RejectReason::DuplicateKey,
    RejectReason::BadDate,
    RejectReason::BadZone,
    RejectReason::BadGender,
    RejectReason::NameTooLong,
    RejectReason::ControlCharacter,
    RejectReason::TooFewColumns,
    RejectReason::TooManyColumns,
    RejectReason::ConsentWithoutTime,
    RejectReason::ConsentInFuture,
    RejectReason::BirthYearOutOfRange,
    RejectReason::InvalidUtf8,
    RejectReason::UnknownWording,
];

/// The clock an import of these files runs by: after every date of a good row, before those of
/// [`RejectReason::ConsentInFuture`].
pub const IMPORTED_AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// The account's zone and the wording it has to know.
pub const ZONE: &str = "Asia/Seoul";
pub const WORDING: &str = "ad-2025-03";

const HEADER: &str = "user_key,display_name,language,country,region,gender,birth_year,time_zone,\
    friend_since,source,tags,ad_consent,ad_consent_at,consent_wording,night_consent";
const NAMES: [&str; 8] = [
    "김하늘",
    "이 서준",
    "Smith, Ann",
    "안서연\n(부계정)",
    "크루아상\r\n좋아",
    "\"따옴표\"",
    "🐣 병아리",
    "=SUM(A1:A9)",
];
const TAGS: [&str; 4] = ["coffee", "vip", "픽업", "new"];

/// `good` good rows and, shuffled among them, so many broken ones of each kind.
pub fn friends_csv(seed: u64, good: usize, broken: &[(RejectReason, usize)]) -> FriendsCsv {
    let mut writer = Writer {
        random: ChaCha8Rng::seed_from_u64(seed),
        file: FriendsCsv {
            bytes: format!("\u{feff}{HEADER}\r\n").into_bytes(),
            good: Vec::with_capacity(good),
            broken: Vec::new(),
        },
        line: 2,
        rows: 0,
    };
    let mut left: Vec<(RejectReason, usize)> = broken.to_vec();
    let mut good_left = good;
    loop {
        let broken_left: usize = left.iter().map(|(_, count)| count).sum();
        if good_left + broken_left == 0 {
            return writer.file;
        }
        // A double needs a good row before it.
        let must_be_good = good_left > 0 && writer.file.good.is_empty();
        let drawn = writer.random.random_range(0..good_left + broken_left);
        if drawn < good_left || must_be_good {
            good_left -= 1;
            writer.good_row();
        } else {
            let mut place = drawn - good_left;
            let kind = left.iter_mut().find(|(_, count)| {
                let is_it = place < *count;
                place = place.saturating_sub(*count);
                is_it
            });
            if let Some((reason, count)) = kind {
                *count -= 1;
                let reason = *reason;
                writer.broken_row(reason);
            }
        }
    }
}

struct Writer {
    random: ChaCha8Rng,
    file: FriendsCsv,
    line: u64,
    rows: u64,
}

/// One row before it is written; the order of fields is that of the header.
struct Row {
    cells: [String; 15],
    friend: GoodFriend,
}

const USER_KEY: usize = 0;
const DISPLAY_NAME: usize = 1;
const GENDER: usize = 5;
const BIRTH_YEAR: usize = 6;
const TIME_ZONE: usize = 7;
const FRIEND_SINCE: usize = 8;
const AD_CONSENT: usize = 11;
const AD_CONSENT_AT: usize = 12;
const CONSENT_WORDING: usize = 13;

impl Writer {
    fn good_row(&mut self) {
        let row = self.row();
        self.write(&joined(&row.cells));
        self.file.good.push(row.friend);
    }

    fn broken_row(&mut self, reason: RejectReason) {
        let Row { mut cells, .. } = self.row();
        let consent = ["true", "2026-01-02 03:04:05", WORDING];
        let set_consent = |cells: &mut [String; 15]| {
            for (place, text) in (AD_CONSENT..).zip(consent) {
                text.clone_into(&mut cells[place]);
            }
        };
        self.file.broken.push((self.line, reason));
        match reason {
            RejectReason::EmptyKey => cells[USER_KEY].clear(),
            RejectReason::DuplicateKey => {
                let place = self.random.random_range(0..self.file.good.len());
                self.file.good[place]
                    .user_key
                    .clone_into(&mut cells[USER_KEY]);
            }
            RejectReason::BadDate => cells[FRIEND_SINCE] = "2026-13-45".into(),
            RejectReason::BadZone => cells[TIME_ZONE] = "Asia/Seul".into(),
            RejectReason::BadGender => cells[GENDER] = "F?".into(),
            RejectReason::NameTooLong => cells[DISPLAY_NAME] = "가".repeat(129),
            RejectReason::ControlCharacter => cells[DISPLAY_NAME] = "홍\u{7}길동".into(),
            RejectReason::ConsentWithoutTime => {
                set_consent(&mut cells);
                cells[AD_CONSENT_AT].clear();
            }
            RejectReason::ConsentInFuture => {
                set_consent(&mut cells);
                cells[AD_CONSENT_AT] = "2031-01-01 00:00:00".into();
            }
            RejectReason::BirthYearOutOfRange => cells[BIRTH_YEAR] = "1799".into(),
            RejectReason::UnknownWording => {
                set_consent(&mut cells);
                cells[CONSENT_WORDING] = "ad-1999-01".into();
            }
            RejectReason::InvalidUtf8 => cells[DISPLAY_NAME] = INVALID.into(),
            RejectReason::TooFewColumns => return self.write(&joined(&cells[..6])),
            RejectReason::TooManyColumns => {
                let row = joined(&cells);
                return self.write(&format!("{row},extra,extra"));
            }
            other => panic!("no rows are made for {other}"),
        }
        self.write(&joined(&cells));
    }

    fn row(&mut self) -> Row {
        self.rows += 1;
        let random = &mut self.random;
        let user_key = match random.random_range(0..8) {
            0 => format!("legacy-{}", self.rows),
            _ => format!("U{:016x}{:016x}", self.rows, random.random::<u64>()),
        };
        let name = NAMES[random.random_range(0..NAMES.len())];
        let promotion = random.random_bool(0.85);
        let night = promotion && random.random_bool(0.2);
        let tags: Vec<String> = TAGS
            .iter()
            .filter(|_| random.random_bool(0.3))
            .map(|tag| tag.to_string())
            .collect();
        let mut sorted = tags.clone();
        sorted.sort_unstable();
        let yes = ["true", "TRUE", "1", "yes"][random.random_range(0..4)];
        let no = ["false", "", "0", "no"][random.random_range(0..4)];
        let day = random.random_range(1..29);
        let cells = [
            user_key.clone(),
            name.to_owned(),
            ["ko", "ja", ""][random.random_range(0..3)].into(),
            "KR".into(),
            "서울".into(),
            ["female", "male", "unknown", ""][random.random_range(0..4)].into(),
            ["1989", "2004", ""][random.random_range(0..3)].into(),
            [ZONE, "Asia/Tokyo", ""][random.random_range(0..3)].into(),
            format!("2025-11-{day:02}T14:30:00+09:00"),
            "qr_store".into(),
            tags.join("|"),
            if promotion { yes } else { no }.into(),
            if promotion {
                format!("2025-12-{day:02} 14:52:00")
            } else {
                String::new()
            },
            if promotion { WORDING } else { "" }.into(),
            if night { "true" } else { "false" }.into(),
        ];
        Row {
            cells,
            friend: GoodFriend {
                user_key,
                display_name: name.to_owned(),
                promotion,
                night,
                tags: sorted,
            },
        }
    }

    fn write(&mut self, row: &str) {
        let end = if self.random.random_bool(0.3) {
            "\r\n"
        } else {
            "\n"
        };
        let lines = row.matches('\n').count() as u64 + 1;
        self.line += lines;
        let mut bytes = row.as_bytes().to_vec();
        if let Some(place) = row.find(INVALID) {
            bytes[place] = 0xff;
        }
        self.file.bytes.extend_from_slice(&bytes);
        self.file.bytes.extend_from_slice(end.as_bytes());
    }
}

/// Stands for a byte that is no UTF-8 until the row is written.
const INVALID: &str = "~invalid~";

fn joined(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",")
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
