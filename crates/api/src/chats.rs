//! `POST /gateway/v1/chats`: what a person sees in a chat beside its messages: the rich menu below
//! it, and how they stand to the coupons in it.
//!
//! A messenger asks when a chat is opened. Nothing is kept of the question: what was shown and
//! tapped it tells by events.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use directory::media::path_of_hash;
use domain::coupon::{
    CouponFacts, CouponId, CouponRefusal, Ticket, TicketState, acquire, use_ticket,
};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use gateway::{
    AccountRef, ChatCoupon, ChatMenu, ChatQuestion, ChatState, ChatsAnswer, CouponStanding,
    parse_chats,
};
use serde_json::Value;
use store::StoreError;
use store::coupon::StoredCoupon;
use store::directory::Account;
use store::rich_menu::StoredMenu;

use crate::events::{place, signed};
use crate::{ApiError, ApiState};

/// Answers up to 100 questions: 200 with a state for each, in their order.
pub async fn post_chats(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<Json<ChatsAnswer>, ApiError> {
    let _place = place(&state)?;
    let (bytes, now) = signed(&state, request).await?;
    let questions = parse_chats(&bytes)?;
    let mut chats = Vec::with_capacity(questions.len());
    for question in &questions {
        chats.push(chat(&state, question, now).await?);
    }
    Ok(Json(ChatsAnswer { chats }))
}

async fn chat(
    state: &ApiState,
    question: &ChatQuestion,
    now: Timestamp,
) -> Result<ChatState, ApiError> {
    let Some(account) = account(state, &question.account).await? else {
        return Ok(ChatState::default());
    };
    // Whoever was never heard of sees what everybody sees.
    let number = match UserKey::parse(&question.user) {
        Ok(key) => state.store.user_number(&key).await?,
        Err(_) => None,
    };
    let menu = state.store.menu_shown_to(account.id, number).await?;
    let ids = question.coupons.iter();
    let ids: Vec<CouponId> = ids.filter_map(|id| CouponId::parse(id)).collect();
    let found = state.store.coupons_of(account.id, &ids).await?;
    let held = match number {
        Some(number) if !found.is_empty() => state.store.tickets_of(number, &ids).await?,
        _ => Vec::new(),
    };
    let coupons = found.iter().map(|coupon| {
        let id = coupon.facts.id;
        let ticket = held.iter().find(|(known, _)| *known == id);
        shown_coupon(coupon, ticket.map(|(_, ticket)| *ticket), now)
    });
    Ok(ChatState {
        menu: match menu {
            Some(menu) => shown_menu(state, &menu)?,
            None => None,
        },
        coupons: coupons.collect::<Result<_, StoreError>>()?,
    })
}

async fn account(state: &ApiState, named: &str) -> Result<Option<Account>, ApiError> {
    Ok(match AccountRef::parse(named) {
        Some(AccountRef::Id(id)) => state.store.account_of_any_business(id).await?,
        Some(AccountRef::Handle(handle)) => state.store.account_by_handle(&handle).await?,
        None => None,
    })
}

/// A menu has a picture before anybody is shown it.
fn shown_menu(state: &ApiState, menu: &StoredMenu) -> Result<Option<ChatMenu>, StoreError> {
    let Some(picture) = &menu.picture else {
        return Ok(None);
    };
    let path = path_of_hash(&picture.hash, &picture.content_type);
    Ok(Some(ChatMenu {
        id: menu.id.to_string(),
        image_url: format!("{}{path}", state.public_url),
        menu: object("rich_menu", &menu.content)?,
    }))
}

fn shown_coupon(
    coupon: &StoredCoupon,
    ticket: Option<Ticket>,
    now: Timestamp,
) -> Result<ChatCoupon, StoreError> {
    Ok(ChatCoupon {
        id: coupon.facts.id.to_string(),
        standing: standing(coupon, ticket, now),
        coupon: object("coupon", &coupon.content)?,
    })
}

fn standing(coupon: &StoredCoupon, ticket: Option<Ticket>, now: Timestamp) -> CouponStanding {
    // Whether one can be had at all is the same for everybody; a lottery is drawn when it is asked.
    let may_be_had = || {
        let everybody = CouponFacts {
            probability: None,
            ..coupon.facts
        };
        acquire(&everybody, UserNumber(0), now).map(|_| CouponStanding::Offered)
    };
    let standing = match ticket.map(|ticket| ticket.state) {
        Some(TicketState::Lost) => return CouponStanding::Lost,
        Some(TicketState::Held) => {
            use_ticket(&coupon.facts, ticket, now).map(|()| CouponStanding::Held)
        }
        None => may_be_had(),
    };
    standing.unwrap_or_else(|refusal| match refusal {
        CouponRefusal::Closed => CouponStanding::Closed,
        CouponRefusal::NotYet => CouponStanding::NotYet,
        CouponRefusal::Over => CouponStanding::Over,
        CouponRefusal::NoneLeft => CouponStanding::NoneLeft,
        CouponRefusal::NotHeld => CouponStanding::Offered,
        CouponRefusal::UsedUp => CouponStanding::UsedUp,
    })
}

fn object(table: &'static str, content: &str) -> Result<Value, StoreError> {
    serde_json::from_str(content).map_err(|why| StoreError::Corrupt {
        table,
        column: "content",
        why: why.to_string(),
    })
}

#[cfg(test)]
mod tests;
