//! LINE's Messaging API on the installation's own host: its paths, limits, words and status codes.
//!
//! Brands' programs come with LINE's official libraries and change nothing but the address. So
//! nothing is extended on these paths: no value that LINE does not document stands where its
//! libraries know a closed list, and whatever is wrong is answered as LINE answers it. What goes
//! further than LINE is elsewhere.
//!
//! A route is one line in [`router`]. Its handler begins with [`Channel`], which finds out who asks
//! and counts the request; every answer goes through [`stamp`], so that none is without an id.

pub mod state; // what every route needs
pub mod error; // LINE's errors, letter for letter
pub mod stamp; // an id and the usual headers on every answer
pub mod request; // bodies, forms and queries as LINE's libraries write them
pub mod limits; // how often each operation may be asked for
pub mod channel; // who asks, by the bearer token
pub mod oauth; // tokens by assertion and stateless ones: v2.1 and v3
pub mod short_lived; // short-lived tokens: v2
pub mod bot; // the bot, its friends
pub mod retry; // requests that are made again
pub mod send; // push, multicast, broadcast
pub mod reply; // answers to events
pub mod narrowcast; // to some friends, and how far that is
pub mod content; // files that friends sent, of which there are none
pub mod chat; // what a bot does in a chat beside writing
pub mod quota; // what may be sent this month, what was, and by which operation
pub mod units; // what sends are added up under
pub mod insight; // figures of days, friends and requests
pub mod insight_unit; // figures of units
pub mod demographic; // friends by their attributes, in per cent
pub mod audience; // audience groups
pub mod audience_file; // audience groups out of files
pub mod validate; // messages looked at, not sent
pub mod rich_menu; // rich menus: made, pictured, shown to friends
pub mod menu_insight; // what friends did with a rich menu
pub mod coupon; // coupons: made, listed, closed, looked at before they are sent
pub mod webhook_endpoint; // where events go
pub mod webhook_test; // a webhook that is tried
pub mod absent; // what this platform does not have, in LINE's words

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use domain::api_request::ApiOperation;

pub use channel::Channel;
pub use error::{Detail, LineError};
pub use limits::{Rate, RateLimits};
pub use stamp::LineRequest;
pub use state::LineState;

/// Every route of LINE's, on one page.
pub fn router(state: Arc<LineState>) -> Router {
    let routes = Router::new()
        .merge(tokens())
        .merge(bot())
        .merge(sending())
        .merge(insights())
        .merge(chats())
        .merge(audiences())
        .merge(rich_menu::routes())
        .merge(coupons())
        .merge(groups())
        .merge(apart());
    // Whatever else begins like a path of LINE's is not there, in LINE's words.
    let beginnings = ["/v2", "/oauth2", "/bot", "/liff", "/shop", "/module"];
    let routes = beginnings.iter().fold(routes, |routes, beginning| {
        routes
            .route(beginning, any(absent::not_found))
            .route(&format!("{beginning}/"), any(absent::not_found))
            .route(&format!("{beginning}/{{*rest}}"), any(absent::not_found))
    });
    routes
        .method_not_allowed_fallback(absent::method_not_allowed)
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), stamp::stamp))
        .with_state(state)
}

fn tokens() -> Router<Arc<LineState>> {
    Router::new()
        .route("/oauth2/v2.1/token", post(oauth::issue_asserted))
        .route("/oauth2/v2.1/verify", get(oauth::verify))
        .route("/oauth2/v2.1/tokens/kid", get(oauth::key_ids))
        .route("/oauth2/v2.1/revoke", post(oauth::revoke))
        .route("/oauth2/v3/token", post(oauth::issue_stateless))
        .route("/v2/oauth/accessToken", post(short_lived::issue))
        .route("/v2/oauth/verify", post(short_lived::verify))
        .route("/v2/oauth/revoke", post(short_lived::revoke))
}

fn bot() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/info", get(bot::info))
        .route("/v2/bot/profile/{userId}", get(bot::profile))
        .route("/v2/bot/followers/ids", get(bot::followers))
        .route(
            "/v2/bot/channel/webhook/endpoint",
            get(webhook_endpoint::show).put(webhook_endpoint::set),
        )
        .route("/v2/bot/channel/webhook/test", post(webhook_test::test))
        .merge(validation())
}

fn validation() -> Router<Arc<LineState>> {
    let operations = ApiOperation::ALL.map(ApiOperation::name);
    operations.iter().fold(Router::new(), |routes, operation| {
        let path = format!("{}{operation}", validate::PATH);
        routes.route(&path, post(validate::messages))
    })
}

fn sending() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/message/reply", post(reply::send))
        .route("/v2/bot/message/push", post(send::push))
        .route("/v2/bot/message/multicast", post(send::multicast))
        .route("/v2/bot/message/broadcast", post(send::broadcast))
        .route("/v2/bot/message/narrowcast", post(narrowcast::send))
        .route(
            "/v2/bot/message/progress/narrowcast",
            get(narrowcast::progress),
        )
        .route("/v2/bot/message/quota", get(quota::limit))
        .route("/v2/bot/message/quota/consumption", get(quota::consumption))
        .route("/v2/bot/message/delivery/reply", get(quota::replies))
        .route("/v2/bot/message/delivery/push", get(quota::pushes))
        .route("/v2/bot/message/delivery/multicast", get(quota::multicasts))
        .route("/v2/bot/message/delivery/broadcast", get(quota::broadcasts))
        .route("/v2/bot/message/aggregation/info", get(units::count))
        .route("/v2/bot/message/aggregation/list", get(units::list))
}

