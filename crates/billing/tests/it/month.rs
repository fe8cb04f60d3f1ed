//! A month that is closed: only where everything adds up, once, and nothing is on its bill that is
//! not a capture of it.

use std::time::Duration;

use billing::invoice::{credit_note, pay, refund, refund_paid};
use billing::month::{self, Item};
use billing::promotional::Grant;
use billing::{BillingError, ReleaseReason};
use domain::contract::{BandMode, Contract, ContractKind, VatBase};
use domain::freeze::{FreezePlan, chunk_number};
use domain::id::CampaignId;
use domain::money::{Currency, Money};
use domain::outcome::Outcome;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use store::StoreError;
use store::month::ClosedMonth;
use testkit::database::Engine;

use crate::funds::{assert_books_close, balances};
use crate::world::{NOW, World, krw, run};

testkit::on_both_engines![
    a_month_is_closed_once_everything_adds_up,
    a_month_that_does_not_add_up_stays_open,
    what_comes_late_is_on_the_next_bill,
    a_month_is_priced_at_the_band_it_reached,
    what_was_spent_on_credit_is_asked_for,
    vat_that_came_with_top_ups_is_not_asked_for_again,
    an_invoice_is_paid_and_taken_back_by_reference,
    cash_goes_back_where_nothing_is_held_or_due,
    a_long_month_agrees_to_the_micro_unit,
];

fn november() -> LaunchMonth {
    "2026-11".parse().unwrap()
}

/// The first instant of December where the business counts its months.
fn edge() -> Timestamp {
    Timestamp::parse_rfc3339("2026-12-01T00:00:00+09:00").unwrap()
}

/// From here on everything of November is in sight.
fn in_sight() -> Timestamp {
    edge() + month::SETTLED_BY
}

/// A campaign to `users` in chunks of five, launched at 15 KRW, claimed and not settled.
async fn on_its_way(world: &World, users: u32) -> CampaignId {
    let campaign = world.launch(u64::from(users), users).await;
    freeze(world, campaign, users).await;
    campaign
}

async fn freeze(world: &World, campaign: CampaignId, users: u32) {
    let numbers: Vec<u32> = (1..=users).collect();
    let chunks: Vec<Vec<u32>> = numbers.chunks(5).map(<[u32]>::to_vec).collect();
    world.freeze(campaign, 0, (1, users), &chunks, &[]).await;
    for number in 0..chunks.len() as u64 {
        world.claim(campaign, number, 0).await;
    }
}

async fn accept(world: &World, campaign: CampaignId, number: u64, at: Timestamp) {
    let outcomes = [Outcome::Accepted; 5];
    world.settle_at(campaign, (number, 0), &outcomes, at).await;
}

async fn close(
    world: &World,
    month: LaunchMonth,
    now: Timestamp,
) -> Result<ClosedMonth, BillingError> {
    month::close(&world.store, world.business, month, now, &world.ids).await
}

/// What of the list does not hold.
async fn open_points(world: &World, month: LaunchMonth, now: Timestamp) -> Vec<Item> {
    let list = month::check(&world.store, world.business, month, now).await;
    let points = list.unwrap().points.into_iter();
    points
        .filter(|point| !point.holds)
        .map(|point| point.item)
        .collect()
}

async fn receivable(world: &World) -> Money {
    let wallet = billing::wallet(&world.store, world.business).await.unwrap();
    wallet.receivable
}

async fn assert_all_closes(world: &World) {
    assert_books_close(world).await;
    let found = billing::reconcile(&world.store).await.unwrap();
    assert!(found.clean, "{found}");
    let light = billing::reconcile::reconcile_lightly(&world.store, Timestamp::from_millis(0));
    let light = light.await.unwrap();
    assert!(light.clean, "{light}");
}

