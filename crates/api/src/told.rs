//! What programs of brands are told of a request's events, in the commit that takes them.
//!
//! Only accounts with an address that is told something have events made. What a friend did is
//! judged against what was known before: a fact that comes late changes nothing, and whoever is
//! gone does not go again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use directory::Fact;
use domain::friend::{FriendState, StateFact, state_supersedes};
use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::UserKey;
use domain::webhook::EventId;
use domain::webhook::events::{Deed, FriendEvent, WrittenMessage};
use store::reply_token::IssuedToken;
use store::webhook::MadeEvent;
use store::{StoreError, Write};

use crate::commit::Wrote;
use crate::{ApiError, ApiState};

/// Something a friend did, as an event of the messenger's says it.
pub(crate) struct Did {
    pub account: AccountId,
    pub user: UserKey,
    pub at: Timestamp,
    pub what: DidWhat,
}

pub(crate) enum DidWhat {
    /// They came, or went.
    Became(FriendState),
    /// They wrote, or tapped something that posts.
    Wrote(Wrote),
}

impl DidWhat {
    /// What a fact says of the friendship itself.
    pub fn of_fact(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::Added { .. } => Some(Self::Became(FriendState::Active)),
            Fact::Blocked => Some(Self::Became(FriendState::Blocked)),
            Fact::Left => Some(Self::Became(FriendState::Left)),
            Fact::Consent { .. } | Fact::Profile(_) | Fact::Imported(_) => None,
        }
    }
}

/// What is to be told, each deed with whose it is.
#[derive(Default)]
pub(crate) struct Telling(Vec<(AccountId, UserKey, Timestamp, Deed)>);

/// How friendships stand while deeds are laid upon them.
type Stood = HashMap<(AccountId, UserKey), StateFact>;

impl Telling {
    /// To be asked before anything of the request is written.
    pub async fn of(state: &ApiState, write: &Write, did: Vec<Did>) -> Result<Self, ApiError> {
        if state.webhooks.is_none() || did.is_empty() {
            return Ok(Self::default());
        }
        let accounts: BTreeSet<AccountId> = did.iter().map(|did| did.account).collect();
        let accounts: Vec<AccountId> = accounts.into_iter().collect();
        let told = write.accounts_with_webhooks(&accounts).await?;
        let did = did.into_iter().filter(|did| told.contains(&did.account));
        let did: Vec<Did> = did.collect();
        let mut stood = standings_before(write, &did).await?;
        let deeds = did.into_iter().filter_map(|did| {
            let deed = deed(&did, &mut stood)?;
            Some((did.account, did.user, did.at, deed))
        });
        Ok(Self(deeds.collect()))
    }

    /// Makes the events; whether there are any.
    pub async fn record(
        self,
        state: &ApiState,
        write: &mut Write,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let Some(webhooks) = state.webhooks.as_ref().filter(|_| !self.0.is_empty()) else {
            return Ok(false);
        };
        let keys: Vec<&UserKey> = self.0.iter().map(|(_, user, _, _)| user).collect();
        write.number_users(&*state.ids, &keys).await?;
        let users = write.users_by_keys(&keys).await?;
        let (mut events, mut tokens) = (Vec::new(), Vec::new());
        for (account, user, at, deed) in self.0 {
            let Some(user) = users.get(&user) else {
                continue;
            };
            let event = FriendEvent {
                id: EventId::from_bytes(state.ids.next_bytes()),
                user: user.line_id,
                at,
                deed,
            };
            let takes_reply = event.deed.takes_reply();
            let token = takes_reply.then(|| webhooks.channels.draw_reply_token());
            tokens.extend(token.map(|token| IssuedToken {
                token,
                account,
                number: user.number,
                event: event.id,
            }));
            events.push(MadeEvent {
                id: event.id,
                account,
                kind: event.deed.kind(),
                at,
                body: event.to_json(token),
            });
        }
        write.add_webhook_events(&events, now).await?;
        write
            .issue_reply_tokens(&tokens, now, webhooks.replies_within)
            .await?;
        write.sweep_reply_tokens(now).await?;
        Ok(true)
    }
}

/// How the friendships stand that deeds are about.
async fn standings_before(write: &Write, did: &[Did]) -> Result<Stood, StoreError> {
    let mut by_account: BTreeMap<AccountId, Vec<&UserKey>> = BTreeMap::new();
    for did in did {
        if matches!(did.what, DidWhat::Became(_)) {
            by_account.entry(did.account).or_default().push(&did.user);
        }
    }
    let mut stood = Stood::new();
    for (account, keys) in by_account {
        let known = write.known_users(&keys).await?;
        let numbers: Vec<_> = known.values().copied().collect();
        let standings = write.standings(account, &numbers).await?;
        for (key, number) in known {
            let friend = standings
                .get(&number)
                .and_then(|known| known.friend.as_ref());
            if let Some(friend) = friend {
                stood.insert((account, key), friend.state);
            }
        }
    }
    Ok(stood)
}

/// What is told of something a friend did; `None` where nothing is.
fn deed(did: &Did, stood: &mut Stood) -> Option<Deed> {
    let state = match &did.what {
        DidWhat::Wrote(Wrote::Message(json)) => {
            return WrittenMessage::parse(json).map(Deed::Wrote);
        }
        DidWhat::Wrote(Wrote::Postback { data, params }) => {
            return Some(Deed::Posted {
                data: data.clone(),
                params: params.clone(),
            });
        }
        DidWhat::Became(state) => *state,
    };
    let fact = StateFact { state, at: did.at };
    let place = (did.account, did.user.clone());
    let before = stood.get(&place).copied();
    if before.is_some_and(|before| !state_supersedes(fact, before)) {
        return None;
    }
    stood.insert(place, fact);
    let before = before.map(|before| before.state);
    match (state, before) {
        (FriendState::Active, before) => Some(Deed::Followed {
            is_unblocked: before == Some(FriendState::Blocked),
        }),
        (_, None | Some(FriendState::Active)) => Some(Deed::Unfollowed),
        (_, Some(FriendState::Blocked | FriendState::Left)) => None,
    }
}
