//! Coupons: made, sent as a message, closed; who got and used them.

mod form; // what was typed, and the coupon that it says

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use directory::{CouponError, Permission};
use domain::coupon::{Count, CouponId, CouponState};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use store::coupon::StoredCoupon;
use words::Words;

use crate::composer::begin;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::media::{self, NotTaken};
use crate::page;
use crate::state::ConsoleState;
use form::{CouponForm, PICTURE, REWARDS};

/// Coupons that the list shows: the latest.
const SHOWN_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "coupons/list.html")]
struct CouponsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    coupons: Vec<CouponRow>,
    fields: &'a CouponForm,
    faults: Faults,
    may_compose: bool,
}

struct CouponRow {
    path: String,
    title: String,
    standing: Standing,
    until: String,
    acquired: u64,
    used: u64,
}

/// How a coupon stands: the badge's state and its words.
struct Standing {
    state: &'static str,
    key: &'static str,
}

#[derive(Template)]
#[template(path = "coupons/coupon.html")]
struct CouponPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    id: String,
    title: String,
    standing: Standing,
    facts: Vec<(String, String)>,
    picture: Option<String>,
    acquired: u64,
    used: u64,
    users: u64,
    is_open: bool,
    may_compose: bool,
}

#[derive(Debug, Deserialize)]
pub struct CouponPath {
    coupon: String,
}

/// `GET /console/{handle}/coupons`.
pub async fn list(desk: Desk) -> Result<Response, Error> {
    draw(&desk, &CouponForm::default(), Faults::default()).await
}

/// `POST /console/{handle}/coupons`.
pub async fn create(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    request: Request,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let upload = match media::read(request, PICTURE).await {
        Ok(upload) => upload,
        // Too large to be read: what was typed beside it is gone with it.
        Err(refusal) => {
            let faults = picture_fault(&desk, refusal)?;
            return draw(&desk, &CouponForm::default(), faults).await;
        }
    };
    let fields = CouponForm::sent(&upload);
    let mut image = None;
    if let Some(file) = upload.file {
        match media::keep(&desk, &file.name, file.bytes).await {
            Ok(kept) => image = Some(format!("{}{}", state.public_url, kept.path)),
            Err(refusal) => {
                let faults = picture_fault(&desk, refusal)?;
                return draw(&desk, &fields, faults).await;
            }
        }
    }
    let mut faults = Faults::default();
    let Some(coupon) = fields.coupon(&desk, &state.rules, image, &mut faults) else {
        return draw(&desk, &fields, faults).await;
    };
    let (business, account) = (desk.business.id, desk.account.id);
    let added = desk.directory.add_coupon(business, account, &coupon).await;
    let id = added.map_err(refused)?;
    let path = desk.at(&format!("/coupons/{id}?done=done-coupon"));
    Ok(Redirect::to(&path).into_response())
}

/// `GET /console/{handle}/coupons/{coupon}`: what it says, and what became of it.
pub async fn show(desk: Desk, Path(path): Path<CouponPath>) -> Result<Response, Error> {
    let coupon = found(&desk, &path).await?;
    let id = coupon.facts.id;
    let users = desk.store.coupon_users(id).await?;
    let content: Value = serde_json::from_str(&coupon.content)
        .map_err(|error| Error::Broken(format!("coupon.content: {error}")))?;
    let image = content.get("imageUrl").and_then(Value::as_str);
    page::show(&CouponPage {
        frame: Frame::of(&desk, Place::Coupons),
        words: desk.words,
        path: desk.at(&format!("/coupons/{id}")),
        id: id.to_string(),
        standing: standing(&coupon, desk.now),
        facts: facts(&desk, &coupon, &content),
        picture: image.and_then(bubble::address::media).map(str::to_owned),
        acquired: coupon.facts.acquired,
        used: coupon.used,
        users,
        is_open: coupon.facts.state == CouponState::Running,
        may_compose: desk.may(Permission::Compose),
        title: coupon.title,
    })
}

/// `POST /console/{handle}/coupons/{coupon}/send`: begins a campaign with it.
pub async fn send(desk: Desk, Path(path): Path<CouponPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let coupon = found(&desk, &path).await?;
    begin::with_coupon(&desk, &coupon.title, coupon.facts.id.to_string()).await
}

