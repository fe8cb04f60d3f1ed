//! A database with a business, an account, friends and a campaign in it, and the short words that
//! cases are told in.

use std::time::Duration;

use domain::audience::{Audience, Expression};
use domain::campaign::{CampaignEvent, CampaignState, Purpose};
use domain::chunk::{ChunkId, ChunkState};
use domain::codec::{self, PackedKeys};
use domain::contract::Billable;
use domain::freeze::{ChunkGroup, FreezeRange, chunk_number};
use domain::friend::{ConsentFact, ConsentSource, FriendState, StateFact};
use domain::handle::Handle;
use domain::id::{AccountId, BusinessId, CampaignId, IdSource, WorkerId};
use domain::money::Currency;
use domain::outcome::{Outcome, OutcomeCounts};
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::{UserKey, UserNumber};
use store::campaign::{CampaignDraft, CampaignTariff, Launch};
use store::chunk::DueChunk;
use store::directory::{Account, Business};
use store::friend::record::FriendChange;
use store::friend::{Friend, Reach, Standing};
use store::hot::{
    Change, ClaimTerms, Claimed, FreezeCommit, FrozenChunk, NextRoundRows, Record, RolledUp,
};
use store::report::{RecordPage, RecordedChunk};
use store::{Store, StoreError, Write};

use super::{Raw, Subject};
use crate::SeededIds;

pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
pub const LEASE: Duration = Duration::from_secs(15);
/// How long after its first use a key may be used again here.
pub const KEY_USABLE: Duration = Duration::from_secs(600);
pub const MESSAGE: [u8; 32] = [7; 32];
pub const CONTENT: [u8; 32] = [8; 32];
/// The first worker that claims; a second one has another id.
pub const WORKER: WorkerId = WorkerId::from_bytes([1; 16]);
/// What a send of the campaign costs, in micro-units.
pub const UNIT_PRICE: i64 = 15_000_000;

pub struct World {
    pub store: Store,
    pub raw: Box<dyn Raw>,
    pub ids: SeededIds,
    pub business: BusinessId,
    pub account: AccountId,
}

/// One friend to be written.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: UserKey,
    pub state: FriendState,
    pub promotion: bool,
    pub night: bool,
    pub utc_offset_minutes: i16,
    pub language: Option<&'static str>,
    pub tags: Vec<&'static str>,
}

impl Person {
    /// Active, with consent, with a key of the 16-byte form.
    pub fn of(number: u32) -> Self {
        Self {
            key: key_of(number),
            state: FriendState::Active,
            promotion: true,
            night: false,
            utc_offset_minutes: 540,
            language: None,
            tags: Vec::new(),
        }
    }
}

pub fn key_of(number: u32) -> UserKey {
    UserKey::from_packed(u128::from(number).to_be_bytes())
}

impl World {
    pub async fn of(Subject { store, raw }: Subject) -> Self {
        let ids = SeededIds::of(11);
        let (business, account) = add_business(&store, &ids, "first").await;
        Self {
            store,
            raw,
            ids,
            business,
            account,
        }
    }

    pub fn ids(&self) -> &dyn IdSource {
        &self.ids
    }

    pub async fn add_business(&self, name: &str) -> (BusinessId, AccountId) {
        add_business(&self.store, &self.ids, name).await
    }

    /// Writes these people as friends of the first account, in one commit; their numbers.
    pub async fn befriend(&self, people: &[Person]) -> Vec<UserNumber> {
        self.befriend_of(self.account, people).await
    }

    pub async fn befriend_of(&self, account: AccountId, people: &[Person]) -> Vec<UserNumber> {
        let mut write = self.store.write().await.unwrap();
        let keys: Vec<&UserKey> = people.iter().map(|person| &person.key).collect();
        let mut numbers = Vec::with_capacity(people.len());
        for key in keys {
            let numbered = write.number_users(self.ids(), &[key]).await.unwrap();
            numbers.push(numbered[key].number);
        }
        let before = write.standings(account, &numbers).await.unwrap();
        let changes: Vec<FriendChange> = people
            .iter()
            .zip(&numbers)
            .map(|(person, number)| FriendChange {
                number: *number,
                key: person.key.clone(),
                before: before[number].clone(),
                after: standing(person),
                consents: Vec::new(),
                tags: Some(person.tags.iter().map(ToString::to_string).collect()),
            })
            .collect();
        write.record_friends(account, &changes, NOW).await.unwrap();
        write.commit().await.unwrap();
        numbers
    }

    /// A campaign of the first account in LAUNCHING, with `granted` units.
    pub async fn launch(&self, granted: u64) -> CampaignId {
        self.launch_of(self.business, self.account, granted).await
    }