fn insights() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/insight/message/delivery", get(insight::deliveries))
        .route("/v2/bot/insight/followers", get(insight::followers))
        .route("/v2/bot/insight/message/event", get(insight::event))
        .route(
            "/v2/bot/insight/message/event/aggregation",
            get(insight_unit::event),
        )
        .route("/v2/bot/insight/demographic", get(demographic::friends))
        .route(
            "/v2/bot/insight/richmenu/{richMenuId}/summary",
            get(menu_insight::summary),
        )
        .route(
            "/v2/bot/insight/richmenu/{richMenuId}/daily",
            get(menu_insight::daily),
        )
}

fn chats() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/chat/loading/start", post(chat::loading))
        .route("/v2/bot/chat/markAsRead", post(chat::read_by_token))
        .route("/v2/bot/message/markAsRead", post(chat::read))
        .route("/v2/bot/user/{userId}/linkToken", post(chat::link_token))
        .route(
            "/v2/bot/message/{messageId}/content",
            get(content::not_found),
        )
        .route(
            "/v2/bot/message/{messageId}/content/preview",
            get(content::not_found),
        )
        .route(
            "/v2/bot/message/{messageId}/content/transcoding",
            get(content::not_found),
        )
}

fn audiences() -> Router<Arc<LineState>> {
    Router::new()
        .route(
            "/v2/bot/audienceGroup/upload",
            post(audience::create).put(audience::add),
        )
        .route(
            "/v2/bot/audienceGroup/upload/byFile",
            post(audience_file::create).put(audience_file::add),
        )
        .route(
            "/v2/bot/audienceGroup/click",
            post(audience::create_of_clicks),
        )
        .route(
            "/v2/bot/audienceGroup/imp",
            post(audience::create_of_impressions),
        )
        .route("/v2/bot/audienceGroup/list", get(audience::list))
        .route(
            "/v2/bot/audienceGroup/{audienceGroupId}",
            get(audience::one).delete(audience::delete),
        )
        .route(
            "/v2/bot/audienceGroup/{audienceGroupId}/updateDescription",
            put(audience::rename),
        )
        .route("/v2/bot/audienceGroup/shared/list", get(audience::shared))
        .route(
            "/v2/bot/audienceGroup/shared/{audienceGroupId}",
            get(audience::one),
        )
}

fn coupons() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/coupon", post(coupon::create).get(coupon::list))
        .route("/v2/bot/coupon/{couponId}", get(coupon::show))
        .route("/v2/bot/coupon/{couponId}/close", put(coupon::close))
}

/// An official account talks to people, not to groups.
fn groups() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/group/{groupId}/summary", get(absent::group))
        .route("/v2/bot/group/{groupId}/members/count", get(absent::group))
        .route("/v2/bot/group/{groupId}/members/ids", get(absent::group))
        .route(
            "/v2/bot/group/{groupId}/member/{userId}",
            get(absent::group),
        )
        .route("/v2/bot/group/{groupId}/leave", post(absent::group))
        .route("/v2/bot/room/{roomId}/members/count", get(absent::room))
        .route("/v2/bot/room/{roomId}/members/ids", get(absent::room))
        .route("/v2/bot/room/{roomId}/member/{userId}", get(absent::room))
        .route("/v2/bot/room/{roomId}/leave", post(absent::room))
}

/// Products of LINE's that are no part of an official account here.
fn apart() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/membership/list", get(absent::membership))
        .route(
            "/v2/bot/membership/subscription/{userId}",
            get(absent::subscription),
        )
        .route(
            "/v2/bot/membership/{membershipId}/users/ids",
            get(absent::membership),
        )
        .route("/bot/pnp/push", post(absent::not_available))
        .route(
            "/v2/bot/message/pnp/templated/push",
            post(absent::not_available),
        )
        .route(
            "/v2/bot/message/delivery/pnp",
            get(absent::no_phone_numbers),
        )
        .route(
            "/v2/bot/message/delivery/pnp/templated",
            get(absent::no_phone_numbers),
        )
        .route("/v2/bot/channel/detach", post(absent::not_available))
        .route(
            "/v2/bot/chat/{chatId}/control/acquire",
            post(absent::not_available),
        )
        .route(
            "/v2/bot/chat/{chatId}/control/release",
            post(absent::not_available),
        )
        .route("/v2/bot/list", get(absent::not_available))
        .route("/shop/v3/mission", post(absent::not_available))
        .route(
            "/liff/v1/apps",
            get(absent::not_available).post(absent::not_available),
        )
        .route(
            "/liff/v1/apps/{liffId}",
            put(absent::not_available).delete(absent::not_available),
        )
        .route(
            "/module/auth/v1/token",
            post(absent::not_available_to_anybody),
        )
}