/// `POST /console/{handle}/coupons/{coupon}/close`: for good.
pub async fn close(desk: Desk, Path(path): Path<CouponPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let id = CouponId::parse(&path.coupon).ok_or(Error::NotFound)?;
    let (business, account) = (desk.business.id, desk.account.id);
    match desk.directory.close_coupon(business, account, id).await {
        // Pressed twice: it is closed, as was asked.
        Ok(()) | Err(CouponError::Closed) => {
            let path = desk.at(&format!("/coupons/{id}?done=done-coupon-closed"));
            Ok(Redirect::to(&path).into_response())
        }
        Err(error) => Err(refused(error)),
    }
}

async fn draw(desk: &Desk, fields: &CouponForm, faults: Faults) -> Result<Response, Error> {
    let words = desk.words;
    let states = [CouponState::Running, CouponState::Closed];
    let found = desk
        .store
        .coupons(desk.account.id, &states, None, SHOWN_MAX);
    let found = found.await?;
    let rows = found.iter().map(|coupon| CouponRow {
        path: desk.at(&format!("/coupons/{}", coupon.facts.id)),
        title: coupon.title.clone(),
        standing: standing(coupon, desk.now),
        until: words.time(coupon.facts.ends_at, &desk.zone),
        acquired: coupon.facts.acquired,
        used: coupon.used,
    });
    let page = CouponsPage {
        frame: Frame::of(desk, Place::Coupons),
        words,
        coupons: rows.collect(),
        fields,
        faults,
        may_compose: desk.may(Permission::Compose),
    };
    page::show_as(page.faults.status(), &page)
}

impl CouponsPage<'_> {
    fn rewards(&self) -> [&'static str; 6] {
        REWARDS
    }
}

async fn found(desk: &Desk, path: &CouponPath) -> Result<StoredCoupon, Error> {
    let id = CouponId::parse(&path.coupon).ok_or(Error::NotFound)?;
    let coupon = desk.store.coupon(desk.account.id, id).await?;
    coupon.ok_or(Error::NotFound)
}

fn standing(coupon: &StoredCoupon, now: Timestamp) -> Standing {
    let facts = &coupon.facts;
    let (state, key) = match facts.state {
        CouponState::Closed => ("stopped", "coupons-closed"),
        CouponState::Running if now < facts.starts_at => ("planned", "coupons-later"),
        CouponState::Running if now > facts.ends_at => ("stopped", "coupons-over"),
        CouponState::Running => ("running", "coupons-running"),
    };
    Standing { state, key }
}

/// What a coupon says, line by line.
fn facts(desk: &Desk, coupon: &StoredCoupon, content: &Value) -> Vec<(String, String)> {
    let words = desk.words;
    let own = |key: &str| {
        let text = content.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let facts = &coupon.facts;
    let condition = match (facts.probability, facts.acquire_max) {
        (None, _) => words.t("coupons-everybody").to_string(),
        (Some(percent), Count::Unlimited) => words
            .t("coupons-lottery")
            .num("percent", percent)
            .to_string(),
        (Some(percent), Count::AtMost(most)) => words
            .t("coupons-lottery-most")
            .num("percent", percent)
            .num("most", most)
            .to_string(),
    };
    let uses = match facts.uses_max {
        Count::AtMost(_) => words.t("coupons-once"),
        Count::Unlimited => words.t("coupons-always"),
    };
    let lines = [
        ("coupons-description", own("description")),
        ("coupons-usage", own("usageCondition")),
        ("coupons-code", own("couponCode")),
        ("coupons-from", words.time(facts.starts_at, &desk.zone)),
        ("coupons-until", words.time(facts.ends_at, &desk.zone)),
        ("coupons-who", condition),
        ("coupons-uses", uses.to_string()),
    ];
    let told = lines.into_iter().filter(|(_, said)| !said.is_empty());
    told.map(|(key, said)| (words.t(key).to_string(), said))
        .collect()
}

fn picture_fault(desk: &Desk, refusal: NotTaken) -> Result<Faults, Error> {
    match refusal {
        NotTaken::Fault(_, key) => Ok(Faults::one(PICTURE, desk.words.t(key))),
        NotTaken::Other(error) => Err(error),
    }
}

fn refused(error: CouponError) -> Error {
    match error {
        CouponError::NoCoupon => Error::NotFound,
        CouponError::Other(error) => error.into(),
        other => Error::Conflict(other.to_string()),
    }
}