    pub async fn launch_of(
        &self,
        business: BusinessId,
        account: AccountId,
        granted: u64,
    ) -> CampaignId {
        let id = self.ids().next();
        let mut write = self.store.write().await.unwrap();
        write
            .insert_campaign(&draft(id, business, account))
            .await
            .unwrap();
        for event in [CampaignEvent::Approve, CampaignEvent::Launch] {
            let campaign = write.campaign(id).await.unwrap();
            write.move_campaign(&campaign, event).await.unwrap();
        }
        let launch = self.launch_values(&mut write).await;
        let tariff = CampaignTariff {
            tariff: launch.tariff,
            unit_price_micro: UNIT_PRICE,
            counted: granted,
            granted,
            frozen: 0,
            quota: 0,
            is_by_unit: false,
        };
        write.insert_message(MESSAGE, "{}").await.unwrap();
        write.set_launch(id, &launch, &tariff).await.unwrap();
        write.commit().await.unwrap();
        id
    }

    async fn launch_values(&self, write: &mut Write) -> Launch {
        let sequence = write.sequence().await.unwrap();
        Launch {
            month: LaunchMonth::of(NOW),
            launched_at: NOW,
            price_version: 1,
            tariff: 1,
            message_hash: Some(MESSAGE),
            cut_sequence: sequence,
            reach_mark: sequence,
            highest_number: UserNumber(1_000_000),
            chunk_size: 1_000,
            not_after: NOW + Duration::from_secs(3_600),
            billable: Billable::Accepted,
        }
    }

    pub async fn move_campaign(&self, id: CampaignId, event: CampaignEvent) -> CampaignState {
        let mut write = self.store.write().await.unwrap();
        let campaign = write.campaign(id).await.unwrap();
        let state = write.move_campaign(&campaign, event).await.unwrap();
        write.commit().await.unwrap();
        state
    }

    /// One freeze commit of a range with these chunks; numbers follow each other from the range's
    /// first on.
    pub async fn range_of(&self, campaign: CampaignId, index: u32, sizes: &[u32]) -> FreezeCommit {
        let launch = self.store.campaign(campaign).await.unwrap().launch.unwrap();
        let range = FreezeRange {
            index,
            first: UserNumber(1 + index * 10_000),
            last: UserNumber((1 + index) * 10_000),
        };
        let mut next = range.first.0;
        let mut chunks = Vec::with_capacity(sizes.len());
        for (position, size) in sizes.iter().enumerate() {
            let numbers: Vec<UserNumber> = (next..next + size).map(UserNumber).collect();
            next += size;
            chunks.push(chunk_of(chunk_number(index, position as u32), &numbers));
        }
        FreezeCommit {
            campaign,
            launch,
            range,
            chunks,
            exclusions: Vec::new(),
            frozen: sizes.iter().sum(),
            now: NOW,
        }
    }

    /// Commits the range, or rolls back and answers why not.
    pub async fn freeze(&self, commit: &FreezeCommit) -> Result<(), StoreError> {
        let mut write = self.store.write().await?;
        match self.store.hot().commit_freeze(&mut write, commit).await {
            Ok(()) => write.commit().await,
            Err(error) => {
                write.roll_back().await?;
                Err(error)
            }
        }
    }

    /// A RUNNING campaign with dispatched chunks of these sizes, in range 0.
    pub async fn running(&self, sizes: &[u32]) -> Vec<ChunkId> {
        let chunks = self.running_of(self.business, self.account, sizes).await;
        self.dispatch(&chunks, NOW).await;
        chunks
    }

    /// The same of any account, not dispatched yet.
    pub async fn running_of(
        &self,
        business: BusinessId,
        account: AccountId,
        sizes: &[u32],
    ) -> Vec<ChunkId> {
        let granted = sizes.iter().sum::<u32>().into();
        let campaign = self.launch_of(business, account, granted).await;
        let commit = self.range_of(campaign, 0, sizes).await;
        self.freeze(&commit).await.unwrap();
        self.move_campaign(campaign, CampaignEvent::FirstFreeze)
            .await;
        let month = commit.launch.month;
        let id = |chunk: &FrozenChunk| ChunkId {
            month,
            campaign,
            number: chunk.number,
            round: 0,
        };
        commit.chunks.iter().map(id).collect()
    }

    pub async fn dispatch(&self, chunks: &[ChunkId], now: Timestamp) -> usize {
        let Some(first) = chunks.first() else {
            return 0;
        };
        let due: Vec<DueChunk> = chunks
            .iter()
            .map(|id| DueChunk { id: *id, size: 1 })
            .collect();
        let mut write = self.store.write().await.unwrap();
        let marked = write
            .mark_dispatched(first.campaign, &due, now)
            .await
            .unwrap();
        write.commit().await.unwrap();
        marked.len()
    }

