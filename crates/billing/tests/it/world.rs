//! A database with one business and campaigns that were sent by hand, row by row: what scheduler,
//! worker and messenger would have left there.

use std::time::Duration;

use billing::BillingError;
use domain::band::{Band, Bands};
use domain::budget::BudgetOf;
use domain::chunk::ChunkState;
use domain::contract::Contract;
use domain::id::{BusinessId, CampaignId, Id, IdSource, LedgerTransactionId, UserId};
use domain::money::{Currency, Money};
use domain::outcome::{Outcome, OutcomeCounts, RejectionCode};
use domain::price::PriceBook;
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use roaring::RoaringBitmap;
use store::Store;
use store::wallet::EarnedAs;
use testkit::SeededIds;
use testkit::database::{Engine, Raw, TestDatabase};

pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Users of one statement that makes them.
const USERS_PER_STATEMENT: usize = 500;

pub struct World {
    pub store: Store,
    pub ids: SeededIds,
    pub business: BusinessId,
    pub raw: Raw,
    pub database: TestDatabase,
}

pub fn krw(units: i64) -> Money {
    Money::whole(units, Currency::Krw)
}

pub async fn run(raw: &Raw, sql: impl Into<String>) -> u64 {
    raw.run(sql).await
}

pub fn blob(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("unhex('{digits}')")
}

fn id<K>(id: Id<K>) -> String {
    blob(id.as_bytes())
}

pub fn bitmap(numbers: &[u32]) -> String {
    let mut bytes = Vec::new();
    let bitmap: RoaringBitmap = numbers.iter().copied().collect();
    bitmap.serialize_into(&mut bytes).unwrap();
    blob(&bytes)
}

pub fn user_id(number: u32) -> UserId {
    UserId::from_bytes(u128::from(number).to_be_bytes())
}

impl World {
    pub async fn with_users(engine: Engine, users: u32) -> Self {
        let (store, database) = testkit::database::open(engine).await;
        store.ensure_partitions(NOW).await.unwrap();
        let ids = SeededIds::of(7);
        let business = (&ids as &dyn IdSource).next();
        let world = Self {
            store,
            ids,
            business,
            raw: database.raw().await,
            database,
        };
        world.add_business(business, "KRW").await;
        let numbers: Vec<u32> = (1..=users).collect();
        for some in numbers.chunks(USERS_PER_STATEMENT) {
            let rows = some.iter().map(|number| {
                let id = id(user_id(*number));
                format!("({number}, {id}, 'u{number}')")
            });
            let rows: Vec<String> = rows.collect();
            let head = r#"INSERT INTO "user" (number, id, user_key) VALUES"#;
            run(&world.raw, format!("{head} {}", rows.join(", "))).await;
        }
        world
    }

    /// The database, which nobody is connected to any more.
    pub async fn put_away(self) -> TestDatabase {
        self.store.close().await.unwrap();
        self.raw.close().await;
        self.database
    }

    pub fn fresh<K>(&self) -> Id<K> {
        (&self.ids as &dyn IdSource).next()
    }

    /// A roll-up that comes by now, under its running number.
    pub fn earned_as(&self, sequence: u64) -> EarnedAs {
        EarnedAs {
            transaction: self.fresh(),
            sequence,
            month: LaunchMonth::of(NOW),
        }
    }

    /// A business whose account has its id.
    pub async fn add_business(&self, business: BusinessId, currency: &str) {
        let b = id(business);
        run(
            &self.raw,
            format!(
                "INSERT INTO business (id, name, currency, created_at)
                 VALUES ({b}, 'Cafe', '{currency}', 0);
                 INSERT INTO account (id, business, handle, display_name, time_zone, created_at)
                 VALUES ({b}, {b}, '@{business}', 'Cafe', 'Asia/Seoul', 0)"
            ),
        )
        .await;
    }

    pub async fn top_up(&self, units: i64, reference: &str) -> LedgerTransactionId {
        let amount = krw(units);
        billing::top_up(
            &self.store,
            self.business,
            amount,
            reference,
            NOW,
            &self.ids,
        )
        .await
        .unwrap()
    }

    /// A version of a book from now on: one price for every tariff, and its later bands.
    pub async fn publish(&self, name: &str, micro: i64, later: &[(u64, i64)]) {
        let price = |micro| Money::from_micro(micro, Currency::Krw);
        let mut bands = vec![Band {
            after: 0,
            unit_price: price(micro),
        }];
        bands.extend(later.iter().map(|(after, micro)| Band {
            after: *after,
            unit_price: price(*micro),
        }));
        let bands = Bands::of(bands).unwrap();
        let prices = [bands.clone(), bands.clone(), bands.clone(), bands];
        let book = |version| {
            let book = PriceBook::of_bands(version, name, Currency::Krw, NOW, prices);
            Ok(book?)
        };
        billing::contract::publish(&self.store, book, NOW)
            .await
            .unwrap();
    }

