//! Rich menus: made of a picture and a layout, shown to every friend, and what these did with them.
//!
//! What programs of the brand made is listed and shown; it is theirs to change.

mod form; // what was typed, and the menu that it says

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use directory::media::path_of_hash;
use directory::{MediaError, MenuError, MenusOf, Permission};
use domain::message::Rules;
use domain::receipt::Sum;
use domain::rich_menu::{LAYOUTS, Layout, MenuOrigin, RichMenu, RichMenuId};
use domain::time::LocalDay;
use serde::Deserialize;
use store::rich_menu::StoredMenu;
use store::rich_menu::figures::MenuDeed;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::media::{self, NotTaken};
use crate::page;
use crate::state::ConsoleState;
use form::{ACTIONS, AreaForm, MenuForm, PICTURE};

/// Days that a menu's figures are added up over.
const FIGURES_DAYS: i32 = 30;

#[derive(Template)]
#[template(path = "menus/list.html")]
struct MenusPage<'a> {
    frame: Frame<'a>,
    words: Words,
    menus: Vec<MenuRow>,
    layouts: Vec<LayoutChoice>,
    layout: Layout,
    areas: Vec<AreaField<'a>>,
    fields: &'a MenuForm,
    faults: Faults,
    may_compose: bool,
}

struct MenuRow {
    path: String,
    name: String,
    bar: String,
    since: String,
    is_default: bool,
    is_of_program: bool,
    picture: Option<String>,
}

struct LayoutChoice {
    layout: Layout,
    is_current: bool,
}

/// One area of the form, and where it lies.
struct AreaField<'a> {
    number: usize,
    at: String,
    shape: Shape,
    form: &'a AreaForm,
}

/// Pixels of the menu.
struct Shape {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

#[derive(Template)]
#[template(path = "menus/menu.html")]
struct MenuPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    bar: String,
    width: u32,
    height: u32,
    picture: Option<String>,
    areas: Vec<AreaRow>,
    shown: Sum,
    is_default: bool,
    is_own: bool,
}

struct AreaRow {
    number: usize,
    shape: Shape,
    label: String,
    tapped: Sum,
}