async fn a_month_is_closed_once_everything_adds_up(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    world.top_up(1_000, "bank-1").await;
    let campaign = on_its_way(&world, 10).await;
    let a_moment = Duration::from_millis(1);
    accept(&world, campaign, 0, edge() - a_moment).await;
    accept(&world, campaign, 1, edge()).await;
    assert_eq!(
        open_points(&world, november(), edge()).await,
        [Item::Over, Item::Captured]
    );
    // One roll-up over the edge books each month's part by itself.
    let months = world.roll_up_as_the_scheduler().await;
    assert_eq!(months, [november(), november().next()]);
    assert_eq!(open_points(&world, november(), edge()).await, [Item::Over]);
    assert_eq!(
        open_points(&world, november().previous(), in_sight()).await,
        [Item::InOrder]
    );
    let december = november().next();
    let both = [Item::Over, Item::InOrder];
    assert_eq!(open_points(&world, december, in_sight()).await, both);
    let next = month::next_to_close(&world.store, world.business).await;
    assert_eq!(next.unwrap(), Some(november()));
    let closed = close(&world, november(), in_sight()).await.unwrap();
    let amounts = closed.amounts;
    assert_eq!((closed.invoice, closed.units), (Some(1), 5));
    assert_eq!((amounts.net, amounts.paid), (krw(75), krw(75)));
    // 7.5 of VAT: the total is rounded down, once.
    assert_eq!((amounts.total, amounts.due), (krw(82), krw(7)));
    assert_eq!(amounts.rounding.micro(), -500_000);
    assert_eq!(receivable(&world).await, krw(7));
    assert_eq!(balances(&world).await, (krw(850), krw(0)));
    let refused = close(&world, november(), in_sight()).await.unwrap_err();
    assert!(matches!(refused, BillingError::NotClosable(_)), "{refused}");
    let lines = store::month::lines(&world.store, world.business, november())
        .await
        .unwrap();
    assert_eq!(
        (lines.len(), lines[0].units, lines[0].unit_price),
        (1, 5, krw(15))
    );
    world.close(campaign).await;
    let over = december.next();
    let seoul = domain::time::zone("Asia/Seoul").unwrap();
    let later = over.begins(&seoul) + month::SETTLED_BY;
    let closed = close(&world, december, later).await.unwrap();
    assert_eq!((closed.invoice, closed.units), (Some(2), 5));
    assert_all_closes(&world).await;
    // A month in which nothing was sent is closed without an invoice.
    let later = over.next().begins(&seoul) + month::SETTLED_BY;
    let closed = close(&world, over, later).await.unwrap();
    assert_eq!(
        (closed.invoice, closed.units, closed.amounts.total),
        (None, 0, krw(0))
    );
}

async fn a_month_that_does_not_add_up_stays_open(engine: Engine) {
    for (sql, item) in [
        ("DELETE FROM capture WHERE number = 0", Item::TiesToLedger),
        (
            "UPDATE capture SET bill_month = bill_month + 1 WHERE number = 0",
            Item::TiesToLedger,
        ),
        (
            "UPDATE wallet SET available = available + 1",
            Item::BooksClose,
        ),
        (
            "UPDATE ledger_transaction SET booked_at = booked_at + 1 WHERE sequence = 2",
            Item::ChainUnbroken,
        ),
    ] {
        let world = World::with_users(engine, 10).await;
        world.top_up(1_000, "bank-1").await;
        let campaign = on_its_way(&world, 10).await;
        for number in 0..2 {
            accept(&world, campaign, number, edge() - Duration::from_secs(9)).await;
        }
        world.roll_up_as_the_scheduler().await;
        world.close(campaign).await;
        assert_eq!(open_points(&world, november(), in_sight()).await, []);
        run(&world.raw, sql).await;
        let open = open_points(&world, november(), in_sight()).await;
        assert!(open.contains(&item), "{sql}: {open:?}");
        let refused = close(&world, november(), in_sight()).await.unwrap_err();
        assert!(refused.to_string().contains(item.name()), "{refused}");
        let closed = store::month::find(&world.store, world.business, november()).await;
        assert_eq!(closed.unwrap(), None);
    }
}

async fn what_comes_late_is_on_the_next_bill(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    world.top_up(1_000, "bank-1").await;
    let campaign = on_its_way(&world, 10).await;
    let before = edge() - Duration::from_secs(9);
    accept(&world, campaign, 0, before).await;
    world.roll_up_as_the_scheduler().await;
    close(&world, november(), in_sight()).await.unwrap();
    // Settled in November by some clock, recorded after its close.
    accept(&world, campaign, 1, before).await;
    let december = november().next();
    assert_eq!(world.roll_up_as_the_scheduler().await, [december]);
    world.close(campaign).await;
    let seoul = domain::time::zone("Asia/Seoul").unwrap();
    let later = december.next().begins(&seoul) + month::SETTLED_BY;
    let closed = close(&world, december, later).await.unwrap();
    assert_eq!(closed.units, 5);
    assert_all_closes(&world).await;
    // A bill that was changed afterwards is found.
    run(
        &world.raw,
        "UPDATE month_line SET units = 6 WHERE units = 5",
    )
    .await;
    let found = billing::reconcile(&world.store).await.unwrap();
    let bills = found.checks.iter().find(|check| check.id == "B9").unwrap();
    assert_eq!((bills.checked, bills.violations.len()), (6, 2), "{found}");
}

