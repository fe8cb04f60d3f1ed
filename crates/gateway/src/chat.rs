//! Messenger to platform, asked when a chat is opened: which rich menu the person sees below it,
//! and how they stand to the coupons in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BODY_BYTES_MAX;
use crate::error::{Error, read_object};

/// Chats in one request.
pub const CHATS_MAX: usize = 100;
/// Coupons that are asked about in one chat.
pub const CHAT_COUPONS_MAX: usize = 100;

/// A chat of one person with one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatQuestion {
    /// Our id, or the handle.
    pub account: String,
    pub user: String,
    /// The ids of coupons that messages in it name.
    #[serde(default)]
    pub coupons: Vec<String>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatsBody {
    pub chats: Vec<ChatQuestion>,
}

/// The answer: a state for each question, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatsAnswer {
    pub chats: Vec<ChatState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatState {
    /// `None` where there is none, or no such account.
    pub menu: Option<ChatMenu>,
    /// Those of the coupons that the account has.
    pub coupons: Vec<ChatCoupon>,
}

/// A rich menu as a messenger draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMenu {
    /// What events name it by.
    pub id: String,
    pub image_url: String,
    /// The rich menu object: size, chat bar, areas.
    pub menu: Value,
}

/// A coupon as a messenger draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatCoupon {
    pub id: String,
    pub standing: CouponStanding,
    /// The coupon object: title, picture, code, conditions.
    pub coupon: Value,
}

/// How a person stands to a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponStanding {
    /// They can have it: `coupon.acquired`.
    Offered,
    /// They have it and can use it: `coupon.used`.
    Held,
    /// They have used it as often as they may.
    UsedUp,
    /// They drew and lost.
    Lost,
    NoneLeft,
    NotYet,
    Over,
    Closed,
}

/// Reads what a messenger asks.
pub fn parse_chats(body: &[u8]) -> Result<Vec<ChatQuestion>, Error> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::TooLarge {
            bytes: body.len(),
            max: BODY_BYTES_MAX,
        });
    }
    let ChatsBody { chats } = read_object("a list of chats", body)?;
    if chats.len() > CHATS_MAX {
        return Err(Error::malformed(format!(
            "there are {} chats, at most {CHATS_MAX} are taken in one request",
            chats.len()
        )));
    }
    let most = chats.iter().map(|chat| chat.coupons.len()).max();
    match most.is_some_and(|most| most > CHAT_COUPONS_MAX) {
        true => Err(Error::malformed(format!(
            "a chat has more than {CHAT_COUPONS_MAX} coupons"
        ))),
        false => Ok(chats),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_are_read_and_counted() {
        let asked = json!({"chats": [{"account": "@hanok", "user": "kim"}]});
        let read = parse_chats(asked.to_string().as_bytes()).unwrap();
        let expected = ChatQuestion {
            account: "@hanok".into(),
            user: "kim".into(),
            coupons: Vec::new(),
        };
        assert_eq!(read, [expected]);
        let chat = json!({"account": "@hanok", "user": "kim", "coupons": vec!["c"; 101]});
        let many = json!({"chats": vec![json!({"account": "a", "user": "b"}); 101]});
        for wrong in [json!([]), json!({}), json!({"chats": [chat]}), many] {
            let refused = parse_chats(wrong.to_string().as_bytes());
            assert!(refused.is_err(), "{wrong}");
        }
    }

    #[test]
    fn standings_are_words() {
        let shown = serde_json::to_value(CouponStanding::NoneLeft).unwrap();
        assert_eq!(shown, json!("none_left"));
    }
}
