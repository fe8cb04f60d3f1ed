//! The roofline: the hot functions alone, one loop after the other, on the run's own data.
//!
//! What each loop takes per send, on both sides of its connection, added up, is what the same work
//! costs without a scheduler, a worker and everything that keeps them honest; the cores divided by
//! it are the most that one machine could send. The claim loop works on a copy of the campaign
//! under another id.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use broker::{Availability, Broker, InProcessBroker, Lane, Message, RabbitMq, RabbitMqConfig};
use connector::{Connector, GatewayConfig, GatewayConnector, Push};
use domain::answer::PushAnswer;
use domain::audience::Expression;
use domain::capability::Capability;
use domain::chunk::{ChunkId, ChunkState};
use domain::codec;
use domain::freeze::FreezePlan;
use domain::id::{AccountId, CampaignId, IdSource, WorkerId};
use domain::outcome::{Outcome, OutcomeCounts};
use domain::push::PushKey;
use domain::time::Clock;
use futures_util::{StreamExt, stream};
use gateway::{FrozenBody, Secret, Secrets};
use store::campaign::{Campaign, Launch};
use store::chunk::Recipients;
use store::hot::{Change, ClaimTerms, Claimed, ReachQuery, Record};
use store::{Store, StoreConfig};
use tokio::time::timeout;

use crate::books::Books;
use crate::neighbour::{Neighbour, Neighbours};
use crate::place::{SECRET, TOKEN};
use crate::process::{Program, own_cpu};

/// As the worker claims and records.
const CLAIM_BATCH: usize = 16;
const RECORD_BATCH: usize = 20;
const IN_FLIGHT: usize = 32;
/// As the dispatcher publishes, at most.
const PUBLISH_BATCH: usize = 256;
const LEASE: Duration = Duration::from_secs(3_600);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A broker that is not reached by then, or does not deliver what it took, ends the run.
const BROKER_WITHIN: Duration = Duration::from_secs(60);

/// CPU time of each loop, over all sends, on both sides of its connection; `None` where a server's
/// side cannot be known.
#[derive(Debug, Clone, Copy)]
pub struct Roofline {
    pub sends: u64,
    pub read: Option<Duration>,
    pub claim_and_settle: Option<Duration>,
    pub push: Duration,
    pub publish: Option<Duration>,
}

/// What the loops work with.
pub struct Ground<'a> {
    pub messenger: &'a Program,
    pub database: &'a StoreConfig,
    /// Its URL, and what the names of the run's queues begin with; `None`: the one in the process.
    pub broker: Option<(&'a str, &'a str)>,
    pub neighbours: Neighbours,
    pub campaign: CampaignId,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

impl Roofline {
    pub fn per_send(&self) -> Option<Duration> {
        let total = self.read? + self.claim_and_settle? + self.push + self.publish?;
        Some(total.div_f64(self.sends.max(1) as f64))
    }

    /// The most that `cores` could send in a second.
    pub fn sends_per_second(&self, cores: usize) -> Option<f64> {
        let per_send = self.per_send()?.as_secs_f64().max(f64::MIN_POSITIVE);
        Some(cores as f64 / per_send)
    }
}

/// CPU time since a moment: this process's, and that of the server it works with.
struct Stopwatch {
    server: Neighbour,
    own: Duration,
    of_server: Option<Duration>,
}

impl Stopwatch {
    fn start(server: Neighbour) -> anyhow::Result<Self> {
        // Its time first: to look for it takes some of ours.
        let of_server = server.cpu()?;
        Ok(Self {
            server,
            own: own_cpu()?,
            of_server,
        })
    }

    fn stop(self) -> anyhow::Result<Option<Duration>> {
        let own = own_cpu()?.saturating_sub(self.own);
        let both = |now: Duration| Some(own + now.saturating_sub(self.of_server?));
        Ok(self.server.cpu()?.and_then(both))
    }
}

