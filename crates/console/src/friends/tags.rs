//! Tags of one friend, set by hand.

use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use directory::{Permission, TagChange};
use domain::friend::{TAG_CHARS_MAX, TAGS_MAX};
use serde::Deserialize;

use super::profile::{self, ProfileQuery};
use super::{FriendPath, own_friend};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TagForm {
    tag: String,
}

pub async fn add(
    desk: Desk,
    Path(path): Path<FriendPath>,
    Form(form): Form<TagForm>,
) -> Result<Response, Error> {
    change(&desk, &path, TagChange::Add(&form.tag)).await
}

pub async fn remove(
    desk: Desk,
    Path(path): Path<FriendPath>,
    Form(form): Form<TagForm>,
) -> Result<Response, Error> {
    change(&desk, &path, TagChange::Remove(&form.tag)).await
}

async fn change(desk: &Desk, path: &FriendPath, change: TagChange<'_>) -> Result<Response, Error> {
    desk.expect(Permission::ManageFriends)?;
    let own = own_friend(desk, path).await?;
    let (business, account) = (desk.business.id, desk.account.id);
    let changed = desk
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
            profile::draw(desk, own, &ProfileQuery::default(), typed).await
        }
        Err(error) => Err(error.into()),
    }
}
