//! What the shop sends: two broadcasts of the past, one of tomorrow, and one half written.

use console::composer::content::{Action, Button, Card, Content, Kind};

/// A broadcast of the past.
pub struct Past {
    pub name: &'static str,
    pub days_ago: u32,
    /// Wall time in Seoul.
    pub at: &'static str,
    /// With [`PICTURE`] and [`PREVIEW`] where the addresses of the shop's picture stand.
    pub messages: &'static str,
    pub rate_per_second: Option<u32>,
    pub habits: Habits,
}

/// How friends take a broadcast.
pub struct Habits {
    /// Of a hundred who got it.
    pub open: u32,
    /// Of a hundred who opened it, link by link.
    pub click: &'static [u32],
    /// Written back, each by somebody else.
    pub words: &'static [&'static str],
}

pub const PICTURE: &str = "{picture}";
pub const PREVIEW: &str = "{preview}";
/// The art of the pages as a photograph would come: what friends of the second broadcast see.
pub const QUILT: &[u8] = include_bytes!("quilt.png");
pub const QUILT_NAME: &str = "누빔이불.png";

pub const PAST: [Past; 2] = [
    Past {
        name: "햇차 첫 입고",
        days_ago: 12,
        at: "11:00",
        messages: r#"[
            {"type":"text","text":"올해 첫 햇차가 들어왔어요 🍵\n하동에서 봄에 딴 잎을 가을까지 천천히 말렸습니다."},
            {"type":"template","altText":"하동 햇차 첫 입고","template":{"type":"buttons",
             "title":"하동 햇차 2026","text":"세작 40g 18,000원 · 우전 40g 26,000원",
             "actions":[
               {"type":"uri","label":"차 둘러보기","uri":"https://hanok.example/tea"},
               {"type":"uri","label":"우리는 법 보기","uri":"https://hanok.example/tea/how-to"}]}}]"#,
        rate_per_second: None,
        habits: Habits {
            open: 64,
            click: &[23, 9],
            words: &[
                "우전은 매장에서도 살 수 있나요?",
                "작년에 마신 세작이 아직도 생각나요 🍵",
                "선물 포장 되나요?",
                "부산도 내일 도착하나요?",
            ],
        },
    },
    Past {
        name: "겨울 이불 미리 보기",
        days_ago: 5,
        at: "18:30",
        messages: r#"[
            {"type":"image","originalContentUrl":"{picture}","previewImageUrl":"{preview}"},
            {"type":"text","text":"겨울 이불을 친구에게 먼저 보여 드려요.\n금요일부터 누구나 살 수 있습니다."},
            {"type":"template","altText":"겨울 이불 미리 보기","template":{"type":"buttons",
             "title":"누빔 이불 · 목화솜","text":"친구 10% 할인, 11월 30일까지",
             "actions":[
               {"type":"uri","label":"이불 보기","uri":"https://hanok.example/quilts"},
               {"type":"uri","label":"매장 찾기","uri":"https://hanok.example/stores"},
               {"type":"message","label":"재입고 알림","text":"재입고 알려 주세요"}]}}]"#,
        rate_per_second: Some(800),
        habits: Habits {
            open: 71,
            click: &[31, 8],
            words: &[
                "재입고 알려 주세요",
                "재입고 알려 주세요",
                "재입고 알려 주세요",
                "퀸 사이즈는 언제 들어와요?",
                "재입고 알려 주세요",
                "청록색이 정말 예뻐요",
                "재입고 알려 주세요",
                "세탁기에 돌려도 되나요?",
                "재입고 알려 주세요",
            ],
        },
    },
];

pub const SCHEDULED_NAME: &str = "첫눈 기획전";
pub const SCHEDULED: &str = r#"[
    {"type":"text","text":"이번 주에 첫눈이 온대요 ❄️\n차 한 잔과 함께 볼 것들을 골라 두었어요."},
    {"type":"template","altText":"첫눈 기획전","template":{"type":"buttons",
     "title":"첫눈 기획전","text":"담요 · 찻잔 · 온돌 매트 최대 20%",
     "actions":[
       {"type":"uri","label":"기획전 보기","uri":"https://hanok.example/first-snow"},
       {"type":"uri","label":"선물 포장 안내","uri":"https://hanok.example/gift"}]}}]"#;

pub const DRAFT_NAME: &str = "주말 특가";

/// Two cards, the second without the address of its second button.
pub fn draft() -> Content {
    let button = |label: &str, value: &str| Button {
        label: label.to_owned(),
        kind: Action::Uri,
        value: value.to_owned(),
    };
    let words = Card {
        kind: Kind::Text,
        text: "이번 주말, 친구에게만 열리는 특가예요.\n토요일 10시부터 일요일 밤까지.".to_owned(),
        ..Card::default()
    };
    let offer = Card {
        kind: Kind::Buttons,
        title: "주말 특가".to_owned(),
        text: "온돌 매트 119,000원 → 89,000원".to_owned(),
        buttons: vec![
            button("특가 보기", "https://hanok.example/weekend"),
            button("매장에서 받기", ""),
        ],
        ..Card::default()
    };
    Content {
        name: DRAFT_NAME.to_owned(),
        cards: vec![words, offer],
        ..Content::default()
    }
}