impl Ground<'_> {
    /// Runs every loop once. The database's own books do not close afterwards.
    pub async fn measure(&self) -> anyhow::Result<Roofline> {
        let store = Store::open(self.database).await?;
        let campaign = store.campaign(self.campaign).await?;
        let launch = campaign.launch.context("the campaign was never launched")?;
        let watch = Stopwatch::start(self.neighbours.database)?;
        let sends = read_friends(&store, &campaign, &launch).await?;
        let read = watch.stop()?;

        let copy: CampaignId = self.ids.next();
        let books = Books::open(self.database).await?;
        let chunks = copy_campaign(&books, &launch, self.campaign, copy).await?;
        books.close().await;
        let watch = Stopwatch::start(self.neighbours.database)?;
        let claimed = self.claim_and_settle(&store, &chunks).await?;
        let claim_and_settle = watch.stop()?;

        let message = launch.message_hash.context("a broadcast has one message")?;
        let stored = store.message(message).await?;
        let body = FrozenBody::from_stored(&stored)?;
        let push = self.push_all(campaign.account, &body, &claimed).await?;
        store.close().await?;

        let broker = self.open_broker().await?;
        let watch = Stopwatch::start(self.neighbours.broker)?;
        let published = timeout(BROKER_WITHIN, publish_all(broker.as_ref(), &chunks)).await;
        published.context("the broker does not deliver what it took")??;
        let publish = watch.stop()?;
        Ok(Roofline {
            sends,
            read,
            claim_and_settle,
            push,
            publish,
        })
    }

    /// Ready to publish and to deliver.
    async fn open_broker(&self) -> anyhow::Result<Arc<dyn Broker>> {
        let Some((url, prefix)) = self.broker else {
            return Ok(Arc::<InProcessBroker>::default());
        };
        let broker = RabbitMq::open(RabbitMqConfig {
            prefix: prefix.to_owned(),
            name: "chingu bench".to_owned(),
            ..RabbitMqConfig::at(url)
        })?;
        let mut availability = broker.availability();
        let available = availability.wait_for(|is| *is == Availability::Available);
        let reached = timeout(BROKER_WITHIN, available).await;
        ensure!(matches!(reached, Ok(Ok(_))), "the broker is not reached");
        Ok(broker)
    }

    /// Claims, reads the recipients, settles everybody as accepted.
    async fn claim_and_settle(
        &self,
        store: &Store,
        chunks: &[ChunkId],
    ) -> anyhow::Result<Vec<(Claimed, Recipients)>> {
        let worker: WorkerId = self.ids.next();
        let mut done = Vec::with_capacity(chunks.len());
        let mut records: Vec<Record> = Vec::with_capacity(RECORD_BATCH + CLAIM_BATCH);
        for batch in chunks.chunks(CLAIM_BATCH) {
            let mut write = store.write_beside().await?;
            let terms = ClaimTerms {
                worker,
                now: self.clock.now(),
                lease: LEASE,
                retry_unknown_since: None,
                batch_max: 1_000,
            };
            let claimed = store.hot().claim(&mut write, batch, &terms).await?;
            write.commit().await?;
            let ids: Vec<ChunkId> = claimed.iter().map(|chunk| chunk.id).collect();
            let recipients = store.hot().recipients(store, &ids).await?;
            for (chunk, recipients) in claimed.into_iter().zip(recipients) {
                records.push(all_accepted(&chunk));
                done.push((chunk, recipients));
            }
            if records.len() >= RECORD_BATCH {
                self.settle(store, &mut records).await?;
            }
        }
        self.settle(store, &mut records).await?;
        if done.len() != chunks.len() {
            bail!("of {} chunks {} were claimed", chunks.len(), done.len());
        }
        Ok(done)
    }

    async fn settle(&self, store: &Store, records: &mut Vec<Record>) -> anyhow::Result<()> {
        let mut write = store.write_beside().await?;
        let now = self.clock.now();
        let applied = store.hot().record(&mut write, records, now).await?;
        write.commit().await?;
        if applied.contains(&false) {
            bail!("a chunk that nobody else has could not be settled");
        }
        records.clear();
        Ok(())
    }

    /// The same bodies against a messenger of its own; the time of both sides.
    async fn push_all(
        &self,
        account: AccountId,
        body: &FrozenBody,
        chunks: &[(Claimed, Recipients)],
    ) -> anyhow::Result<Duration> {
        let data = self.messenger.folder.join("roofline");
        let data = data.to_str().context("the folder's name is UTF-8")?;
        let arguments = ["sandbox", "--listen", "127.0.0.1:0", "--data", data];
        let messenger = self.messenger.serve("roofline", &arguments).await?;
        let connector = GatewayConnector::open(
            GatewayConfig {
                base_url: messenger.url.clone(),
                token: TOKEN.to_owned(),
                secrets: Secrets::of(Secret::parse(SECRET)?),
                root_certificates: None,
                traced: domain::trace::Share::NONE,
                capability: Capability::gateway(),
                request_timeout: REQUEST_TIMEOUT,
            },
            self.clock.clone(),
        )?;
        let deadline = self.clock.monotonic() + LEASE;
        let before = own_cpu()? + messenger.cpu()?;
        let pushes = stream::iter(chunks).map(|(chunk, recipients)| {
            let connector = &connector;
            async move {
                let push = Push {
                    key: PushKey::of(&chunk.id),
                    account,
                    content_hash: chunk.content_hash,
                    size: chunk.size,
                    frozen: body,
                    keys: &recipients.keys,
                    variables: recipients.variables.as_deref(),
                    not_after: None,
                    exclude: &[],
                    deadline,
                };
                connector.push(&push).await
            }
        });
        let mut pushes = pushes.buffer_unordered(IN_FLIGHT);
        while let Some(answer) = pushes.next().await {
            if !matches!(answer, PushAnswer::Processed(_)) {
                bail!("a push of the roofline was answered {answer:?}");
            }
        }
        let took = own_cpu()? + messenger.cpu()? - before;
        messenger.stop().await?;
        Ok(took)
    }
}