    pub async fn claim_at(&self, chunks: &[ChunkId], now: Timestamp) -> Vec<Claimed> {
        let mut write = self.store.write().await.unwrap();
        let hot = self.store.hot();
        let terms = ClaimTerms {
            worker: WORKER,
            now,
            lease: LEASE,
            retry_unknown_since: Some(now - KEY_USABLE),
            batch_max: 1_000,
        };
        let claimed = hot.claim(&mut write, chunks, &terms).await.unwrap();
        write.commit().await.unwrap();
        claimed
    }

    pub async fn claim(&self, chunks: &[ChunkId]) -> Vec<Claimed> {
        self.claim_at(chunks, NOW).await
    }

    /// A campaign with one chunk of `size`, claimed.
    pub async fn claimed(&self, size: u32) -> Claimed {
        let chunks = self.running(&[size]).await;
        self.claim(&chunks).await.remove(0)
    }

    pub async fn record(&self, claimed: &Claimed, change: Change) -> bool {
        self.record_at(claimed, change, NOW).await
    }

    pub async fn record_at(&self, claimed: &Claimed, change: Change, now: Timestamp) -> bool {
        let mut write = self.store.write().await.unwrap();
        let applied = self
            .try_record(&mut write, claimed, change, now)
            .await
            .unwrap();
        write.commit().await.unwrap();
        applied
    }

    pub async fn try_record(
        &self,
        write: &mut Write,
        claimed: &Claimed,
        change: Change,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let record = Record {
            id: claimed.id,
            epoch: claimed.epoch,
            answer: "told",
            change,
        };
        let applied = self.store.hot().record(write, &[record], now).await?;
        Ok(applied == [true])
    }

    pub async fn roll_up(&self) -> Vec<RolledUp> {
        let mut write = self.store.write().await.unwrap();
        let rolled_up = self
            .store
            .hot()
            .roll_up(&mut write, self.ids())
            .await
            .unwrap();
        write.commit().await.unwrap();
        rolled_up
    }

    pub async fn amend(&self, chunk: ChunkId, position: u32, outcome: Outcome) -> bool {
        let event = format!("{chunk}:{position}:{}", outcome.code());
        let mut write = self.store.write().await.unwrap();
        let first = write
            .insert_amendment(&event, chunk, position, outcome, "told", NOW)
            .await
            .unwrap();
        write.commit().await.unwrap();
        first
    }

    /// Everything recorded of a campaign.
    pub async fn page(&self, campaign: CampaignId) -> RecordPage {
        let snapshot = self.store.snapshot().await.unwrap();
        let month = LaunchMonth::of(NOW);
        let page = snapshot.record_page(month, campaign, Currency::Krw, None, 1_000);
        let page = page.await.unwrap();
        snapshot.end().await.unwrap();
        page
    }

    pub async fn chunk(&self, id: ChunkId) -> RecordedChunk {
        let page = self.page(id.campaign).await;
        let mut found = page.chunks.into_iter().filter(|chunk| chunk.id == id);
        found.next().unwrap_or_else(|| panic!("{id} is not there"))
    }

    pub async fn state(&self, id: ChunkId) -> ChunkState {
        self.chunk(id).await.known_state().unwrap()
    }

    /// A column of the only chunk that `condition` leaves.
    pub async fn column(&self, column: &str, condition: &str) -> i64 {
        let sql = format!("SELECT {column} FROM chunk WHERE {condition}");
        self.raw.number(&sql).await
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.raw
            .number(&format!("SELECT COUNT(*) FROM {table}"))
            .await
    }
}

async fn add_business(store: &Store, ids: &SeededIds, name: &str) -> (BusinessId, AccountId) {
    let ids: &dyn IdSource = ids;
    let (business, account) = (ids.next(), ids.next());
    let mut write = store.write().await.unwrap();
    let row = Business {
        id: business,
        name: name.to_owned(),
        currency: Currency::Krw,
        stopped_at: None,
        created_at: NOW,
    };
    write.insert_business(&row).await.unwrap();
    let row = Account {
        id: account,
        business,
        handle: Handle::parse(&format!("@{name}")).unwrap(),
        display_name: name.to_owned(),
        icon_url: None,
        time_zone: "Asia/Seoul".to_owned(),
        rate_per_second: None,
        stopped_at: None,
        created_at: NOW,
    };
    write.insert_account(&row).await.unwrap();
    write.commit().await.unwrap();
    (business, account)
}

