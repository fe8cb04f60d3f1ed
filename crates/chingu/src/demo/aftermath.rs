//! What friends did with the broadcasts of the past, told as a messenger tells it: event by event,
//! through the same door, with the times at which it would have happened.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::ensure;
use api::ApiState;
use domain::id::CampaignId;
use domain::push::PushKey;
use domain::time::{Timestamp, zone};
use domain::user::UserKey;
use gateway::{AccountRef, EVENTS_MAX, Event, EventBody, EventId, FriendEvent, Secret, Secrets};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::directory::Account;
use store::sandbox::AcceptLog;

use super::campaigns::Past;
use super::people::Person;
use super::{Shop, ZONE};

/// Whoever starts the demo sees the same friends do the same.
const SEED: u64 = 0x0068_616e_6f6c;
/// Nobody signs with it: nothing comes over a wire.
const SECRET: &str = "demo-aftermath-secret-of-32-bytes";
/// Half of those who open a message at once do so within this.
const SOON: Duration = Duration::from_secs(38 * 60);
/// And those who open it when they find the time.
const LATE: Duration = Duration::from_secs(9 * 3_600);
const LATE_PERCENT: u32 = 30;
/// Of a hundred who clicked, as many click once more.
const AGAIN_PERCENT: u32 = 17;
/// People sleep from midnight on, and look at their messages from seven to nine.
const WAKE_HOUR: i8 = 7;
const SLEEPERS_PERCENT: u32 = 88;

/// The messenger's side of the past.
pub struct Aftermath<'a> {
    shop: &'a Shop,
    account: &'a Account,
    everybody: &'a [Person],
    state: ApiState,
    events: Vec<Event>,
    told: usize,
}

impl<'a> Aftermath<'a> {
    pub(super) fn of(
        shop: &'a Shop,
        account: &'a Account,
        everybody: &'a [Person],
    ) -> anyhow::Result<Self> {
        let secrets = Secrets {
            current: Secret::parse(SECRET)?,
            previous: None,
        };
        let clock = shop.clock.clone();
        // Nobody asks for a picture here.
        let url = String::new();
        let state = ApiState::of(shop.store.clone(), clock, shop.ids.clone(), secrets, url);
        Ok(Self {
            shop,
            account,
            everybody,
            state,
            events: Vec::new(),
            told: 0,
        })
    }

    /// Who blocked the account or left it between two moments.
    pub async fn goings(
        &mut self,
        from: Option<Timestamp>,
        until: Timestamp,
    ) -> anyhow::Result<()> {
        for person in self.everybody {
            if let Some((at, event)) = person.gone(from, until) {
                self.add(&person.key, at, event)?;
            }
        }
        self.tell().await
    }

