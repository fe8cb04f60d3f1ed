//! Everything of one request in one transaction.

use std::collections::{BTreeMap, HashSet};

use directory::FriendFact;
use directory::friends::{self, FriendsOf};
use domain::id::{AccountId, CampaignId};
use domain::receipt::Receipt;
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use store::Write;
use store::event::{Delivery, DeliveryVerdict};
use store::friend_message::FriendMessage;

use crate::coupon_deeds::{self, Wanted};
use crate::menu_deeds::{self, MenuDone};
use crate::receipts::{Fitting, UsedCoupon};
use crate::take::{NotTaken, Taken};
use crate::told::{Did, DidWhat, Telling};
use crate::{ApiError, ApiState};

/// An event that is to be written.
pub(crate) struct Work {
    pub index: usize,
    pub id: String,
    pub what: What,
}

pub(crate) enum What {
    Friend {
        friends: FriendsOf,
        fact: FriendFact,
        /// The campaign that loses them, where they go.
        loss: Option<Box<Fitting>>,
    },
    Receipt(Fitting),
    Message(Message),
    Menu(MenuDone),
    Coupon(Wanted),
    Delivery(Delivery),
}

/// What a friend wrote back, or what their tap posts.
pub(crate) struct Message {
    pub account: AccountId,
    pub user: UserKey,
    pub at: Timestamp,
    pub wrote: Wrote,
}

#[derive(Clone)]
pub(crate) enum Wrote {
    /// A message object, as JSON.
    Message(String),
    /// What a tap posts, and what was picked with it.
    Postback {
        data: String,
        params: BTreeMap<String, String>,
    },
}

impl Wrote {
    fn is_postback(&self) -> bool {
        matches!(self, Self::Postback { .. })
    }

    fn content(&self) -> &str {
        match self {
            Self::Message(content) | Self::Postback { data: content, .. } => content,
        }
    }
}

/// What is fresh of a request, by where it is written.
#[derive(Default)]
struct Sorted {
    facts: BTreeMap<AccountId, (Vec<FriendFact>, Option<FriendsOf>)>,
    receipts: BTreeMap<CampaignId, Vec<Receipt>>,
    used: Vec<(CampaignId, UserNumber, UsedCoupon)>,
    messages: Vec<(String, Message)>,
    menus: Vec<MenuDone>,
    /// With place and id of their events.
    wanted: Vec<(usize, String, Wanted)>,
    deliveries: Vec<Delivery>,
    /// Of the deliveries, in their order.
    places: Vec<usize>,
    /// In the order of their events.
    did: Vec<Did>,
}

/// Takes what is fresh of `work`.
pub(crate) async fn commit(
    state: &ApiState,
    work: Vec<Work>,
    mut taken: Taken,
    now: Timestamp,
) -> Result<Taken, ApiError> {
    if work.is_empty() {
        return Ok(in_order(taken));
    }
    let mut write = state.store.write().await?;
    write.prune_events(now).await?;
    let ids: Vec<&str> = work.iter().map(|work| work.id.as_str()).collect();
    let mut fresh = write.remember_events(&ids, now).await?;
    let sorted = Sorted::of(work, &mut fresh, &mut taken);
    let telling = Telling::of(state, &write, sorted.did).await?;
    for (facts, friends) in sorted.facts.into_values() {
        if let Some(friends) = friends {
            friends::apply(&mut write, &*state.ids, friends, facts, now).await?;
        }
    }
    for (campaign, mut receipts) in sorted.receipts {
        receipts.sort_unstable();
        write.take_receipts(campaign, &receipts).await?;
    }
    let wanted = sorted.wanted;
    coupon_deeds::give(state, &mut write, wanted, &mut taken).await?;
    coupon_deeds::note_used(&mut write, &sorted.used).await?;
    menu_deeds::record(state, &mut write, sorted.menus).await?;
    if !sorted.messages.is_empty() {
        keep_messages(state, &mut write, sorted.messages, now).await?;
    }
    let verdicts = write.take_deliveries(&sorted.deliveries, now).await?;
    let deliveries = sorted.deliveries.iter().zip(sorted.places).zip(verdicts);
    let mut without_room = Vec::new();
    for ((delivery, index), verdict) in deliveries {
        if tell(&mut taken, delivery, index, verdict) == Again::Later {
            without_room.push(delivery.event_id.as_str());
        }
    }
    write.forget_events(&without_room).await?;
    let is_told = telling.record(state, &mut write, now).await?;
    write.commit().await?;
    if let Some(webhooks) = state.webhooks.as_ref().filter(|_| is_told) {
        webhooks.wake.notify_one();
    }
    Ok(in_order(taken))
}

