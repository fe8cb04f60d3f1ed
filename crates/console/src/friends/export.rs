//! The list of friends as a file: as it is filtered, however long it is.

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use directory::Permission;
use domain::friend::FriendState;
use domain::id::{AccountId, UserId};
use futures_util::stream;
use store::Store;
use store::friend_list::{FriendLine, FriendSearch, PageSize};
use words::Words;

use super::began;
use super::list::ListQuery;
use crate::desk::Desk;
use crate::error::Error;

/// Friends that are read at once.
const PAGE: u32 = 2_000;
/// Spreadsheet programs take the file for UTF-8 by this.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const COLUMNS: [&str; 9] = [
    "name",
    "key",
    "state",
    "ad-consent",
    "night-consent",
    "tags",
    "since",
    "source",
    "region",
];

/// Where a download stands between two pages.
enum Next {
    Beginning,
    After(UserId),
}

pub async fn show(desk: Desk, Query(query): Query<ListQuery>) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let (account, words) = (desk.account.id, desk.words);
    let (store, search) = (desk.store.clone(), query.search());
    let body = stream::try_unfold(Some(Next::Beginning), move |next| {
        let (store, search) = (store.clone(), search.clone());
        async move {
            let Some(next) = next else { return Ok(None) };
            page_of(&store, account, &search, words, next)
                .await
                .map(Some)
        }
    });
    let name = desk.account.handle.to_string().replace('@', "");
    let day = desk.now.to_string().chars().take(10).collect::<String>();
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"friends-{name}-{day}.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

async fn page_of(
    store: &Store,
    account: AccountId,
    search: &FriendSearch,
    words: Words,
    next: Next,
) -> Result<(Bytes, Option<Next>), store::StoreError> {
    let mut text = String::new();
    let after = match next {
        Next::Beginning => {
            text.push_str(BYTE_ORDER_MARK);
            let names = COLUMNS.map(|name| words.t(format!("friends-csv-{name}")).to_string());
            push_row(&mut text, &names);
            None
        }
        Next::After(id) => Some(id),
    };
    let size = PageSize::of(PAGE);
    let found = store.friends_page(account, search, after, size).await?;
    for friend in &found.friends {
        push_row(&mut text, &cells(friend));
    }
    Ok((Bytes::from(text), found.next.map(Next::After)))
}

fn cells(friend: &FriendLine) -> [String; 9] {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let bits = friend.flags.bits();
    let state = match friend.state {
        FriendState::Active => "active",
        FriendState::Blocked => "blocked",
        FriendState::Left => "left",
    };
    [
        friend.display_name.clone(),
        friend.key.as_str().to_owned(),
        state.to_owned(),
        yes(bits & 2 != 0),
        yes(bits & 6 == 6),
        friend.tags.join("|"),
        match began(friend.since) {
            true => friend.since.to_string(),
            false => String::new(),
        },
        friend.source.clone(),
        friend.region.clone().unwrap_or_default(),
    ]
}

/// One line; cells that a spreadsheet program would take for formulas begin with an apostrophe.
pub fn push_row<T: AsRef<str>>(text: &mut String, cells: &[T]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&text_cell(cell.as_ref()));
    }
    text.push_str("\r\n");
}

/// A cell of what people wrote: quoted where it must be, and never a formula.
pub fn text_cell(words: &str) -> String {
    quoted(&jobs::rejections::without_formula(words))
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_told_as_text_and_commas_do_not_part() {
        let mut text = String::new();
        push_row(&mut text, &["=1+1", "@a", "-2", "a,b", "say \"hi\"", "가"]);
        assert_eq!(text, "'=1+1,'@a,'-2,\"a,b\",\"say \"\"hi\"\"\",가\r\n");
    }
}