/// A business whose prices fall from 20 to 10 KRW after ten units of a month.
async fn falling(world: &World, contract: Contract) {
    world
        .publish("falling", 20_000_000, &[(10, 10_000_000)])
        .await;
    let contract = Contract {
        effective_from: NOW,
        book: "falling".to_owned(),
        ..contract
    };
    world.agree(contract).await.unwrap();
}

/// A campaign to ten at the falling book's prices, accepted and captured.
async fn ten_at_falling_prices(world: &World) -> CampaignId {
    let books = billing::contract::price_books(&world.store, Currency::Krw)
        .await
        .unwrap();
    let version = books
        .iter()
        .find(|book| book.name() == "falling")
        .unwrap()
        .version();
    let campaign = world.launch_at(krw(20), version, 10, 10).await;
    run(&world.raw, "UPDATE campaign_tariff SET by_unit = 1").await;
    freeze(world, campaign, 10).await;
    for number in 0..2 {
        accept(world, campaign, number, edge() - Duration::from_secs(9)).await;
    }
    world.roll_up_as_the_scheduler().await;
    world.close(campaign).await;
    campaign
}

async fn a_month_is_priced_at_the_band_it_reached(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    let standard = Contract::standard(Currency::Krw);
    let volume = Contract {
        band_mode: BandMode::Volume,
        ..standard
    };
    falling(&world, volume.clone()).await;
    world.top_up(300, "bank-1").await;
    let grant = |units, seconds| Grant {
        business: world.business,
        amount: krw(units),
        expires_at: NOW + Duration::from_secs(seconds),
        reason: "a welcome",
    };
    let (store, ids) = (&world.store, &world.ids);
    // One lot is over before the month is, the other one is not.
    billing::promotional::grant(store, grant(30, 1_000), "g-1", NOW, ids)
        .await
        .unwrap();
    billing::promotional::grant(store, grant(150, 9_000_000), "g-2", NOW, ids)
        .await
        .unwrap();
    let first = ten_at_falling_prices(&world).await;
    let second = ten_at_falling_prices(&world).await;
    // 10 × 20 in promotional credit but for 20 in cash, then 10 × 10 in cash.
    assert_eq!(balances(&world).await, (krw(180), krw(0)));
    let closed = close(&world, november(), in_sight()).await.unwrap();
    // All twenty at 10: the first campaign's 100 come back, its cash first.
    assert_eq!((closed.captured, closed.re_rated), (krw(300), krw(100)));
    assert_eq!(closed.promotional, krw(100));
    assert_eq!(
        (closed.amounts.net, closed.amounts.due),
        (krw(100), krw(10))
    );
    assert_eq!(balances(&world).await, (krw(280), krw(0)));
    let bill = billing::bill(store, world.business, first).await.unwrap();
    assert_eq!(
        (bill.captured, bill.re_rated, bill.open),
        (krw(100), krw(100), krw(0))
    );
    let other = billing::bill(store, world.business, second).await.unwrap();
    assert_eq!((other.captured, other.re_rated), (krw(100), krw(0)));
    assert_all_closes(&world).await;
    // Books that a whole month is priced by never rise: neither one that is chosen, nor the next
    // version of one that is.
    world
        .publish("rising", 10_000_000, &[(10, 20_000_000)])
        .await;
    let rising = Contract {
        effective_from: NOW,
        book: "rising".to_owned(),
        ..volume
    };
    let refused = world.agree(rising).await.unwrap_err().to_string();
    assert!(refused.contains("rises with the volume"), "{refused}");
}

