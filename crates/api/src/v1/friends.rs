//! Friends of the account: listed, and one of them with all that is known.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use domain::friend::{Gender, ReachFlags};
use domain::id::UserId;
use domain::time::Timestamp;
use domain::user::{LineUserId, UserKey, UserNumber};
use serde::Serialize;
use store::friend_list::{FriendLine, FriendSearch, PageSize, StandingFilter};
use utoipa::ToSchema;

use super::body::{Faults, Parameters};
use super::consents::ConsentsNow;
use super::page::{Page, Wanted, cursor};
use super::{Caller, Refusal, V1State};

const LIST: &str = "friends";
/// Characters that are looked for.
const TEXT_CHARS_MAX: usize = 64;

/// A friend on a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct FriendEntry {
    /// As reports have it.
    #[schema(example = "usr_06bkh3pq7rxj5m8m4s1w2y9zgt")]
    pub id: String,
    /// As LINE's paths have it.
    #[schema(example = "U73c1cd2c81f98b521905d591c5b2e75a")]
    pub user_id: String,
    /// Empty where nobody told it.
    pub display_name: String,
    /// active, blocked or left.
    pub state: &'static str,
    pub state_at: String,
    /// When the friendship began, where somebody told.
    pub since: Option<String>,
    pub source: Option<String>,
    pub language: Option<String>,
    pub region: Option<String>,
    pub tags: Vec<String>,
    pub reachable: Reachable,
}

/// By what a friend can be reached now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reachable {
    pub promotion: bool,
    /// Promotion in the hours that the law keeps quiet.
    pub night: bool,
    pub information: bool,
}

/// A friend.
#[derive(Debug, Serialize, ToSchema)]
pub struct Friend {
    pub id: String,
    pub user_id: String,
    pub display_name: String,
    /// active, blocked or left.
    pub state: &'static str,
    pub state_at: String,
    pub since: Option<String>,
    pub source: Option<String>,
    pub language: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    /// female, male, or null.
    pub gender: Option<&'static str>,
    pub birth_year: Option<u16>,
    pub time_zone: Option<String>,
    pub tags: Vec<String>,
    pub reachable: Reachable,
    pub consents: ConsentsNow,
}

/// Friends of the account, the newest first. A search for what has no index looks through a
/// stretch of friends at a time: a page may then hold fewer, and `next` goes on.
#[utoipa::path(
    get, path = "/v1/friends", tag = "friends", operation_id = "listFriends",
    params(
        ("standing" = Option<String>, Query,
         description = "active, reachable, without_consent, blocked or left"),
        ("text" = Option<String>, Query, description = "A part of the name"),
        ("tag" = Option<String>, Query, description = "A tag they have"),
        ("source" = Option<String>, Query, description = "Where they came from"),
        ("region" = Option<String>, Query, description = "Their region"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 where it is left out"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of them", body = Page<FriendEntry>)),
)]
pub async fn list(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<FriendEntry>>, Refusal> {
    let known = [
        "standing", "text", "tag", "source", "region", "limit", "cursor",
    ];
    let mut faults = Faults::default();
    parameters.only(&known, &[], &mut faults);
    let wanted = Wanted::read(&state, &caller, LIST, &parameters, &mut faults);
    let mut text = |name: &str| {
        let text = parameters.text(name)?;
        if text.chars().count() > TEXT_CHARS_MAX {
            faults.add(name, format!("has at most {TEXT_CHARS_MAX} characters"));
        }
        Some(text.to_owned())
    };
    let search = FriendSearch {
        text: text("text"),
        tag: text("tag"),
        source: text("source"),
        region: text("region"),
        standing: None,
    };
    let standing = parameters.named("standing", StandingFilter::from_name, &mut faults);
    faults.finish()?;
    let search = FriendSearch { standing, ..search };
    let after = wanted.after.map(UserId::from_bytes);
    let size = PageSize::of(wanted.limit);
    let page = caller
        .store
        .friends_page(caller.account, &search, after, size)
        .await?;
    let next = match page.next {
        Some(id) => Some(cursor(&state, &caller, LIST, id.as_bytes())?),
        None => None,
    };
    Ok(Json(Page {
        items: page.friends.into_iter().map(FriendEntry::of).collect(),
        next,
    }))
}

/// A friend, by the id that reports have or by the one of LINE's paths.
#[utoipa::path(
    get, path = "/v1/friends/{friend}", tag = "friends", operation_id = "getFriend",
    params(("friend" = String, Path, description = "`usr_…` or `U…`")),
    responses((status = 200, description = "The friend", body = Friend)),
)]
pub async fn show(caller: Caller, Path(friend): Path<String>) -> Result<Json<Friend>, Refusal> {
    let known = Known::of(&caller, &friend).await?;
    let tags = caller.store.tags(caller.account, known.number).await?;
    let friend = known.friend;
    Ok(Json(Friend {
        id: known.id.to_string(),
        user_id: LineUserId::of(known.id, &known.key).to_string(),
        state: friend.state.state.name(),
        state_at: friend.state.at.to_string(),
        since: since(friend.since),
        source: told(friend.source),
        display_name: friend.display_name,
        language: friend.language,
        country: friend.country,
        region: friend.region,
        gender: match friend.gender {
            None | Some(Gender::Unknown) => None,
            Some(known) => Some(known.name()),
        },
        birth_year: friend.birth_year,
        time_zone: friend.time_zone,
        tags,
        reachable: Reachable::of(known.standing.flags()),
        consents: ConsentsNow::of(&known.standing),
    }))
}

/// Who is or was a friend of the caller's account, as they stand.
pub(super) struct Known {
    pub id: UserId,
    pub number: UserNumber,
    pub key: UserKey,
    pub friend: store::friend::Friend,
    pub standing: store::friend::Standing,
}

impl Known {
    pub async fn of(caller: &Caller, text: &str) -> Result<Self, Refusal> {
        let number = caller.friend(text).await?;
        let snapshot = caller.store.snapshot().await?;
        let ids = snapshot.user_ids(&[number.0]).await?;
        snapshot.end().await?;
        let id = ids.into_iter().next().ok_or(Refusal::NotFound)?;
        let (_, key) = caller
            .store
            .user_by_id(id)
            .await?
            .ok_or(Refusal::NotFound)?;
        let mut standings = caller.store.standings(caller.account, &[number]).await?;
        let standing = standings.remove(&number).unwrap_or_default();
        let friend = standing.friend.clone().ok_or(Refusal::NotFound)?;
        Ok(Self {
            id,
            number,
            key,
            friend,
            standing,
        })
    }
}

impl FriendEntry {
    fn of(line: FriendLine) -> Self {
        Self {
            id: line.id.to_string(),
            user_id: LineUserId::of(line.id, &line.key).to_string(),
            display_name: line.display_name,
            state: line.state.name(),
            state_at: line.state_at.to_string(),
            since: since(line.since),
            source: told(line.source),
            language: line.language,
            region: line.region,
            tags: line.tags,
            reachable: Reachable::of(line.flags),
        }
    }
}

impl Reachable {
    fn of(flags: ReachFlags) -> Self {
        use domain::campaign::Purpose::{Information, Promotion};
        let promotion = flags.is_reachable(Promotion);
        Self {
            promotion,
            night: promotion && flags.has_night_consent(),
            information: flags.is_reachable(Information),
        }
    }
}

/// Whether anybody told of a moment: a block may come before the friendship's beginning does.
fn since(at: Timestamp) -> Option<String> {
    (at > Timestamp::default()).then(|| at.to_string())
}

fn told(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
