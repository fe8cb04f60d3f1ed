//! Tags of one friend, set by hand.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use directory::{Permission, TagChange};
use domain::friend::{TAG_CHARS_MAX, TAGS_MAX};
use serde::Deserialize;

use super::profile::{self, ProfileQuery};
use super::{FriendPath, own_friend};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::state::ConsoleState;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TagForm {
    tag: String,
}

pub async fn add(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<FriendPath>,
    Form(form): Form<TagForm>,
) -> Result<Response, Error> {
    change(&state, &desk, &path, TagChange::Add(&form.tag)).await
}

pub async fn remove(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<FriendPath>,
    Form(form): Form<TagForm>,
) -> Result<Response, Error> {
    change(&state, &desk, &path, TagChange::Remove(&form.tag)).await
}

async fn change(
    state: &ConsoleState,
    desk: &Desk,
    path: &FriendPath,
    change: TagChange<'_>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let own = own_friend(state, desk, path).await?;
    let (business, account) = (desk.business.id, desk.account.id);
    let changed = state
        .directory
        .change_tag(business, account, (own.number, &own.key), change)
        .await;
    let (done, typed) = match change {
        TagChange::Add(tag) => ("done-tag-added", tag),
        TagChange::Remove(tag) => ("done-tag-removed", tag),
    };
    match changed {
        Ok(()) => {
            let to = desk.at(&format!("/friends/{}?done={done}", own.id));
            Ok(Redirect::to(&to).into_response())
        }
        Err(directory::Error::Refused { field, .. }) => {
            let said = match field {
                "tags" => desk.words.t("friend-fault-tags").num("count", TAGS_MAX),
                _ => desk.words.t("friend-fault-tag").num("count", TAG_CHARS_MAX),
            };
            let faults = Faults::one("tag", said);
            let typed = (typed.to_owned(), faults);
            profile::draw(state, desk, own, &ProfileQuery::default(), typed).await
        }
        Err(error) => Err(error.into()),
    }
}