    pub async fn agree(&self, contract: Contract) -> Result<Contract, BillingError> {
        billing::contract::agree(&self.store, self.business, contract, NOW).await
    }

    /// From now on, whatever commits a wallet past its funds is noted in `violation`.
    pub async fn watch_wallets(&self) {
        let condition = "NEW.available - NEW.owed < -NEW.credit_limit OR NEW.held < 0";
        let sql = match self.database.engine() {
            Engine::Postgres => format!(
                "CREATE TABLE violation (available BIGINT);
                 CREATE FUNCTION note_violation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF {condition} THEN INSERT INTO violation VALUES (NEW.available); END IF;
                   RETURN NULL; END $$;
                 CREATE CONSTRAINT TRIGGER watch AFTER UPDATE ON wallet
                   DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_violation()"
            ),
            Engine::Sqlite => format!(
                "CREATE TABLE violation (available INTEGER);
                 CREATE TRIGGER watch AFTER UPDATE ON wallet WHEN {condition} BEGIN
                   INSERT INTO violation VALUES (NEW.available); END"
            ),
        };
        run(&self.raw, sql).await;
    }

    pub async fn add_campaign(&self, business: BusinessId) -> CampaignId {
        let campaign = self.fresh();
        let (c, b) = (id(campaign), id(business));
        run(
            &self.raw,
            format!(
                "INSERT INTO campaign (id, business, account, kind, name, purpose, state, messages,
                   message_version, audience, schedule, lifetime_seconds, created_at)
                 VALUES ({c}, {b}, {b}, 1, '=Sale', 1, 3, '[]', 1, '{{}}', '{{}}', 86400, 0)"
            ),
        )
        .await;
        campaign
    }

    pub async fn hold(
        &self,
        campaign: CampaignId,
        amount: Money,
    ) -> Result<(), billing::BillingError> {
        let mut write = self.store.write().await?;
        billing::hold(&mut write, self.business, campaign, amount, NOW, &self.ids).await?;
        Ok(write.commit().await?)
    }

    /// Launched, untargeted at 15 KRW, `counted` held.
    pub async fn launch(&self, counted: u64, highest: u32) -> CampaignId {
        self.launch_at(krw(15), 1, counted, highest).await
    }

    /// Launched, untargeted, at a price of a version, `counted` held.
    pub async fn launch_at(
        &self,
        unit_price: Money,
        version: u32,
        counted: u64,
        highest: u32,
    ) -> CampaignId {
        let campaign = self.add_campaign(self.business).await;
        let amount = unit_price.times(counted).unwrap();
        self.hold(campaign, amount).await.unwrap();
        let micro = unit_price.micro();
        let (c, month) = (id(campaign), LaunchMonth::of(NOW).number());
        let now = NOW.as_millis();
        run(
            &self.raw,
            format!(
                "UPDATE campaign SET state = 8, month = {month}, launched_at = {now},
                   price_version = {version}, tariff = 1, highest_number = {highest},
                   chunk_size = 1000
                 WHERE id = {c};
                 INSERT INTO campaign_tariff (campaign, tariff, unit_price, counted, granted)
                 VALUES ({c}, 1, {micro}, {counted}, {counted})"
            ),
        )
        .await;
        campaign
    }

    /// One freeze commit.
    pub async fn freeze(
        &self,
        campaign: CampaignId,
        range: u32,
        numbers: (u32, u32),
        chunks: &[Vec<u32>],
        excluded: &[(RuleId, Vec<u32>)],
    ) {
        let c = id(campaign);
        for (index, chunk) in chunks.iter().enumerate() {
            let number = u64::from(range) * 65_536 + index as u64;
            self.insert_chunk(campaign, number, 0, chunk).await;
        }
        for (rule, numbers) in excluded {
            let (rule, count, bitmap) = (rule.code(), numbers.len(), bitmap(numbers));
            run(
                &self.raw,
                format!(
                    "INSERT INTO exclusion (campaign, range, rule, rule_version, count, bitmap)
                     VALUES ({c}, {range}, {rule}, 1, {count}, {bitmap})"
                ),
            )
            .await;
        }
        let frozen: usize = chunks.iter().map(Vec::len).sum();
        let left_out: usize = excluded.iter().map(|(_, numbers)| numbers.len()).sum();
        let (first, last) = numbers;
        let (count, now) = (chunks.len(), NOW.as_millis());
        run(
            &self.raw,
            format!(
                "INSERT INTO freeze_range (campaign, range, first_number, last_number, frozen,
                   excluded, chunks, done_at)
                 VALUES ({c}, {range}, {first}, {last}, {frozen}, {left_out}, {count}, {now});
                 UPDATE campaign_tariff SET frozen = frozen + {frozen} WHERE campaign = {c}"
            ),
        )
        .await;
    }

    async fn insert_chunk(&self, campaign: CampaignId, number: u64, round: u8, numbers: &[u32]) {
        let (c, month) = (id(campaign), LaunchMonth::of(NOW).number());
        let packed = self.database.engine().numbers(numbers);
        let (size, first, last) = (numbers.len(), numbers[0], numbers[numbers.len() - 1]);
        let hash = blob(&[0xab; 32]);
        run(
            &self.raw,
            format!(
                "INSERT INTO chunk (month, campaign, number, round, state, size, tariff, message,
                   content_hash, night_consent, utc_offset_minutes, first_number, last_number,
                   due_at, numbers)
                 VALUES ({month}, {c}, {number}, {round}, 1, {size}, 1, {hash}, {hash}, 0, 540,
                   {first}, {last}, 0, {packed})"
            ),
        )
        .await;
    }

    pub async fn sequence(&self) -> i64 {
        run(&self.raw, "UPDATE writer_sequence SET value = value + 1").await;
        self.raw.number("SELECT value FROM writer_sequence").await
    }

    pub async fn claim(&self, campaign: CampaignId, number: u64, round: u8) {
        let (c, worker) = (id(campaign), blob(&[0]));
        run(
            &self.raw,
            format!(
                "UPDATE chunk SET state = 2, epoch = epoch + 1
                 WHERE campaign = {c} AND number = {number} AND round = {round};
                 INSERT INTO attempt (month, campaign, number, round, epoch, worker, began_at)
                 SELECT month, campaign, number, round, epoch, {worker}, 0 FROM chunk
                 WHERE campaign = {c} AND number = {number} AND round = {round}"
            ),
        )
        .await;
    }

    /// The messenger answered: the chunk settles, whoever moved is in its next round.
    pub async fn settle(&self, campaign: CampaignId, number: u64, round: u8, outcomes: &[Outcome]) {
        let soon = NOW + Duration::from_secs(1);
        self.settle_at(campaign, (number, round), outcomes, soon)
            .await;
    }

    /// The same at a moment.
    pub async fn settle_at(
        &self,
        campaign: CampaignId,
        (number, round): (u64, u8),
        outcomes: &[Outcome],
        at: Timestamp,
    ) {
        let c = id(campaign);
        let sequence = self.sequence().await;
        let counts = OutcomeCounts::of(outcomes.iter().copied());
        let OutcomeCounts {
            accepted,
            failed,
            excluded,
            uncertain,
            cancelled,
            moved,
        } = counts;
        let packed = self.database.engine().outcomes(outcomes);
        let now = at.as_millis();
        run(
            &self.raw,
            format!(
                "UPDATE chunk SET state = 10, outcomes = {packed}, accepted = {accepted},
                   failed = {failed}, excluded = {excluded}, uncertain = {uncertain},
                   cancelled = {cancelled}, moved = {moved}, settled_at = {now},
                   sequence = {sequence}
                 WHERE campaign = {c} AND number = {number} AND round = {round}"
            ),
        )
        .await;
        let next: Vec<u32> = self
            .numbers(campaign, number, round)
            .await
            .into_iter()
            .zip(outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Moved)
            .map(|(number, _)| number)
            .collect();
        if !next.is_empty() {
            self.insert_chunk(campaign, number, round + 1, &next).await;
        }
    }

    async fn numbers(&self, campaign: CampaignId, number: u64, round: u8) -> Vec<u32> {
        let snapshot = self.store.snapshot().await.unwrap();
        let month = LaunchMonth::of(NOW);
        let after = number.checked_sub(1);
        let page = snapshot.record_page(month, campaign, Currency::Krw, after, 1);
        let page = page.await.unwrap();
        snapshot.end().await.unwrap();
        let mut chunks = page.chunks.iter();
        let chunk = chunks.find(|chunk| chunk.id.round == round).unwrap();
        let numbers = chunk.numbers().unwrap();
        numbers.into_iter().map(|number| number.0).collect()
    }

    /// READY chunks end unsent, in one statement and without outcomes.
    pub async fn end_ready(&self, campaign: CampaignId, state: ChunkState) {
        let (c, sequence, now) = (id(campaign), self.sequence().await, NOW.as_millis());
        let code = state.code();
        run(
            &self.raw,
            format!(
                "UPDATE chunk SET state = {code}, cancelled = size, settled_at = {now},
                   sequence = {sequence} WHERE campaign = {c} AND state = 1"
            ),
        )
        .await;
    }

    pub async fn amend(&self, campaign: CampaignId, number: u64, position: u32, outcome: Outcome) {
        let (c, sequence, month) = (
            id(campaign),
            self.sequence().await,
            LaunchMonth::of(NOW).number(),
        );
        let (code, at) = (outcome.code(), NOW.as_millis() + 60_000);
        run(
            &self.raw,
            format!(
                "INSERT INTO amendment (event_id, month, campaign, number, round, position, outcome,
                   reason, at, sequence)
                 VALUES ('{campaign}/{number}/{position}', {month}, {c}, {number}, 0, {position},
                   {code}, '=event', {at}, {sequence})"
            ),
        )
        .await;
    }

    /// Captures everything that settled, as one transaction.
    pub async fn roll_up(&self) {
        let transaction: LedgerTransactionId = self.fresh();
        let t = id(transaction);
        run(
            &self.raw,
            format!(
                "INSERT INTO capture (month, campaign, number, round, part, ledger_transaction,
                   units, unit_price, amount, bill_month)
                 SELECT month, campaign, number, round, 0, {t}, accepted, 15000000,
                   accepted * 15000000, month
                 FROM chunk WHERE state = 10 ON CONFLICT DO NOTHING;
                 INSERT INTO capture (month, campaign, number, round, part, ledger_transaction,
                   units, unit_price, amount, bill_month)
                 SELECT month, campaign, number, round, position + 1, {t}, 1, 15000000, 15000000,
                   month
                 FROM amendment WHERE outcome = 2 ON CONFLICT DO NOTHING"
            ),
        )
        .await;
        let sql = format!(
            "SELECT DISTINCT campaign FROM capture WHERE ledger_transaction = {t} ORDER BY campaign"
        );
        let mut amounts: Vec<(CampaignId, Money)> = Vec::new();
        for bytes in self.raw.bytes(&sql).await {
            let campaign = CampaignId::from_slice(&bytes).unwrap();
            let sql = format!(
                "SELECT SUM(amount) FROM capture WHERE ledger_transaction = {t} AND campaign = {}",
                id(campaign)
            );
            let micro = self.raw.number(&sql).await;
            amounts.push((campaign, Money::from_micro(micro, Currency::Krw)));
        }
        let mut write = self.store.write().await.unwrap();
        let sequence = write.sequence().await.unwrap();
        billing::capture(
            &mut write,
            self.business,
            EarnedAs {
                transaction,
                sequence: sequence as u64,
                month: LaunchMonth::of(NOW),
            },
            &amounts,
            NOW,
            &self.ids,
        )
        .await
        .unwrap();
        write.commit().await.unwrap();
        run(&self.raw, format!("UPDATE roll_up SET mark = {sequence}")).await;
    }

    /// Captures what settled as the scheduler does, each month's part by itself; those months.
    pub async fn roll_up_as_the_scheduler(&self) -> Vec<LaunchMonth> {
        // Settles are numbered by hand here, not by transactions as on PostgreSQL.
        run(&self.raw, "UPDATE roll_up SET mark = 0").await;
        let mut write = self.store.write().await.unwrap();
        let rolled_up = self.store.hot().roll_up(&mut write, &self.ids).await;
        let sequence = write.sequence().await.unwrap() as u64;
        let mut months = Vec::new();
        for part in rolled_up.unwrap() {
            let won = |(campaign, micro): &(CampaignId, i64)| {
                (*campaign, Money::from_micro(*micro, Currency::Krw))
            };
            let amounts: Vec<(CampaignId, Money)> = part.campaigns.iter().map(won).collect();
            let earned_as = EarnedAs {
                transaction: part.transaction,
                sequence,
                month: part.month,
            };
            let business = part.business;
            billing::capture(&mut write, business, earned_as, &amounts, NOW, &self.ids)
                .await
                .unwrap();
            months.push(part.month);
        }
        write.commit().await.unwrap();
        months
    }

    pub async fn set_state(&self, campaign: CampaignId, state: u8) {
        let (c, now) = (id(campaign), NOW.as_millis());
        let closed = if state == 12 {
            now.to_string()
        } else {
            "NULL".into()
        };
        run(
            &self.raw,
            format!(
                "UPDATE campaign SET state = {state}, closed_at = {closed},
                   freeze_ended_at = COALESCE(freeze_ended_at, {now}) WHERE id = {c}"
            ),
        )
        .await;
    }

    pub async fn close(&self, campaign: CampaignId) {
        let mut write = self.store.write().await.unwrap();
        let reason = billing::ReleaseReason::Closed;
        billing::release_rest(&mut write, campaign, reason, NOW, &self.ids)
            .await
            .unwrap();
        write.commit().await.unwrap();
        self.set_state(campaign, 12).await;
    }
}

