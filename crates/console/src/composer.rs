//! The composer: the message step of a draft, and how drafts begin, are copied and end.
//!
//! What is typed is journalled in the browser and saved here part by part; every save answers with
//! what is wrong at which field and with the preview, drawn as the chat draws it.

pub mod begin; // drafts begun, copied, taken back, thrown away
pub mod content; // the composer's own JSON
pub mod fields; // the form by its fields' names
pub mod finished; // fit to be sent, or what is wrong
pub mod messages; // cards to message objects and back
pub mod page; // the page
pub mod preview; // the phone beside it
pub mod said; // the validator's words in the reader's
pub mod save; // what the page sends
pub mod test; // a test of the draft to registered testers
pub mod steps; // message, audience, schedule, review
pub mod view; // fields, cards and rows as they are shown

pub use finished::{Finished, finished};
pub use steps::{Step, Steps};

use domain::campaign::CampaignState;
use store::campaign::Campaign;
use store::draft::{DraftPart, Part};

use crate::desk::Desk;
use crate::error::Error;
use content::Content;

/// The message step as it stands, and the part it was saved as; campaigns that were written
/// elsewhere have none.
async fn content_of(
    desk: &Desk,
    campaign: &Campaign,
) -> Result<(Content, Option<DraftPart>), Error> {
    let parts = desk.store.draft_parts(campaign.id).await?;
    let Some(part) = parts.into_iter().find(|part| part.part == Part::Message) else {
        return Ok((written_elsewhere(campaign), None));
    };
    let content =
        Content::parse(&part.content).map_err(|error| Error::Broken(error.to_string()))?;
    Ok((content, Some(part)))
}

/// The cards of a campaign that has no draft's part.
pub fn written_elsewhere(campaign: &Campaign) -> Content {
    messages::content_of(&campaign.name, campaign.purpose, &campaign.messages)
}

/// Refuses what is not a draft any more, in the reader's words.
fn expect_draft(desk: &Desk, campaign: &Campaign) -> Result<(), Error> {
    match campaign.state {
        CampaignState::Draft => Ok(()),
        _ => Err(Error::Conflict(
            desk.words.t("composer-not-draft").to_string(),
        )),
    }
}
