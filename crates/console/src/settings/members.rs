//! Members and their roles.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::{Permission, Role, sign_in::check_password};
use domain::id::MemberId;
use serde::Deserialize;
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "settings/members.html")]
struct MembersPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    members: Vec<MemberRow>,
    roles: Vec<RoleChoice>,
    fields: MemberForm,
    faults: Faults,
}

struct MemberRow {
    id: MemberId,
    name: String,
    email: String,
    role: &'static str,
    is_me: bool,
    since: String,
}

struct RoleChoice {
    name: &'static str,
    words: String,
    explanation: String,
}

/// Somebody to be added, as it was typed; the password is never sent back.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct MemberForm {
    email: String,
    name: String,
    role: String,
    password: String,
}

impl Default for MemberForm {
    /// Whoever is added may as little as is useful, until somebody chooses more.
    fn default() -> Self {
        Self {
            email: String::new(),
            name: String::new(),
            role: Role::Composer.name().to_owned(),
            password: String::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct RoleForm {
    #[serde(default)]
    role: String,
}

#[derive(Debug, Deserialize)]
pub struct MemberPath {
    member: String,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    draw(&desk, MemberForm::default(), Faults::default()).await
}

pub async fn add(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Form(fields): Form<MemberForm>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let words = desk.words;
    let Some(role) = Role::from_name(&fields.role) else {
        let faults = Faults::one("role", words.t("settings-fault-role-unknown"));
        return draw(&desk, fields, faults).await;
    };
    if check_password(&fields.password).is_err() {
        let faults = Faults::one("password", words.t("settings-fault-password"));
        return draw(&desk, fields, faults).await;
    }
    let business = desk.business.id;
    let added = desk
        .directory
        .add_member(business, fields.email.trim(), fields.name.trim(), role)
        .await;
    let member = match added {
        Ok(member) => member,
        Err(error) => {
            let faults = super::faults(&words, error)?;
            return draw(&desk, fields, faults).await;
        }
    };
    let password = &fields.password;
    state
        .sign_in
        .set_password(business, member.id, password, None)
        .await?;
    Ok(Redirect::to(&desk.at("/settings/members?done=done-member")).into_response())
}

pub async fn change_role(
    desk: Desk,
    Path(path): Path<MemberPath>,
    Form(fields): Form<RoleForm>,
) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let member = member_of(&path)?;
    let Some(role) = Role::from_name(&fields.role) else {
        expect_member(&desk, member).await?;
        let faults = Faults::one("role", desk.words.t("settings-fault-role-unknown"));
        return draw(&desk, MemberForm::default(), faults).await;
    };
    let changed = desk
        .directory
        .change_role(desk.business.id, member, role)
        .await;
    ended(&desk, changed, "/settings/members?done=done-role").await
}

pub async fn remove(desk: Desk, Path(path): Path<MemberPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let member = member_of(&path)?;
    let removed = desk.directory.remove_member(desk.business.id, member).await;
    ended(&desk, removed, "/settings/members?done=done-member-removed").await
}

async fn ended(
    desk: &Desk,
    done: Result<(), directory::Error>,
    to: &str,
) -> Result<Response, Error> {
    match done {
        Ok(()) => Ok(Redirect::to(&desk.at(to)).into_response()),
        Err(error) => {
            let faults = super::faults(&desk.words, error)?;
            draw(desk, MemberForm::default(), faults).await
        }
    }
}

fn member_of(path: &MemberPath) -> Result<MemberId, Error> {
    path.member.parse().map_err(|_| Error::NotFound)
}

async fn expect_member(desk: &Desk, id: MemberId) -> Result<(), Error> {
    let members = desk.store.members_of_business(desk.business.id).await?;
    match members.iter().any(|member| member.id == id) {
        true => Ok(()),
        false => Err(Error::NotFound),
    }
}

async fn draw(desk: &Desk, fields: MemberForm, faults: Faults) -> Result<Response, Error> {
    let words = desk.words;
    let role_words = |role: Role| words.t(format!("role-{}", role.name())).to_string();
    let members = desk.store.members_of_business(desk.business.id).await?;
    let members = members.into_iter().filter_map(|member| {
        let role = Role::from_name(&member.role)?;
        Some(MemberRow {
            id: member.id,
            role: role.name(),
            is_me: member.id == desk.member.id,
            since: words.day(member.created_at, &desk.zone),
            name: member.display_name,
            email: member.email,
        })
    });
    let roles = Role::ALL.map(|role| RoleChoice {
        name: role.name(),
        words: role_words(role),
        explanation: words.t(format!("role-{}-text", role.name())).to_string(),
    });
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = MembersPage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/members"),
        members: members.collect(),
        roles: roles.into(),
        fields,
        faults,
    };
    page::show_as(status, &shown)
}
