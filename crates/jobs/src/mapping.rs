//! Which column of somebody's file is which of ours: guessed from its header, chosen in a page.

use serde::{Deserialize, Serialize};

use crate::columns::Column;

/// What the columns of a file mean, and what holds for every row where no column says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// By place in the file: the name of our column; `None` is not taken in.
    pub columns: Vec<Option<String>>,
    /// Version of the words that every consent of the file was given to.
    pub wording: Option<String>,
    /// Where everybody of the file came from.
    pub source: Option<String>,
}

/// Why a mapping does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MappingFault {
    NoUserKey,
    /// Two columns of the file are to be the same of ours.
    Twice(Column),
    /// A consent proves nothing without it.
    Needs {
        column: Column,
        needed: Column,
    },
}

/// How people call our columns, without spaces and marks, in small letters.
const SYNONYMS: [(Column, &[&str]); 15] = [
    (
        Column::UserKey,
        &[
            "userkey",
            "userid",
            "key",
            "uid",
            "사용자키",
            "회원키",
            "유저키",
            "친구키",
            "유저id",
            "사용자id",
            "ユーザーキー",
            "ユーザーid",
            "会員キー",
        ],
    ),
    (
        Column::DisplayName,
        &[
            "displayname",
            "name",
            "fullname",
            "nickname",
            "이름",
            "성함",
            "성명",
            "고객명",
            "회원명",
            "닉네임",
            "표시이름",
            "名前",
            "氏名",
            "お名前",
            "表示名",
            "ニックネーム",
        ],
    ),
    (
        Column::Language,
        &["language", "lang", "locale", "언어", "言語"],
    ),
    (
        Column::Country,
        &["country", "countrycode", "나라", "국가", "国"],
    ),
    (
        Column::Region,
        &[
            "region",
            "area",
            "city",
            "state",
            "지역",
            "도시",
            "시도",
            "거주지",
            "地域",
            "都道府県",
            "市区町村",
        ],
    ),
    (Column::Gender, &["gender", "sex", "성별", "性別"]),
    (
        Column::BirthYear,
        &[
            "birthyear",
            "yearofbirth",
            "출생연도",
            "출생년도",
            "태어난해",
            "생년",
            "生年",
            "生まれた年",
        ],
    ),
    (
        Column::TimeZone,
        &["timezone", "zone", "tz", "시간대", "タイムゾーン"],
    ),
    (
        Column::FriendSince,
        &[
            "friendsince",
            "since",
            "joinedat",
            "joined",
            "createdat",
            "가입일",
            "가입일시",
            "친구추가일",
            "언제부터",
            "登録日",
            "登録日時",
            "友だち追加日",
        ],
    ),
    (
        Column::Source,
        &[
            "source",
            "channel",
            "유입",
            "유입경로",
            "온곳",
            "경로",
            "経路",
            "流入経路",
        ],
    ),
    (
        Column::Tags,
        &[
            "tags",
            "tag",
            "labels",
            "label",
            "태그",
            "라벨",
            "タグ",
            "ラベル",
        ],
    ),
    (
        Column::AdConsent,
        &[
            "adconsent",
            "consent",
            "optin",
            "marketing",
            "marketingconsent",
            "광고동의",
            "수신동의",
            "광고수신동의",
            "마케팅동의",
            "마케팅수신동의",
            "広告同意",
            "配信同意",
            "広告の同意",
        ],
    ),
    (
        Column::AdConsentAt,
        &[
            "adconsentat",
            "consentat",
            "consentdate",
            "optinat",
            "동의일",
            "동의일시",
            "동의시각",
            "광고동의일시",
            "수신동의일",
            "수신동의일시",
            "同意日",
            "同意日時",
        ],
    ),
    (
        Column::ConsentWording,
        &[
            "consentwording",
            "wording",
            "문구",
            "동의문구",
            "문구버전",
            "同意文面",
            "文面",
        ],
    ),
    (
        Column::NightConsent,
        &[
            "nightconsent",
            "night",
            "야간동의",
            "야간수신동의",
            "夜間同意",
            "夜間の同意",
        ],
    ),
];

