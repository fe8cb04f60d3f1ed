//! Every route of the console on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use domain::audience_group::FILE_BYTES_MAX;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

use crate::composer::{self, begin};
use crate::error::{Error, explain};
use crate::friends;
use crate::settings::{account, budgets, developers, me, members, testers, webhooks};
use crate::state::ConsoleState;
use crate::{audience, coupons, launch, menus, review, schedule};
use crate::{campaigns, home, media, report, running, security, sign_in, styleguide, wallet};

/// Bytes of a form: the longest message with room to spare. Uploads have limits of their own.
const FORM_BYTES_MAX: usize = 1024 * 1024;
/// The same of a form with a file of ids.
const GROUP_BYTES_MAX: usize = FILE_BYTES_MAX as usize + FORM_BYTES_MAX;

pub fn router(state: Arc<ConsoleState>) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console", get(sign_in::enter))
        .route("/console/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/preferences", post(sign_in::prefer))
        .route("/console/{handle}", get(home::show))
        .route("/console/{handle}/now", get(home::now))
        .route("/console/{handle}/wallet", get(wallet::show))
        .route(
            "/console/{handle}/wallet/bills/{campaign}",
            get(wallet::bill::show),
        )
        .route("/console/{handle}/wallet/month", get(wallet::month::show))
        .route(
            "/console/{handle}/wallet/movements.csv",
            get(wallet::download::show),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}",
            get(campaigns::door::show),
        )
        .route(
            "/console/{handle}/campaigns",
            get(campaigns::show).post(begin::begin),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/message",
            get(composer::page::show).post(composer::save::save),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/copy",
            post(begin::copy),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/reopen",
            post(begin::reopen),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/discard",
            post(begin::discard),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/running",
            get(running::show),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/running/events",
            get(running::stream::events),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/pause",
            post(running::pause),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/resume",
            post(running::resume),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/cancel",
            get(running::cancel_question).post(running::cancel),
        )
        .route("/console/{handle}/friends", get(friends::list::show))
        .route("/console/{handle}/friends.csv", get(friends::export::show))
        .route("/console/{handle}/friends/add", get(friends::link::show))
        .route(
            "/console/{handle}/friends/add/qr.svg",
            get(friends::link::as_svg),
        )
        .route(
            "/console/{handle}/friends/add/qr.png",
            get(friends::link::as_png),
        )
        .route(
            "/console/{handle}/friends/import",
            get(friends::import::show)
                .post(friends::import::upload)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/console/{handle}/friends/import/{import}",
            get(friends::import_report::show).post(friends::import::map),
        )
        .route(
            "/console/{handle}/friends/import/{import}/discard",
            post(friends::import::discard),
        )
        .route(
            "/console/{handle}/friends/import/{import}/rejected.csv",
            get(friends::import_report::rejected),
        )
        .route(
            "/console/{handle}/friends/{friend}",
            get(friends::profile::show),
        )
        .route(
            "/console/{handle}/friends/{friend}/tags",
            post(friends::tags::add),
        )
        .route(
            "/console/{handle}/friends/{friend}/tags/remove",
            post(friends::tags::remove),
        )
        .route(
            "/console/{handle}/media",
            post(media::upload).layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/console/{handle}/menus",
            get(menus::list)
                .post(menus::create)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/console/{handle}/menus/{menu}", get(menus::show))
        .route(
            "/console/{handle}/menus/{menu}/default",
            post(menus::set_default),
        )
        .route("/console/{handle}/menus/{menu}/delete", post(menus::delete))
        .route(
            "/console/{handle}/coupons",
            get(coupons::list)
                .post(coupons::create)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/console/{handle}/coupons/{coupon}", get(coupons::show))
        .route(
            "/console/{handle}/coupons/{coupon}/send",
            post(coupons::send),
        )
        .route(
            "/console/{handle}/coupons/{coupon}/close",
            post(coupons::close),
        )
        .route(
            "/console/{handle}/audience",
            get(audience::explore::show).post(audience::explore::submit),
        )
        .route(
            "/console/{handle}/audience/live",
            post(audience::explore::live),
        )
        .route(
            "/console/{handle}/audience/write",
            post(audience::explore::write),
        )
        .route(
            "/console/{handle}/audience/groups",
            get(audience::groups::show)
                .post(audience::groups::upload)
                .layer(DefaultBodyLimit::max(GROUP_BYTES_MAX)),
        )
        .route(
            "/console/{handle}/audience/groups/campaign",
            post(audience::groups::of_campaign),
        )
        .route(
            "/console/{handle}/audience/groups/{group}/delete",
            post(audience::groups::delete),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/audience",
            get(audience::step::show).post(audience::step::submit),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/audience/live",
            post(audience::step::live),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/schedule",
            get(schedule::show).post(schedule::submit),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/schedule/live",
            post(schedule::live),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/review",
            get(review::show),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/launch",
            post(launch::submit),
        )
        .route(
            "/console/{handle}/settings",
            get(account::show)
                .post(account::change)
                .layer(DefaultBodyLimit::disable()),
        )
        .route(
            "/console/{handle}/settings/budgets",
            get(budgets::show).post(budgets::change),
        )
        .route(
            "/console/{handle}/settings/developers",
            get(developers::show),
        )
        .route(
            "/console/{handle}/settings/developers/secret",
            post(developers::show_secret),
        )
        .route(
            "/console/{handle}/settings/developers/secret/rotate",
            post(developers::rotate_secret),
        )
        .route(
            "/console/{handle}/settings/developers/keys",
            post(developers::add_key),
        )
        .route(
            "/console/{handle}/settings/developers/keys/{key}/remove",
            post(developers::remove_key),
        )
        .route(
            "/console/{handle}/settings/developers/token",
            post(developers::issue),
        )
        .route(
            "/console/{handle}/settings/developers/tokens/{token}/revoke",
            post(developers::revoke),
        )
        .route(
            "/console/{handle}/settings/webhooks",
            get(webhooks::show).post(webhooks::change),
        )
        .route(
            "/console/{handle}/settings/webhooks/test",
            post(webhooks::test),
        )
        .route(
            "/console/{handle}/settings/webhooks/replay",
            post(webhooks::replay),
        )
        .route(
            "/console/{handle}/settings/webhooks/log/{event}",
            get(webhooks::event::show),
        )
        .route(
            "/console/{handle}/settings/webhooks/log/{event}/replay",
            post(webhooks::event::replay),
        )
        .route("/console/{handle}/settings/me", get(me::show))
        .route(
            "/console/{handle}/settings/me/password",
            post(me::change_password),
        )
        .route(
            "/console/{handle}/settings/me/sessions",
            post(me::sign_out_elsewhere),
        )
        .route(
            "/console/{handle}/settings/members",
            get(members::show).post(members::add),
        )
        .route(
            "/console/{handle}/settings/members/{member}/remove",
            post(members::remove),
        )
        .route(
            "/console/{handle}/settings/members/{member}/role",
            post(members::change_role),
        )
        .route(
            "/console/{handle}/settings/testers",
            get(testers::show).post(testers::add),
        )
        .route(
            "/console/{handle}/settings/testers/{friend}/remove",
            post(testers::remove),
        )
        .route(
            "/console/{handle}/settings/wordings",
            post(account::add_wording),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/report",
            get(report::show),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/report/live",
            get(report::live),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/sends",
            get(report::sends::show),
        )
        .route(
            "/console/{handle}/campaigns/{campaign}/sends.csv",
            get(report::csv::download),
        )
        .route("/console/{handle}/styleguide", get(styleguide::show))
        .merge(crate::operator::routes::routes())
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(explain))
        .layer(CsrfLayer::new())
        .layer(middleware::map_response(security::add_headers))
        .layer(CompressionLayer::new())
        .with_state(state)
}

async fn nothing_here() -> Error {
    Error::NotFound
}