async fn what_was_spent_on_credit_is_asked_for(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    let postpaid = Contract {
        effective_from: NOW,
        kind: ContractKind::Postpaid,
        credit_limit: krw(400),
        ..Contract::standard(Currency::Krw)
    };
    world.agree(postpaid).await.unwrap();
    world.top_up(50, "bank-1").await;
    let campaign = on_its_way(&world, 10).await;
    for number in 0..2 {
        accept(&world, campaign, number, edge() - Duration::from_secs(9)).await;
    }
    world.roll_up_as_the_scheduler().await;
    world.close(campaign).await;
    let closed = close(&world, november(), in_sight()).await.unwrap();
    // 50 of the 150 were paid in before; the rest is due, with VAT on all of it.
    assert_eq!(
        (closed.amounts.paid, closed.amounts.due),
        (krw(50), krw(115))
    );
    let wallet = billing::wallet(&world.store, world.business).await.unwrap();
    assert_eq!((wallet.owed, wallet.receivable), (krw(0), krw(115)));
    // What is invoiced and unpaid takes of the limit: 400 less 115.
    assert_eq!(wallet.spendable().unwrap(), krw(285));
    let more = world.add_campaign(world.business).await;
    let refused = world.hold(more, krw(286)).await.unwrap_err();
    assert!(
        matches!(refused, BillingError::FundsShort { .. }),
        "{refused}"
    );
    world.hold(more, krw(285)).await.unwrap();
    let (store, business, ids) = (&world.store, world.business, &world.ids);
    pay(
        store,
        business,
        november(),
        krw(115),
        "bank-2",
        in_sight(),
        ids,
    )
    .await
    .unwrap();
    let wallet = billing::wallet(store, business).await.unwrap();
    assert_eq!(
        (wallet.receivable, wallet.spendable().unwrap()),
        (krw(0), krw(115))
    );
    let mut write = store.write().await.unwrap();
    let reason = ReleaseReason::LaunchFailed;
    billing::release_rest(&mut write, more, reason, in_sight(), ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_all_closes(&world).await;
}

async fn vat_that_came_with_top_ups_is_not_asked_for_again(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    let topped_up = Contract {
        effective_from: NOW,
        vat_base: VatBase::ToppedUp,
        ..Contract::standard(Currency::Krw)
    };
    world.agree(topped_up.clone()).await.unwrap();
    // Of 330 that the bank saw, 30 are the tax office's.
    let first = world.top_up(330, "bank-1").await;
    assert_eq!(world.top_up(330, "bank-1").await, first);
    assert_eq!(balances(&world).await, (krw(300), krw(0)));
    let changed = world.agree(Contract::standard(Currency::Krw)).await;
    let consumed = Contract {
        vat_base: VatBase::Consumed,
        ..topped_up
    };
    assert!(changed.is_err());
    let refused = world.agree(consumed).await.unwrap_err();
    assert!(matches!(refused, BillingError::VatBaseIsFixed), "{refused}");
    let campaign = on_its_way(&world, 5).await;
    accept(&world, campaign, 0, edge() - Duration::from_secs(9)).await;
    world.roll_up_as_the_scheduler().await;
    world.close(campaign).await;
    let closed = close(&world, november(), in_sight()).await.unwrap();
    let amounts = closed.amounts;
    assert_eq!(
        (amounts.total, amounts.vat, amounts.due),
        (krw(75), krw(0), krw(0))
    );
    assert_eq!(closed.ledger_transaction, None);
    // What is left goes back with its VAT.
    let (store, business, ids) = (&world.store, world.business, &world.ids);
    refund(store, business, krw(225), "decision-1", in_sight(), ids)
        .await
        .unwrap();
    assert_eq!(
        store::month::to_refund(store, business)
            .await
            .unwrap()
            .to_string(),
        "247.5 KRW"
    );
    assert_all_closes(&world).await;
}

async fn an_invoice_is_paid_and_taken_back_by_reference(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    world.top_up(1_000, "bank-1").await;
    let campaign = on_its_way(&world, 10).await;
    for number in 0..2 {
        accept(&world, campaign, number, edge() - Duration::from_secs(9)).await;
    }
    world.roll_up_as_the_scheduler().await;
    world.close(campaign).await;
    let (store, business, ids) = (&world.store, world.business, &world.ids);
    let paying = async |amount, reference| {
        pay(
            store,
            business,
            november(),
            amount,
            reference,
            in_sight(),
            ids,
        )
        .await
    };
    let unknown = paying(krw(1), "bank-2").await.unwrap_err();
    assert!(
        matches!(unknown, BillingError::Store(StoreError::NotFound(_))),
        "{unknown}"
    );
    close(&world, november(), in_sight()).await.unwrap();
    assert_eq!(receivable(&world).await, krw(15));
    let first = paying(krw(5), "bank-2").await.unwrap();
    assert_eq!(paying(krw(5), "bank-2").await.unwrap(), first);
    let other = paying(krw(6), "bank-2").await.unwrap_err();
    assert!(
        matches!(other, BillingError::Store(StoreError::Taken(_))),
        "{other}"
    );
    // The same transfer does not pay another month's invoice, whatever there is of that.
    let december = november().next();
    let elsewhere = pay(store, business, december, krw(5), "bank-2", in_sight(), ids);
    let elsewhere = elsewhere.await.unwrap_err();
    assert!(
        matches!(elsewhere, BillingError::Store(StoreError::Taken(_))),
        "{elsewhere}"
    );
    let too_much = paying(krw(11), "bank-3").await.unwrap_err();
    assert!(
        matches!(too_much, BillingError::TooMuch { .. }),
        "{too_much}"
    );
    let noting = async |net, said| {
        let of = (business, november());
        credit_note(store, of, net, said, in_sight(), ids).await
    };
    // 33 back: 10 are no longer asked for, 23 are to be paid back.
    let note = noting(krw(30), ("claim-1", "sent twice by mistake"))
        .await
        .unwrap();
    assert_eq!(
        (note.number, note.amounts.total, note.of_receivable),
        (1, krw(33), krw(10))
    );
    assert_eq!(
        noting(krw(30), ("claim-1", "sent twice by mistake"))
            .await
            .unwrap(),
        note
    );
    let too_much = noting(krw(121), ("claim-2", "all of it"))
        .await
        .unwrap_err();
    assert!(
        matches!(too_much, BillingError::TooMuch { .. }),
        "{too_much}"
    );
    let wordless = noting(krw(1), ("claim-2", " ")).await.unwrap_err();
    assert!(matches!(wordless, BillingError::BadReason), "{wordless}");
    let closed = store::month::find(store, business, november())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((closed.open(), receivable(&world).await), (krw(0), krw(0)));
    assert_eq!(
        closed.amounts.total,
        krw(165),
        "an invoice is never changed"
    );
    assert_eq!(
        store::month::to_refund(store, business).await.unwrap(),
        krw(23)
    );
    let out = async |amount, reference| {
        refund_paid(store, business, amount, reference, in_sight(), ids).await
    };
    let too_much = out(krw(24), "out-1").await.unwrap_err();
    assert!(
        matches!(too_much, BillingError::TooMuch { .. }),
        "{too_much}"
    );
    let sent = out(krw(23), "out-1").await.unwrap();
    assert_eq!(out(krw(23), "out-1").await.unwrap(), sent);
    assert_eq!(
        store::month::to_refund(store, business).await.unwrap(),
        krw(0)
    );
    assert_all_closes(&world).await;
}

async fn cash_goes_back_where_nothing_is_held_or_due(engine: Engine) {
    let world = World::with_users(engine, 10).await;
    world.top_up(100, "bank-1").await;
    let (store, business, ids) = (&world.store, world.business, &world.ids);
    let grant = Grant {
        business,
        amount: krw(40),
        expires_at: NOW + Duration::from_secs(1_000),
        reason: "a welcome",
    };
    billing::promotional::grant(store, grant, "g-1", NOW, ids)
        .await
        .unwrap();
    let asking =
        async |units, reference| refund(store, business, krw(units), reference, NOW, ids).await;
    let campaign = world.add_campaign(business).await;
    world.hold(campaign, krw(10)).await.unwrap();
    let held = asking(50, "decision-1").await.unwrap_err();
    assert!(matches!(held, BillingError::HoldsOpen { .. }), "{held}");
    let mut write = store.write().await.unwrap();
    let reason = ReleaseReason::LaunchFailed;
    billing::release_rest(&mut write, campaign, reason, NOW, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    // Promotional credit is never paid out.
    let credit = asking(101, "decision-1").await.unwrap_err();
    assert!(matches!(credit, BillingError::TooMuch { .. }), "{credit}");
    let first = asking(60, "decision-1").await.unwrap();
    assert_eq!(asking(60, "decision-1").await.unwrap(), first);
    assert_eq!(balances(&world).await, (krw(80), krw(0)));
    assert_eq!(
        store::month::to_refund(store, business).await.unwrap(),
        krw(60)
    );
    assert_books_close(&world).await;
}

/// Sends of the long month, and of one of its chunks. `just month` asks for a million.
fn long_month() -> (u32, u32) {
    let wanted = std::env::var("CHINGU_MONTH_SENDS").ok();
    let sends = wanted.map_or(20_000, |text| text.parse().unwrap());
    (sends, 1_000)
}

/// How long something took, for who measures: nothing is asserted of it.
#[allow(clippy::disallowed_methods)] // A measurement is of real time.
async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let began = std::time::Instant::now();
    let done = work.await;
    eprintln!("{what}: {:.2} s", began.elapsed().as_secs_f64());
    done
}

/// Over the end of a plan's quota, an edge between bands and the end of a month: the report of
/// every send, the captures, the ledger and the bills of both months say the same.
async fn a_long_month_agrees_to_the_micro_unit(engine: Engine) {
    let (sends, chunk) = long_month();
    let world = World::with_users(engine, sends).await;
    let quota = u64::from(sends) * 3 / 10;
    let band = u64::from(sends) / 5 + 123;
    world
        .publish("long", 20_500_000, &[(band, 12_300_000)])
        .await;
    let books = billing::contract::price_books(&world.store, Currency::Krw)
        .await
        .unwrap();
    let version = books
        .iter()
        .find(|book| book.name() == "long")
        .unwrap()
        .version();
    let plan = Contract {
        effective_from: NOW,
        kind: ContractKind::Plan,
        book: "long".to_owned(),
        quota,
        monthly_fee: krw(50_000),
        ..Contract::standard(Currency::Krw)
    };
    world.agree(plan).await.unwrap();
    world.top_up(i64::from(sends) * 21, "bank-1").await;
    let price = Money::from_micro(20_500_000, Currency::Krw);
    let campaign = world
        .launch_at(price, version, u64::from(sends), sends)
        .await;
    let sql = format!("UPDATE campaign_tariff SET by_unit = 1, quota = {quota}");
    run(&world.raw, sql).await;
    let mut chunks: Vec<(u64, Vec<u32>)> = Vec::new();
    for range in FreezePlan::of(UserNumber(sends), chunk).ranges() {
        let numbers: Vec<u32> = (range.first.0..=range.last.0).collect();
        let of_range: Vec<Vec<u32>> = numbers
            .chunks(chunk as usize)
            .map(<[u32]>::to_vec)
            .collect();
        let (index, ends) = (range.index, (range.first.0, range.last.0));
        world.freeze(campaign, index, ends, &of_range, &[]).await;
        let number = |place| chunk_number(index, place as u32);
        chunks.extend(
            of_range
                .into_iter()
                .enumerate()
                .map(|(place, users)| (number(place), users)),
        );
    }
    let before = chunks.len() * 7 / 10;
    for (place, (number, users)) in chunks.iter().enumerate() {
        let at = match place < before {
            true => edge() - Duration::from_millis((chunks.len() - place) as u64),
            false => edge() + Duration::from_millis(place as u64),
        };
        world.claim(campaign, *number, 0).await;
        let outcomes = vec![Outcome::Accepted; users.len()];
        world.settle_at(campaign, (*number, 0), &outcomes, at).await;
    }
    let december = november().next();
    let months = timed("rolled up", world.roll_up_as_the_scheduler()).await;
    assert_eq!(months, [november(), december]);
    world.close(campaign).await;
    let seoul = domain::time::zone("Asia/Seoul").unwrap();
    let later = december.next().begins(&seoul) + month::SETTLED_BY;
    let first = timed(
        "checked and closed November",
        close(&world, november(), in_sight()),
    )
    .await;
    let second = timed(
        "checked and closed December",
        close(&world, december, later),
    )
    .await;
    let (first, second) = (first.unwrap(), second.unwrap());
    // Every send by its own price, as a script that knows none of this adds them up.
    let sums = timed(
        "reported and added up",
        crate::report::resummed(&world, campaign),
    )
    .await;
    let bill = billing::bill(&world.store, world.business, campaign)
        .await
        .unwrap();
    let both = first.captured.checked_add(second.captured).unwrap();
    assert_eq!(
        (sums["billed_micro"].as_i64(), both),
        (Some(bill.captured.micro()), bill.captured)
    );
    assert_eq!(first.units + second.units, u64::from(sends));
    // What the edges come to, worked out by itself: bands begin anew with each month.
    let november_sends = (before as u64) * u64::from(chunk);
    let paid = [november_sends - quota, u64::from(sends) - november_sends];
    let expected = paid.map(|units| {
        let dear = units.min(band);
        dear as i64 * 20_500_000 + (units - dear) as i64 * 12_300_000
    });
    assert_eq!([first.captured.micro(), second.captured.micro()], expected);
    let due = [first.amounts.due, second.amounts.due].map(|due| due.micro() % 1_000_000);
    eprintln!(
        "{sends} sends: November {} of {}, December {} of {}, due {:?}",
        first.captured, first.units, second.captured, second.units, due
    );
    timed("reconciled fully", assert_all_closes(&world)).await;
}
