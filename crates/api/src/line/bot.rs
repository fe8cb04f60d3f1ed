//! The bot and its friends, as a brand's program sees them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use domain::time::Timestamp;
use domain::user::{LineUserId, UserNumber};
use serde_json::{Value, json};

use super::request::Query;
use super::{Channel, LineError, LineState};

/// Ids on one page, and where nobody says how many.
const FOLLOWERS_MAX: u32 = 1_000;
const FOLLOWERS_USUAL: u32 = 300;
/// How long a list may be gone on with, as LINE has it.
const PAGE_LIVES_FOR: Duration = Duration::from_secs(24 * 3_600);

/// `GET /v2/bot/info`.
pub async fn info(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    let account = channel
        .store
        .account_of_business(channel.business, channel.account)
        .await?
        .ok_or(LineError::NotFound("Not found"))?;
    let known = channel.store.channel_of_account(channel.account).await?;
    let known = known.ok_or(LineError::NotFound("Not found"))?;
    let mut answer = json!({
        "userId": known.bot.to_string(),
        "basicId": account.handle.as_str(),
        "displayName": account.display_name,
        "chatMode": "bot",
        "markAsReadMode": "auto",
    });
    if let Some(picture) = account.icon_url {
        // A picture of our own is named without our address.
        answer["pictureUrl"] = match picture.starts_with('/') {
            true => json!(format!("{}{picture}", state.public_url)),
            false => json!(picture),
        };
    }
    Ok(Json(answer))
}

/// `GET /v2/bot/profile/{userId}`: of friends; whoever blocked the account is not there.
pub async fn profile(channel: Channel, Path(user): Path<String>) -> Result<Json<Value>, LineError> {
    let id = LineUserId::parse(&user).ok_or_else(|| LineError::parameter("userId"))?;
    let friend = channel.store.follower(channel.account, id).await?;
    let friend = friend.ok_or(LineError::NotFound("Not found"))?;
    let mut answer = json!({
        "displayName": friend.display_name,
        "userId": friend.line_id.to_string(),
    });
    if let Some(language) = friend.language {
        answer["language"] = json!(language);
    }
    Ok(Json(answer))
}

/// `GET /v2/bot/followers/ids`: everybody who is a friend, page by page.
pub async fn followers(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let limit = query.number("limit", 1..=FOLLOWERS_MAX)?;
    let after = match query.text("start") {
        Some(start) => Some(read_start(&state, &channel, start)?),
        None => None,
    };
    let page = channel
        .store
        .followers(channel.account, after, limit.unwrap_or(FOLLOWERS_USUAL))
        .await?;
    let ids: Vec<String> = page.ids.iter().map(LineUserId::to_string).collect();
    let mut answer = json!({ "userIds": ids });
    if let Some(next) = page.next {
        answer["next"] = json!(write_start(&state, &channel, next)?);
    }
    Ok(Json(answer))
}

/// Where a list goes on: sealed, because numbers of users are nobody's business, for the channel
/// that was told it.
fn write_start(
    state: &LineState,
    channel: &Channel,
    after: UserNumber,
) -> Result<String, LineError> {
    let now = state.clock.now().as_millis().to_be_bytes();
    let text = [&now[..], &after.0.to_be_bytes()].concat();
    Ok(state.channels.seal_text(&place(channel), &text)?)
}

fn read_start(state: &LineState, channel: &Channel, start: &str) -> Result<UserNumber, LineError> {
    let refuse = || LineError::invalid("Invalid start param");
    let text = state.channels.open_text(&place(channel), start);
    let text = text.ok_or_else(refuse)?;
    let (at, after) = text.split_at_checked(8).ok_or_else(refuse)?;
    let at = i64::from_be_bytes(at.try_into().map_err(|_| refuse())?);
    let after = u32::from_be_bytes(after.try_into().map_err(|_| refuse())?);
    let is_over = state.clock.now() >= Timestamp::from_millis(at) + PAGE_LIVES_FOR;
    match is_over {
        true => Err(refuse()),
        false => Ok(UserNumber(after)),
    }
}

fn place(channel: &Channel) -> Vec<u8> {
    [&b"followers"[..], channel.account.as_bytes()].concat()
}