/// How many steps [`Story::step`] has.
pub const STEPS: u32 = 10;
/// After this one the campaign runs, half of it settled and captured.
pub const MIDWAY: u32 = 5;

/// A broadcast to 40 friends: 24 frozen in four chunks, 16 left out; every kind of outcome.
pub struct Story {
    pub world: World,
    pub campaign: CampaignId,
}

impl Story {
    pub async fn begin(engine: Engine) -> Self {
        let world = World::with_users(engine, 10_020).await;
        world.top_up(1_000, "bank-1").await;
        let month = BudgetOf::Month(world.business);
        billing::budget::set(&world.store, world.business, month, Some(krw(900)), NOW)
            .await
            .unwrap();
        let campaign = world.launch(24, 10_020).await;
        Self { world, campaign }
    }

    /// The story up to and with a step.
    pub async fn until(engine: Engine, step: u32) -> Self {
        let story = Self::begin(engine).await;
        for step in 0..=step {
            story.step(step).await;
        }
        story
    }

    /// Closes the month of a closed campaign.
    pub async fn close_month(&self) {
        let World {
            store,
            business,
            ids,
            ..
        } = &self.world;
        let month = LaunchMonth::of(NOW);
        let over = NOW + Duration::from_secs(14 * 86_400);
        billing::month::close(store, *business, month, over, ids)
            .await
            .unwrap();
    }

