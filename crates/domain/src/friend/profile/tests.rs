//! Fields of friends that are good and that are not.

use super::*;
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T21:00:00Z").unwrap()
}

fn good() -> ProfileFields<'static> {
    ProfileFields {
        display_name: "안서연\n(부계정)",
        language: "ko",
        country: "KR",
        region: "서울",
        gender: "female",
        birth_year: "1991",
        time_zone: "Asia/Seoul",
        friend_since: "2023-11-29T21:00:00+09:00",
        source: "qr_store",
        tags: &["픽업", "coffee", "coffee"],
    }
}

#[test]
fn a_good_row_is_read_whole() {
    let profile = Profile::parse(&good(), now()).unwrap();
    assert_eq!(profile.display_name, "안서연\n(부계정)");
    assert_eq!(profile.gender, Gender::Female);
    assert_eq!(profile.birth_year, Some(1991));
    assert_eq!(profile.tags, ["coffee", "픽업"]);
    assert_eq!(
        profile.friend_since.unwrap().to_string(),
        "2023-11-29T12:00:00.000Z"
    );
    let nothing = Profile::parse(&ProfileFields::default(), now()).unwrap();
    assert_eq!(nothing, Profile::default());
}

#[test]
fn text_is_kept_in_its_usual_case() {
    for (text, kept) in [
        ("KO", "ko"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("en-us", "en-US"),
        ("de-1996", "de-1996"),
    ] {
        assert_eq!(language(text).unwrap(), kept);
    }
    assert_eq!(country("kr").unwrap(), "KR");
}

/// Reads the good row with one field changed and answers the code of each fault.
fn faults_with(change: impl FnOnce(&mut ProfileFields<'static>)) -> Vec<(&'static str, String)> {
    let mut fields = good();
    change(&mut fields);
    let errors = Profile::parse(&fields, now()).expect_err("accepted");
    for error in &errors {
        assert!(error.message.len() > 10, "no words: {error:?}");
    }
    errors
        .into_iter()
        .map(|error| (error.field, error.code.to_string()))
        .collect()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[test]
fn each_fault_of_a_profile_has_its_reason() {
    type Change = fn(&mut ProfileFields<'static>, &'static str);
    let set_name: Change = |fields, text| fields.display_name = text;
    let set_language: Change = |fields, text| fields.language = text;
    let set_country: Change = |fields, text| fields.country = text;
    let set_region: Change = |fields, text| fields.region = text;
    let set_gender: Change = |fields, text| fields.gender = text;
    let set_year: Change = |fields, text| fields.birth_year = text;
    let set_zone: Change = |fields, text| fields.time_zone = text;
    let set_since: Change = |fields, text| fields.friend_since = text;
    let set_source: Change = |fields, text| fields.source = text;
    let set_tag: Change = |fields, text| fields.tags = Box::leak(vec![text].into_boxed_slice());
    let cases: Vec<(Change, &'static str, &str)> = vec![
        (set_name, leak("가".repeat(129)), "name_too_long"),
        (set_name, leak("가".repeat(400)), "name_too_long"),
        (set_name, leak("x".repeat(1 << 20)), "cell_too_long"),
        (set_name, "홍\u{7}길동", "control_character"),
        (set_name, "tab\there", "control_character"),
        (set_name, "\u{0}", "control_character"),
        (set_name, "\u{85}next line", "control_character"),
        (set_language, "k", "bad_language"),
        (set_language, "korean language", "bad_language"),
        (set_language, "ko_KR", "bad_language"),
        (set_language, "ko-", "bad_language"),
        (set_language, "12", "bad_language"),
        (set_language, "한국어", "bad_language"),
        (
            set_language,
            leak(format!("ko{}", "-abcdefgh".repeat(4))),
            "bad_language",
        ),
        (set_country, "KOR", "bad_country"),
        (set_country, "K", "bad_country"),
        (set_country, "한국", "bad_country"),
        (set_country, "8é", "bad_country"),
        (set_region, leak("가".repeat(65)), "bad_region"),
        (set_region, "서울\n", "bad_region"),
        (set_gender, "여자친구", "bad_gender"),
        (set_gender, "Female", "bad_gender"),
        (set_gender, " ", "bad_gender"),
        (set_year, "1066", "birth_year_out_of_range"),
        (set_year, "1899", "birth_year_out_of_range"),
        (set_year, "2027", "birth_year_out_of_range"),
        (set_year, "99999999", "birth_year_out_of_range"),
        (set_year, "-1990", "bad_birth_year"),
        (set_year, "+1990", "bad_birth_year"),
        (set_year, "1990.0", "bad_birth_year"),
        (set_year, "nineteen", "bad_birth_year"),
        (set_year, "99999999999999999999", "bad_birth_year"),
        (set_year, "１９９０", "bad_birth_year"),
        (set_zone, "Asia/Atlantis", "bad_zone"),
        (set_zone, "KST", "bad_zone"),
        (set_zone, "+09:00", "bad_zone"),
        (set_since, "2026-13-45", "bad_date"),
        (set_since, "2026-11-22", "bad_date"),
        (set_since, "2026-11-22T21:00:00", "bad_date"),
        (set_since, "2026-11-22T21:00:01Z", "bad_date"),
        (set_since, "yesterday", "bad_date"),
        (set_source, "QR", "bad_source"),
        (set_source, "qr store", "bad_source"),
        (set_source, leak("q".repeat(33)), "bad_source"),
        (set_tag, "", "bad_tag"),
        (set_tag, "a|b", "bad_tag"),
        (set_tag, "a\u{7}", "bad_tag"),
        (set_tag, leak("태".repeat(33)), "bad_tag"),
    ];
    for (change, text, expected) in cases {
        let faults = faults_with(|fields| change(fields, text));
        let shown: String = text.chars().take(20).collect();
        assert_eq!(faults.len(), 1, "{shown:?}: {faults:?}");
        assert_eq!(faults[0].1, expected, "{shown:?}");
    }
}

#[test]
fn every_fault_of_a_row_is_told_in_the_order_of_its_fields() {
    let faults = faults_with(|fields| {
        fields.display_name = "a\u{1}";
        fields.gender = "?";
        fields.birth_year = "1066";
        fields.time_zone = "Mars/Olympus";
        fields.friend_since = "never";
        fields.tags = Box::leak(vec!["ok", "", "\u{2}"].into_boxed_slice());
    });
    let fields: Vec<&str> = faults.iter().map(|(field, _)| *field).collect();
    assert_eq!(
        fields,
        [
            "display_name",
            "gender",
            "birth_year",
            "time_zone",
            "friend_since",
            "tags",
            "tags"
        ]
    );
    let too_many = faults_with(|fields| fields.tags = &["t"; 51]);
    assert_eq!(too_many, [("tags", "too_many_tags".to_owned())]);
}

fn consents(cells: ConsentCells<'_>) -> Result<ImportedConsents, Vec<String>> {
    let seoul = zone("Asia/Seoul").unwrap();
    parse_consents(&cells, &seoul, now(), |wording| wording == "ad-2025-03")
        .map_err(|errors| errors.iter().map(|error| error.code.to_string()).collect())
}

#[test]
fn consents_are_read_in_the_zone_of_the_account() {
    for promotion in ["true", "TRUE", "1", "yes", "Yes"] {
        let read = consents(ConsentCells {
            promotion,
            at: "2025-11-04 14:52:00",
            wording: "ad-2025-03",
            night: "TRUE",
        })
        .unwrap();
        let fact = read.promotion.unwrap();
        assert!(fact.granted);
        assert_eq!(fact.at.to_string(), "2025-11-04T05:52:00.000Z");
        assert_eq!(fact.wording.as_deref(), Some("ad-2025-03"));
        assert_eq!(read.night.unwrap().at, fact.at);
    }
    for promotion in ["", "0", "no", "False"] {
        let silent = ConsentCells {
            promotion,
            ..ConsentCells::default()
        };
        assert_eq!(consents(silent).unwrap(), ImportedConsents::default());
        let at = "2025-11-04 14:52:00";
        let refused = consents(ConsentCells { at, ..silent }).unwrap();
        assert!(!refused.promotion.unwrap().granted);
        assert_eq!(refused.night, None);
    }
}

#[test]
fn each_fault_of_a_consent_has_its_reason() {
    let cases = [
        (("maybe", "", "", ""), vec!["bad_consent"]),
        (("2", "", "", ""), vec!["bad_consent"]),
        (("", "", "", "ja"), vec!["bad_consent"]),
        (("no", "", "", "yes"), vec!["bad_consent"]),
        (("yes", "", "ad-2025-03", ""), vec!["consent_without_time"]),
        (("true", "", "", ""), vec!["consent_without_time"]),
        (
            ("yes", "2031-01-01 00:00:00", "ad-2025-03", ""),
            vec!["consent_in_future"],
        ),
        (
            ("yes", "2026-11-23 06:00:01", "ad-2025-03", ""),
            vec!["consent_in_future"],
        ),
        (
            ("yes", "2025-02-30 00:00", "ad-2025-03", ""),
            vec!["bad_date"],
        ),
        (
            ("yes", "2025-02-03T00:00:00Z", "ad-2025-03", ""),
            vec!["bad_date"],
        ),
        (
            ("yes", "2026-01-01 00:00:00", "no-such-wording", ""),
            vec!["unknown_wording"],
        ),
        (
            ("yes", "2026-01-01 00:00:00", "", ""),
            vec!["unknown_wording"],
        ),
    ];
    for ((promotion, at, wording, night), expected) in cases {
        let cells = ConsentCells {
            promotion,
            at,
            wording,
            night,
        };
        assert_eq!(
            consents(cells).expect_err("accepted"),
            expected,
            "{cells:?}"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics_and_what_is_kept_is_kept_again(
        texts in prop::array::uniform9("\\PC{0,40}"),
        tags in prop::collection::vec("[a-z|가-힣\\x00-\\x20]{0,40}", 0..60),
    ) {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let fields = ProfileFields {
            display_name: &texts[0],
            language: &texts[1],
            country: &texts[2],
            region: &texts[3],
            gender: &texts[4],
            birth_year: &texts[5],
            time_zone: &texts[6],
            friend_since: &texts[7],
            source: &texts[8],
            tags: &tags,
        };
        let _ = Profile::parse(&fields, now());
        let _ = consents(ConsentCells {
            promotion: &texts[0],
            at: &texts[1],
            wording: &texts[2],
            night: &texts[3],
        });
        if let Ok(kept) = language(&texts[1]) {
            prop_assert_eq!(language(&kept).unwrap(), kept);
        }
    }
}