/// The freeze's read, range by range.
async fn read_friends(store: &Store, campaign: &Campaign, launch: &Launch) -> anyhow::Result<u64> {
    let query = ReachQuery::of(campaign, Expression::All, Some(launch.cut_sequence));
    let mut friends = 0;
    for range in FreezePlan::of(launch.highest_number, launch.chunk_size).ranges() {
        let read = store.hot().read_reach(store, &query, range).await?;
        friends += read.rows.len() as u64;
    }
    Ok(friends)
}

/// The campaign under another id, RUNNING, its chunks as they were before the first claim.
async fn copy_campaign(
    books: &Books,
    launch: &Launch,
    from: CampaignId,
    to: CampaignId,
) -> anyhow::Result<Vec<ChunkId>> {
    let campaign = "INSERT INTO campaign (id, business, account, kind, name, purpose, state,
            messages, message_version, audience, schedule, lifetime_seconds, created_at, month,
            launched_at, price_version, tariff, message_hash, cut_sequence, reach_mark,
            highest_number, chunk_size, not_after, freeze_ended_at)
        SELECT $2, business, account, kind, name, purpose, 8, messages, message_version, audience,
            schedule, lifetime_seconds, created_at, month, launched_at, price_version, tariff,
            message_hash, cut_sequence, reach_mark, highest_number, chunk_size, not_after,
            freeze_ended_at
        FROM campaign WHERE id = $1";
    let chunks = "INSERT INTO chunk (month, campaign, number, round, state, size, tariff, message,
            content_hash, night_consent, utc_offset_minutes, first_number, last_number, due_at,
            dispatched_at, numbers)
        SELECT month, $2, number, round, 1, size, tariff, message, content_hash, night_consent,
            utc_offset_minutes, first_number, last_number, 0, 0, numbers
        FROM chunk WHERE campaign = $1 AND round = 0";
    let recipients =
        "INSERT INTO chunk_recipients (month, campaign, number, round, keys, variables)
        SELECT month, $2, number, round, keys, variables
        FROM chunk_recipients WHERE campaign = $1 AND round = 0";
    for sql in [campaign, chunks, recipients] {
        books.copy(sql, from, to).await?;
    }
    let sql = "SELECT number FROM chunk WHERE campaign = $1 ORDER BY number";
    let numbers = books.column(sql, to).await?;
    let id = |number: i64| ChunkId {
        month: launch.month,
        campaign: to,
        number: number as u64,
        round: 0,
    };
    Ok(numbers.into_iter().map(id).collect())
}

fn all_accepted(chunk: &Claimed) -> Record {
    let outcomes = vec![Outcome::Accepted; chunk.size as usize];
    Record {
        id: chunk.id,
        epoch: chunk.epoch,
        answer: "processed",
        change: Change::End {
            state: ChunkState::Settled,
            outcomes: codec::pack_outcomes(&outcomes),
            counts: OutcomeCounts::all(Outcome::Accepted, chunk.size),
            detour: None,
            next_round: None,
            undecided_keys: Vec::new(),
        },
    }
}

/// Publish to acknowledge, batch after batch.
async fn publish_all(broker: &dyn Broker, chunks: &[ChunkId]) -> anyhow::Result<()> {
    for batch in chunks.chunks(PUBLISH_BATCH) {
        let message = |chunk: &ChunkId| Message {
            lane: Lane::Bulk,
            chunk: *chunk,
        };
        let messages: Vec<Message> = batch.iter().map(message).collect();
        for answer in broker.publish_all(&messages).await {
            answer?;
        }
        // What another run left there is not counted.
        let mut open: HashSet<ChunkId> = batch.iter().copied().collect();
        while !open.is_empty() {
            for delivery in broker.receive(CLAIM_BATCH).await? {
                open.remove(&delivery.chunk);
                broker.acknowledge(delivery).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_that_is_not_known_leaves_no_roofline() {
        let whole = Roofline {
            sends: 1_000_000,
            read: Some(Duration::from_millis(250)),
            claim_and_settle: Some(Duration::from_millis(250)),
            push: Duration::from_millis(400),
            publish: Some(Duration::from_millis(100)),
        };
        assert_eq!(whole.sends_per_second(2), Some(2_000_000.0));
        for partly in [
            Roofline {
                read: None,
                ..whole
            },
            Roofline {
                claim_and_settle: None,
                ..whole
            },
            Roofline {
                publish: None,
                ..whole
            },
        ] {
            assert_eq!(partly.sends_per_second(2), None);
        }
    }

    #[tokio::test]
    async fn everything_published_is_acknowledged() {
        let chunk = |number| ChunkId {
            month: domain::time::LaunchMonth::of(domain::time::Timestamp::from_millis(0)),
            campaign: CampaignId::from_bytes([7; 16]),
            number,
            round: 0,
        };
        let broker = InProcessBroker::default();
        // Left there by somebody else.
        let stale = Message {
            lane: Lane::Bulk,
            chunk: chunk(u64::MAX),
        };
        broker.publish(stale).await.unwrap();
        let chunks: Vec<ChunkId> = (0..PUBLISH_BATCH as u64 + 10).map(chunk).collect();
        publish_all(&broker, &chunks).await.unwrap();
        assert_eq!(broker.depth(), Default::default());
    }
}