impl Mapping {
    /// What the names of the columns say; each of ours at most once.
    pub fn guessed(header: &[String]) -> Self {
        let mut taken = [false; Column::ALL.len()];
        let columns = header.iter().map(|name| {
            let name: String = name
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric())
                .collect();
            let fits = |(_, names): &&(Column, &[&str])| names.contains(&name.as_str());
            let (column, _) = SYNONYMS.iter().find(fits)?;
            let is_free = !std::mem::replace(&mut taken[*column as usize], true);
            is_free.then(|| column.name().to_owned())
        });
        Self {
            columns: columns.collect(),
            ..Self::default()
        }
    }

    pub fn column_at(&self, place: usize) -> Option<Column> {
        let name = self.columns.get(place)?.as_deref()?;
        Column::from_name(name)
    }

    pub fn has(&self, column: Column) -> bool {
        let chosen = self.columns.iter().flatten();
        let is_chosen = chosen.into_iter().any(|name| name == column.name());
        is_chosen || self.fixed(column).is_some()
    }

    /// What holds for every row of the file.
    pub fn fixed(&self, column: Column) -> Option<&str> {
        match column {
            Column::ConsentWording => self.wording.as_deref(),
            Column::Source => self.source.as_deref(),
            _ => None,
        }
    }

    /// Everything that stands in the way of taking the file in.
    pub fn faults(&self) -> Vec<MappingFault> {
        let mut faults = Vec::new();
        for column in Column::ALL {
            let name = column.name();
            let chosen = self.columns.iter().flatten();
            match chosen.filter(|chosen| *chosen == name).count() {
                0 if column == Column::UserKey => faults.push(MappingFault::NoUserKey),
                0 => {}
                1 => {
                    let missing = column.needs().iter().filter(|needed| !self.has(**needed));
                    faults.extend(missing.map(|needed| MappingFault::Needs {
                        column,
                        needed: *needed,
                    }));
                }
                _ => faults.push(MappingFault::Twice(column)),
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(header: &[&str]) -> Vec<Option<Column>> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        let mapping = Mapping::guessed(&header);
        (0..header.len())
            .map(|place| mapping.column_at(place))
            .collect()
    }

    #[test]
    fn headers_of_three_languages_are_understood() {
        use Column::*;
        let ours: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        assert_eq!(guessed(&ours), Column::ALL.map(Some));
        let cases: [(&[&str], &[Option<Column>]); 4] = [
            (
                &["회원 키", "성함", "광고 수신 동의", "동의 일시", "비고"],
                &[
                    Some(UserKey),
                    Some(DisplayName),
                    Some(AdConsent),
                    Some(AdConsentAt),
                    None,
                ],
            ),
            (
                &["ユーザーID", "お名前", "性別", "夜間同意"],
                &[
                    Some(UserKey),
                    Some(DisplayName),
                    Some(Gender),
                    Some(NightConsent),
                ],
            ),
            (
                &["User-Key", "NAME", "name", ""],
                &[Some(UserKey), Some(DisplayName), None, None],
            ),
            (&["전화번호"], &[None]),
        ];
        for (header, expected) in cases {
            assert_eq!(guessed(header), expected, "{header:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let mapping = |columns: &[&str], wording: Option<&str>| Mapping {
            columns: columns
                .iter()
                .map(|name| Some((*name).to_owned()))
                .collect(),
            wording: wording.map(str::to_owned),
            source: None,
        };
        let needs = |column, needed| MappingFault::Needs { column, needed };
        assert!(mapping(&["user_key"], None).faults().is_empty());
        assert_eq!(mapping(&["tags"], None).faults(), [MappingFault::NoUserKey]);
        assert_eq!(
            mapping(&["user_key", "tags", "tags"], None).faults(),
            [MappingFault::Twice(Column::Tags)]
        );
        assert_eq!(
            mapping(&["user_key", "ad_consent"], None).faults(),
            [
                needs(Column::AdConsent, Column::AdConsentAt),
                needs(Column::AdConsent, Column::ConsentWording)
            ]
        );
        let whole = mapping(&["user_key", "ad_consent", "ad_consent_at"], Some("v1"));
        assert!(whole.faults().is_empty());
    }
}