    /// What became of one broadcast until now.
    pub(super) async fn receipts(
        &mut self,
        past: &Past,
        campaign: CampaignId,
        log: &AcceptLog,
    ) -> anyhow::Result<()> {
        let now = self.state.clock.now();
        let (store, business) = (&self.shop.store, self.account.business);
        let links = store.links_of_campaign(business, campaign).await?;
        let mut reached: Vec<(UserKey, PushKey, Timestamp)> = Vec::new();
        log.for_each::<anyhow::Error>(|entry| {
            if entry.campaign == campaign {
                reached.push((UserKey::parse(entry.user_key)?, entry.push_key, entry.at));
            }
            Ok(())
        })
        .await?;
        // Chunks are accepted in whatever order; the same people do the same all the same.
        reached.sort_by(|one, other| one.0.cmp(&other.0));
        let people: HashMap<&UserKey, &Person> =
            self.everybody.iter().map(|one| (&one.key, one)).collect();
        let mut draw = ChaCha8Rng::seed_from_u64(SEED ^ u64::from(past.days_ago));
        let mut words = past.habits.words.iter();
        for (key, push_key, sent) in &reached {
            if !percent(&mut draw, past.habits.open) {
                continue;
            }
            let opened = waking(&mut draw, *sent)?;
            let gone = people.get(key).and_then(|one| one.gone(None, now));
            let until = gone.map_or(now, |(at, _)| at);
            let push_key = *push_key;
            let mut add = |at: Timestamp, event: FriendEvent| match at < until {
                true => self.add(key, at, event),
                false => Ok(()),
            };
            add(
                opened,
                FriendEvent::MessageOpened {
                    push_key,
                    message: 0,
                },
            )?;
            for (link, share) in links.iter().zip(past.habits.click) {
                if !percent(&mut draw, *share) {
                    continue;
                }
                let click = FriendEvent::LinkClicked {
                    push_key,
                    message: link.message,
                    link: link.id.to_string(),
                };
                let at = opened + seconds(&mut draw, 5, 140);
                add(at, click.clone())?;
                if percent(&mut draw, AGAIN_PERCENT) {
                    add(at + seconds(&mut draw, 300, 40_000), click)?;
                }
            }
            // Few have something to say.
            if percent(&mut draw, 2)
                && let Some(words) = words.next()
            {
                let message = serde_json::json!({"type": "text", "text": words}).to_string();
                let at = opened + seconds(&mut draw, 30, 400);
                add(at, FriendEvent::MessageReceived { message })?;
            }
        }
        self.tell().await
    }

    fn add(&mut self, user: &UserKey, at: Timestamp, event: FriendEvent) -> anyhow::Result<()> {
        self.told += 1;
        let id = format!("demo-{:06}", self.told);
        let id = EventId::parse(&id).ok_or_else(|| anyhow::anyhow!("{id} names no event"))?;
        let body = EventBody::Friend {
            account: AccountRef::Id(self.account.id),
            user: user.clone(),
            event,
        };
        self.events.push(Event { id, at, body });
        Ok(())
    }

    /// Tells what was added, in the order in which it happened.
    async fn tell(&mut self) -> anyhow::Result<()> {
        let mut events = std::mem::take(&mut self.events);
        events.sort_by_key(|event| event.at);
        let now = self.state.clock.now();
        while !events.is_empty() {
            let later = events.split_off(events.len().min(EVENTS_MAX));
            let list = std::mem::replace(&mut events, later);
            let told = list.len() as u64;
            let taken = api::take::take(&self.state, list.into_iter().map(Ok).collect(), now);
            let taken = taken.await?;
            ensure!(taken.accepted == told, "of {told} events: {taken:?}");
        }
        Ok(())
    }
}

/// When somebody looks at a message: most of them soon, some much later, hardly anybody at night.
fn waking(draw: &mut impl Rng, sent: Timestamp) -> anyhow::Result<Timestamp> {
    let half = match percent(draw, LATE_PERCENT) {
        true => LATE,
        false => SOON,
    };
    // Half of them within `half`, a quarter within the next: as things are forgotten.
    let halves = -draw.random_range(0.002f64..1.0).log2();
    let opened = sent + Duration::from_secs_f64(20.0 + half.as_secs_f64() * halves);
    let here = jiff::Timestamp::from_millisecond(opened.as_millis())?.to_zoned(zone(ZONE)?);
    if here.hour() >= WAKE_HOUR || !percent(draw, SLEEPERS_PERCENT) {
        return Ok(opened);
    }
    let until_seven = i64::from(WAKE_HOUR - here.hour()) * 3_600 - i64::from(here.minute()) * 60;
    let sleeps = Duration::from_secs(u64::try_from(until_seven).unwrap_or(0));
    Ok(opened + sleeps + seconds(draw, 0, 7_200))
}

fn seconds(draw: &mut impl Rng, least: u64, most: u64) -> Duration {
    Duration::from_secs(draw.random_range(least..=most))
}

fn percent(draw: &mut impl Rng, percent: u32) -> bool {
    draw.random_ratio(percent.min(100), 100)
}
