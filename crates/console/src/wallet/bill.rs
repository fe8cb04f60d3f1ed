//! One campaign's bill: how many times which price, what was held for it and what went back, and
//! why the others cost nothing.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use billing::{Bill, BillingError};
use directory::Permission;
use domain::band::Slice;
use domain::money::{InvalidMoney, Money};
use domain::price::{Tariff, floor, vat};
use words::Words;

use crate::campaign_words::{Badge, audience_in_words, called, purpose_in_words};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::reasons;

#[derive(Template)]
#[template(path = "wallet/bill.html")]
struct BillPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    kind: String,
    audience: String,
    badge: Badge,
    launched: Option<String>,
    version: Option<u32>,
    lines: Vec<BillLine>,
    /// What came back when a month was closed.
    re_rated: Option<String>,
    net: String,
    vat: String,
    total: String,
    held: String,
    captured: String,
    released: String,
    open: String,
    outcomes: Vec<OutcomeRow>,
}

struct BillLine {
    tariff: String,
    /// `1,000 × 15원`.
    sum: String,
    amount: String,
}

struct OutcomeRow {
    words: String,
    people: String,
    is_billed: bool,
}

pub async fn show(desk: Desk, Path(path): Path<CampaignPath>) -> Result<Response, Error> {
    // Whose campaign it is not learns nothing, whatever their role is.
    let campaign = own_campaign(&desk, &path).await?;
    if !desk.may(Permission::ReadMoney) {
        return super::closed(&desk);
    }
    let words = desk.words;
    let bill = billing::bill(&desk.store, desk.business.id, campaign.id).await?;
    let (vat, total) = vat_and_total(bill.captured).map_err(BillingError::from)?;
    let outcomes = outcome_rows(&words, &bill);
    page::show(&BillPage {
        frame: Frame::of(&desk, Place::Wallet),
        words,
        path: desk.at(&format!("/campaigns/{}", campaign.id)),
        name: called(&words, &campaign.name),
        kind: purpose_in_words(&words, campaign.purpose),
        audience: audience_in_words(&words, &campaign.audience),
        badge: Badge::of(&words, campaign.shown_state(), bill.is_cancelled),
        launched: campaign
            .launch
            .map(|launch| words.time(launch.launched_at, &desk.zone)),
        version: bill.price_version,
        lines: lines(&words, &bill).map_err(BillingError::from)?,
        re_rated: (!bill.re_rated.is_zero()).then(|| words.money(bill.re_rated)),
        net: words.money(bill.captured),
        vat: words.money(vat),
        total: words.money(total),
        held: words.money(bill.held),
        captured: words.money(bill.captured),
        released: words.money(bill.released),
        open: words.money(bill.open),
        outcomes,
    })
}

/// Rounded down once, as a contract does that says nothing else.
fn vat_and_total(net: Money) -> Result<(Money, Money), InvalidMoney> {
    let total = floor(net.checked_add(vat(net)?)?)?;
    Ok((total.checked_sub(net)?, total))
}

fn lines(words: &Words, bill: &Bill) -> Result<Vec<BillLine>, InvalidMoney> {
    let line = |(tariff, charge): (Tariff, &Slice)| {
        let Slice { units, unit_price } = *charge;
        Ok(BillLine {
            tariff: words
                .t(format!("wallet-tariff-{}", tariff.code()))
                .to_string(),
            sum: format!("{} × {}", words.count(units), words.money(unit_price)),
            amount: words.money(unit_price.times(units)?),
        })
    };
    let charges = |line: &'_ billing::BillLine| {
        let tariff = line.tariff;
        let charges = line.charges.clone();
        charges.into_iter().map(move |charge| (tariff, charge))
    };
    let charges: Vec<(Tariff, Slice)> = bill.lines.iter().flat_map(charges).collect();
    charges
        .iter()
        .map(|(tariff, charge)| line((*tariff, charge)))
        .collect()
}

/// What became of everybody; those of whom there are none are left out.
fn outcome_rows(words: &Words, bill: &Bill) -> Vec<OutcomeRow> {
    let outcomes = &bill.outcomes;
    let undecided = reasons::undecided(bill.billable, ["uncertain", "unconfirmed"]);
    let rows = [
        ("accepted", outcomes.accepted),
        ("failed", outcomes.failed),
        ("excluded", outcomes.excluded + outcomes.left_out),
        (undecided, outcomes.uncertain),
        ("cancelled", outcomes.cancelled),
        ("pending", outcomes.pending),
    ];
    rows.into_iter()
        .filter(|(name, people)| *people > 0 || *name == "accepted")
        .map(|(name, people)| OutcomeRow {
            words: words.t(format!("wallet-outcome-{name}")).to_string(),
            people: words.t("people-count").num("count", people).to_string(),
            is_billed: name == "accepted",
        })
        .collect()
}