fn draft(id: CampaignId, business: BusinessId, account: AccountId) -> CampaignDraft {
    CampaignDraft {
        id,
        business,
        account,
        name: "a case".to_owned(),
        purpose: Purpose::Promotion,
        messages: "[]".to_owned(),
        audience: Audience {
            expression: Expression::All,
            limit: None,
        }
        .to_json(),
        schedule: "{}".to_owned(),
        scheduled_for: None,
        rate_per_second: None,
        if_short: Default::default(),
        lifetime_seconds: 3_600,
        created_at: NOW,
    }
}

fn standing(person: &Person) -> Standing {
    let consent = |granted: bool| {
        granted.then(|| ConsentFact {
            granted,
            at: NOW,
            wording: Some("v1".to_owned()),
            source: ConsentSource::Import,
        })
    };
    let friend = Friend {
        state: StateFact {
            state: person.state,
            at: NOW,
        },
        since: NOW,
        source: "case".to_owned(),
        display_name: String::new(),
        language: person.language.map(ToOwned::to_owned),
        country: None,
        region: None,
        gender: None,
        birth_year: None,
        time_zone: None,
        profile_at: NOW,
    };
    let mut standing = Standing {
        friend: Some(friend),
        promotion: consent(person.promotion),
        night: consent(person.night),
        reach: None,
    };
    standing.reach = Some(Reach {
        flags: standing.flags(),
        utc_offset_minutes: person.utc_offset_minutes,
    });
    standing
}

/// A chunk of just these users, whose keys follow from their numbers.
pub fn chunk_of(number: u64, numbers: &[UserNumber]) -> FrozenChunk {
    let keys: Vec<UserKey> = numbers.iter().map(|number| key_of(number.0)).collect();
    FrozenChunk {
        number,
        size: numbers.len() as u32,
        group: ChunkGroup {
            night_consent: false,
            utc_offset_minutes: 540,
        },
        content_hash: CONTENT,
        first_number: numbers[0],
        last_number: numbers[numbers.len() - 1],
        numbers: codec::pack_numbers(numbers),
        keys: PackedKeys::of(&keys),
        variables: Some(names_of(numbers)),
    }
}

/// The variables of such a chunk.
pub fn names_of(numbers: &[UserNumber]) -> String {
    let names: Vec<String> = numbers.iter().map(|n| format!("\"{}\"", n.0)).collect();
    format!(r#"{{"name":[{}]}}"#, names.join(","))
}

/// The end of a chunk with these outcomes.
pub fn end(state: ChunkState, outcomes: &[Outcome]) -> Change {
    Change::End {
        state,
        outcomes: codec::pack_outcomes(outcomes),
        counts: OutcomeCounts::of(outcomes.iter().copied()),
        detour: None,
        next_round: None,
        undecided_keys: Vec::new(),
    }
}

/// The settle of a chunk with these outcomes.
pub fn settle(outcomes: &[Outcome]) -> Change {
    end(ChunkState::Settled, outcomes)
}

/// A settle whose last `moved` recipients of a chunk in range 0 go on in a next round.
pub fn settle_moving(accepted: u32, moved: u32) -> Change {
    let outcomes = [
        vec![Outcome::Accepted; accepted as usize],
        vec![Outcome::Moved; moved as usize],
    ]
    .concat();
    let numbers: Vec<UserNumber> = (1 + accepted..=accepted + moved).map(UserNumber).collect();
    let chunk = chunk_of(0, &numbers);
    let Change::End {
        state,
        outcomes,
        counts,
        detour,
        undecided_keys,
        ..
    } = settle(&outcomes)
    else {
        unreachable!("a settle is an end");
    };
    Change::End {
        state,
        outcomes,
        counts,
        detour,
        undecided_keys,
        next_round: Some(Box::new(NextRoundRows {
            size: chunk.size,
            retry_rounds: 1,
            due_at: NOW + Duration::from_secs(1),
            content_hash: [9; 32],
            first_number: chunk.first_number,
            last_number: chunk.last_number,
            numbers: chunk.numbers,
            keys: chunk.keys,
            variables: chunk.variables,
        })),
    }
}

pub fn unknown(detour: &'static str, close_next: bool) -> Change {
    Change::Unknown {
        due_at: NOW,
        detour,
        close_next,
    }
}

pub fn returned(due_at: Timestamp) -> Change {
    Change::Return {
        due_at,
        detour: "throttled",
    }
}

pub const QUARANTINE: Change = Change::Quarantine {
    detour: "content_mismatch",
};

/// For exclusions: a rule that friends leave by.
pub const RULE: RuleId = RuleId::Refused;
