//! What the platform says of a chat beside its messages: the menu below it, and how the person
//! stands to the coupons in it. A platform that does not answer leaves the chat as its messages
//! are.

use std::sync::Arc;

use gateway::chat::CHAT_COUPONS_MAX;
use gateway::{ChatCoupon, ChatQuestion, ChatState};
use serde_json::{Value, json};
use store::sandbox::Received;

use super::chats::messages;
use super::deeds::InChat;
use crate::state::Sandbox;

/// What messages call a coupon by.
const ID: &str = "couponId";
/// What of a coupon is shown.
const SHOWN: [&str; 5] = [
    "title",
    "description",
    "imageUrl",
    "couponCode",
    "usageCondition",
];

/// Asks the platform; nothing where it does not answer.
pub(crate) async fn ask(sandbox: &Arc<Sandbox>, here: &InChat, coupons: &[String]) -> ChatState {
    let Some(platform) = &sandbox.sender else {
        return ChatState::default();
    };
    let question = ChatQuestion {
        account: here.handle.to_string(),
        user: here.somebody.key.as_str().to_owned(),
        coupons: coupons.to_vec(),
    };
    platform.ask(question).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the platform says nothing of a chat");
        ChatState::default()
    })
}

/// One coupon as the person stands to it now.
pub(crate) async fn coupon(sandbox: &Arc<Sandbox>, here: &InChat, id: &str) -> Option<ChatCoupon> {
    let state = ask(sandbox, here, &[id.to_owned()]).await;
    state.coupons.into_iter().find(|coupon| coupon.id == id)
}

/// The coupons that pushes name, the latest first.
pub(crate) fn coupon_ids(received: &[Received]) -> Vec<String> {
    let mut ids = Vec::new();
    for message in received.iter().flat_map(messages) {
        let id = message.get(ID).and_then(Value::as_str).unwrap_or_default();
        let is_new = !id.is_empty() && !ids.iter().any(|known| known == id);
        if is_new && ids.len() < CHAT_COUPONS_MAX {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// Messages with what is known of their coupons in them, as they are drawn.
pub(crate) fn dressed(messages: Vec<Value>, beside: &ChatState) -> Vec<Value> {
    let dress = |mut message: Value| {
        let id = message.get(ID).and_then(Value::as_str);
        let known = id.and_then(|id| beside.coupons.iter().find(|coupon| coupon.id == id));
        if let (Some(known), Some(object)) = (known, message.as_object_mut()) {
            for key in SHOWN {
                if let Some(value) = known.coupon.get(key) {
                    object.insert(key.to_owned(), value.clone());
                }
            }
            object.insert("standing".to_owned(), json!(known.standing));
        }
        message
    };
    messages.into_iter().map(dress).collect()
}