    pub async fn step(&self, step: u32) {
        use Outcome::{Accepted, Confirmed, Excluded, Failed, Moved, Uncertain, WrittenOff};
        let Self { world, campaign } = self;
        let c = *campaign;
        const SECOND: u64 = 65_536;
        match step {
            0 => {
                let chunks = [(1..=8).collect(), vec![9, 11, 13, 14, 15, 16]];
                let excluded = [
                    (RuleId::NoConsent, vec![10, 12, 17]),
                    (RuleId::Blocked, vec![18, 19, 20]),
                ];
                world.freeze(c, 0, (1, 10_000), &chunks, &excluded).await;
            }
            1 => {
                world.claim(c, 0, 0).await;
                world.settle(c, 0, 0, &[Accepted; 8]).await;
                let chunks = [(10_001..=10_008).collect(), vec![10_009, 10_010]];
                let excluded = [(RuleId::NoConsent, (10_011..=10_020).collect())];
                world
                    .freeze(c, 1, (10_001, 10_020), &chunks, &excluded)
                    .await;
                world.set_state(c, 8).await;
            }
            2 => {
                world.claim(c, 1, 0).await;
                world.claim(c, SECOND, 0).await;
            }
            3 => {
                let blocked = Failed(RejectionCode::Blocked);
                let left = Excluded(RuleId::Left);
                let outcomes = [Accepted, blocked, Moved, Moved, Accepted, left];
                world.settle(c, 1, 0, &outcomes).await;
            }
            4 => world.roll_up().await,
            5 => {
                world.claim(c, 1, 1).await;
                let failed = Failed(RejectionCode::Unavailable);
                world.settle(c, 1, 1, &[Accepted, failed]).await;
            }
            6 => {
                let mut outcomes = [Accepted; 8];
                outcomes[5..].fill(Uncertain);
                world.settle(c, SECOND, 0, &outcomes).await;
                world.amend(c, SECOND, 5, Confirmed).await;
                world.end_ready(c, ChunkState::Expired).await;
            }
            7 => {
                world.set_state(c, 11).await;
                world.roll_up().await;
            }
            8 => {
                let unknown = Failed(RejectionCode::UnknownUser);
                world.amend(c, SECOND, 6, unknown).await;
                world.amend(c, SECOND, 7, WrittenOff).await;
            }
            _ => world.close(c).await,
        }
    }
}