impl Sorted {
    /// The first of two with one id is the one that counts.
    fn of(work: Vec<Work>, fresh: &mut HashSet<String>, taken: &mut Taken) -> Self {
        let mut sorted = Self::default();
        for Work { index, id, what } in work {
            if !fresh.remove(&id) {
                taken.duplicates += 1;
                continue;
            }
            match what {
                What::Friend {
                    friends,
                    fact,
                    loss,
                } => {
                    sorted
                        .did
                        .extend(DidWhat::of_fact(&fact.fact).map(|what| Did {
                            account: friends.account,
                            user: fact.user.clone(),
                            at: fact.at,
                            what,
                        }));
                    let of_account = sorted.facts.entry(friends.account).or_default();
                    of_account.0.push(fact);
                    of_account.1 = Some(friends);
                    if let Some(loss) = loss {
                        sorted.receipt(*loss);
                    }
                    taken.accepted += 1;
                }
                What::Receipt(fitting) => {
                    sorted.receipt(fitting);
                    taken.accepted += 1;
                }
                What::Message(message) => {
                    sorted.did.push(Did {
                        account: message.account,
                        user: message.user.clone(),
                        at: message.at,
                        what: DidWhat::Wrote(message.wrote.clone()),
                    });
                    sorted.messages.push((id, message));
                    taken.accepted += 1;
                }
                What::Menu(done) => {
                    sorted.menus.push(done);
                    taken.accepted += 1;
                }
                What::Coupon(wanted) => sorted.wanted.push((index, id, wanted)),
                What::Delivery(delivery) => {
                    sorted.deliveries.push(delivery);
                    sorted.places.push(index);
                }
            }
        }
        sorted
    }

    fn receipt(&mut self, fitting: Fitting) {
        let Fitting {
            campaign,
            unit,
            receipt,
            coupon,
        } = fitting;
        for counted_under in std::iter::once(campaign).chain(unit) {
            let receipts = self.receipts.entry(counted_under).or_default();
            receipts.push(receipt);
        }
        if let Some(used) = coupon {
            self.used.push((campaign, receipt.number, used));
        }
    }
}

/// Whoever writes is somebody, friend or not.
async fn keep_messages(
    state: &ApiState,
    write: &mut Write,
    messages: Vec<(String, Message)>,
    now: Timestamp,
) -> Result<(), ApiError> {
    let users: Vec<&UserKey> = messages.iter().map(|(_, message)| &message.user).collect();
    let numbers = write.number_users(&*state.ids, &users).await?;
    let kept = messages.iter().filter_map(|(id, message)| {
        Some(FriendMessage {
            event_id: id.clone(),
            account: message.account,
            number: numbers.get(&message.user)?.number,
            at: message.at,
            is_postback: message.wrote.is_postback(),
            content: message.wrote.content().to_owned(),
        })
    });
    let kept: Vec<FriendMessage> = kept.collect();
    Ok(write.keep_friend_messages(&kept, now).await?)
}

#[derive(PartialEq, Eq)]
enum Again {
    Never,
    Later,
}

/// Counts a delivery by what it came to.
fn tell(taken: &mut Taken, delivery: &Delivery, index: usize, verdict: DeliveryVerdict) -> Again {
    let told = |reason: &str| NotTaken {
        index,
        id: Some(delivery.event_id.clone()),
        reason: reason.to_owned(),
    };
    match verdict {
        DeliveryVerdict::Decided | DeliveryVerdict::Waiting => taken.accepted += 1,
        DeliveryVerdict::DecidedBefore => {
            let reason = "the recipient's outcome was decided before";
            taken.ignored.push(told(reason));
        }
        DeliveryVerdict::NeverOpen => {
            let reason = "the recipient's outcome was never uncertain";
            taken.ignored.push(told(reason));
        }
        DeliveryVerdict::NoRoom => {
            let reason = "too many deliveries wait for their pushes: tell it again later";
            taken.refused.push(told(reason));
            return Again::Later;
        }
    }
    Again::Never
}

fn in_order(mut taken: Taken) -> Taken {
    taken.ignored.sort_by_key(|event| event.index);
    taken.refused.sort_by_key(|event| event.index);
    taken
}