#[derive(Debug, Deserialize)]
pub struct MenuPath {
    menu: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    layout: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DefaultForm {
    on: String,
}

/// `GET /console/{handle}/menus`.
pub async fn list(desk: Desk, Query(query): Query<ListQuery>) -> Result<Response, Error> {
    let fields = MenuForm::of(&query.layout);
    draw(&desk, &fields, Faults::default()).await
}

/// `POST /console/{handle}/menus`: makes a menu with its picture.
pub async fn create(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    request: Request,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let upload = match media::read(request, PICTURE).await {
        Ok(upload) => upload,
        // Too large to be read: what was typed beside it is gone with it.
        Err(refusal) => {
            let faults = picture_fault(&desk, refusal)?;
            return draw(&desk, &MenuForm::of(""), faults).await;
        }
    };
    let fields = MenuForm::sent(&upload);
    let mut faults = Faults::default();
    let menu = fields.menu(&desk.words, &state.rules, &mut faults);
    if upload.file.is_none() {
        faults.add(PICTURE, desk.words.t("menus-fault-picture"));
    }
    let (Some(menu), Some(file), true) = (menu, upload.file, faults.is_empty()) else {
        return draw(&desk, &fields, faults).await;
    };
    let own = own(&desk);
    let id = desk.directory.add_menu(own, &menu).await.map_err(refused)?;
    let set = desk.directory.set_menu_picture(own, id, file.bytes, true);
    if let Err(error) = set.await {
        // Without its picture it is nothing that anybody wants to keep.
        desk.directory.delete_menu(own, id).await.map_err(refused)?;
        let MenuError::Media(MediaError::Unfit(fault)) = error else {
            return Err(refused(error));
        };
        let faults = picture_fault(&desk, NotTaken::of(fault))?;
        return draw(&desk, &fields, faults).await;
    }
    let path = desk.at(&format!("/menus/{id}?done=done-menu"));
    Ok(Redirect::to(&path).into_response())
}

/// `GET /console/{handle}/menus/{menu}`.
pub async fn show(desk: Desk, Path(path): Path<MenuPath>) -> Result<Response, Error> {
    let stored = found(&desk, &path).await?;
    let menu = read(&stored)?;
    let words = desk.words;
    let today = LocalDay::of(desk.now, &desk.zone);
    let from = LocalDay::from_number(today.number() - FIGURES_DAYS + 1);
    let account = desk.account.id;
    let figures = desk.store.menu_figures(account, stored.id, from, today);
    let whole = figures.await?.whole;
    let sum = |deed| whole.get(&deed).copied().unwrap_or_default();
    let areas = (0u8..).zip(&menu.areas).map(|(place, area)| AreaRow {
        number: usize::from(place) + 1,
        shape: Shape {
            x: area.bounds.x,
            y: area.bounds.y,
            width: area.bounds.width,
            height: area.bounds.height,
        },
        label: form::in_words(&words, &area.action),
        tapped: sum(MenuDeed::Tapped(place)),
    });
    let default = desk.store.default_menu(account, stored.origin).await?;
    page::show(&MenuPage {
        frame: Frame::of(&desk, Place::Menus),
        words,
        path: desk.at(&format!("/menus/{}", stored.id)),
        areas: areas.collect(),
        shown: sum(MenuDeed::Shown),
        width: menu.size.width,
        height: menu.size.height,
        name: menu.name,
        bar: menu.chat_bar_text,
        picture: picture(&stored),
        is_default: default == Some(stored.id),
        is_own: stored.origin == MenuOrigin::Console && desk.may(Permission::Compose),
    })
}

/// `POST /console/{handle}/menus/{menu}/default`: shows it to everybody, or takes it away.
pub async fn set_default(
    desk: Desk,
    Path(path): Path<MenuPath>,
    Form(fields): Form<DefaultForm>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let stored = found(&desk, &path).await?;
    let own = own(&desk);
    let key = match fields.on.as_str() {
        "1" => {
            let set = desk.directory.set_default_menu(own, stored.id);
            set.await.map_err(refused)?;
            "done-menu-default"
        }
        _ => {
            let current = desk.store.default_menu(own.account, own.origin).await?;
            if current == Some(stored.id) {
                let cleared = desk.directory.clear_default_menu(own);
                cleared.await.map_err(refused)?;
            }
            "done-menu-no-default"
        }
    };
    let path = desk.at(&format!("/menus/{}?done={key}", stored.id));
    Ok(Redirect::to(&path).into_response())
}

/// `POST /console/{handle}/menus/{menu}/delete`.
pub async fn delete(desk: Desk, Path(path): Path<MenuPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let stored = found(&desk, &path).await?;
    let deleted = desk.directory.delete_menu(own(&desk), stored.id);
    deleted.await.map_err(refused)?;
    Ok(Redirect::to(&desk.at("/menus?done=done-menu-deleted")).into_response())
}

async fn draw(desk: &Desk, fields: &MenuForm, faults: Faults) -> Result<Response, Error> {
    let (words, account) = (desk.words, desk.account.id);
    let mut menus = Vec::new();
    for origin in [MenuOrigin::Console, MenuOrigin::Program] {
        let default = desk.store.default_menu(account, origin).await?;
        for stored in desk.store.menus(account, origin).await? {
            let menu = read(&stored)?;
            menus.push(MenuRow {
                path: desk.at(&format!("/menus/{}", stored.id)),
                name: menu.name,
                bar: menu.chat_bar_text,
                since: words.day(stored.created_at, &desk.zone),
                is_default: default == Some(stored.id),
                is_of_program: origin == MenuOrigin::Program,
                picture: picture(&stored),
            });
        }
    }
    let layout = fields.layout;
    let areas = layout.areas();
    let areas = areas.iter().zip(&fields.areas).enumerate();
    let areas = areas.map(|(index, (area, form))| AreaField {
        number: index + 1,
        at: format!("area-{index}"),
        shape: Shape {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        },
        form,
    });
    let page = MenusPage {
        frame: Frame::of(desk, Place::Menus),
        words,
        menus,
        layouts: LAYOUTS
            .into_iter()
            .map(|one| LayoutChoice {
                layout: one,
                is_current: one == layout,
            })
            .collect(),
        layout,
        areas: areas.collect(),
        fields,
        faults,
        may_compose: desk.may(Permission::Compose),
    };
    page::show_as(page.faults.status(), &page)
}

impl MenusPage<'_> {
    /// What an area may do, with its words.
    fn actions(&self) -> [&'static str; 5] {
        ACTIONS
    }
}

impl Shape {
    /// Its middle: where a number stands.
    fn middle(&self) -> (u32, u32) {
        (self.x + self.width / 2, self.y + self.height / 2)
    }
}

fn own(desk: &Desk) -> MenusOf {
    MenusOf {
        business: desk.business.id,
        account: desk.account.id,
        origin: MenuOrigin::Console,
    }
}

async fn found(desk: &Desk, path: &MenuPath) -> Result<StoredMenu, Error> {
    let id = RichMenuId::parse(&path.menu).ok_or(Error::NotFound)?;
    let menu = desk.store.menu(desk.account.id, id).await?;
    menu.ok_or(Error::NotFound)
}

fn read(stored: &StoredMenu) -> Result<RichMenu, Error> {
    RichMenu::parse(&stored.content, &Rules::default())
        .map_err(|errors| Error::Broken(format!("rich_menu.content: {errors:?}")))
}

/// The picture's address on this installation.
fn picture(stored: &StoredMenu) -> Option<String> {
    let picture = stored.picture.as_ref()?;
    Some(path_of_hash(&picture.hash, &picture.content_type))
}

fn picture_fault(desk: &Desk, refusal: NotTaken) -> Result<Faults, Error> {
    match refusal {
        NotTaken::Fault(_, key) => Ok(Faults::one(PICTURE, desk.words.t(key))),
        NotTaken::Other(error) => Err(error),
    }
}

fn refused(error: MenuError) -> Error {
    match error {
        MenuError::NoMenu | MenuError::NoAlias => Error::NotFound,
        MenuError::Media(MediaError::Other(error)) => error.into(),
        other => Error::Conflict(other.to_string()),
    }
}
