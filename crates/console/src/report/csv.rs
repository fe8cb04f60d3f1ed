//! Every send as a file: streamed page by page, so that ten million lines take no more memory than
//! a page.

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use billing::report::{ReportPage, SendReport};
use directory::Permission;
use futures_util::stream;

use super::sends::{Asked, Wish};
use crate::desk::Desk;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};

pub async fn download(
    desk: Desk,
    Path(path): Path<CampaignPath>,
    asked: Asked,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    let wish = Wish::read(&desk, asked).await?;
    if !wish.is_possible() {
        let said = desk.words.t("report-fault-friend").to_string();
        return Err(Error::Unreadable(said));
    }
    let (store, business) = (&desk.store, desk.business.id);
    let mut report = SendReport::open_filtered(store, business, campaign.id, wish.filter).await?;
    // What cannot be read at all is a page that says so, not a file that breaks off.
    let header = report.next_page().await?;
    let pages = stream::unfold(Some((report, header)), |turn| async move {
        let (mut report, ready) = turn?;
        if let Some(page) = ready {
            return Some((Ok(bytes_of(page)), Some((report, None))));
        }
        match report.next_page().await {
            Ok(Some(page)) => Some((Ok(bytes_of(page)), Some((report, None)))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a report broke off");
                // The connection ends without its last chunk: a browser says that it failed.
                Some((Err(error), None))
            }
        }
    });
    let name = format!("attachment; filename=\"sends-{}.csv\"", campaign.id);
    let name = HeaderValue::from_str(&name).map_err(|error| Error::Broken(error.to_string()))?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        ),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn bytes_of(page: ReportPage) -> Bytes {
    Bytes::from(page.csv)
}
