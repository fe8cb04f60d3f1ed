//! The card beside the preview: what the draft says goes to registered testers, free, and the draft
//! stays as it is. Below it stands what was tested before.

use directory::{Permission, TestRequest};
use domain::id::UserId;
use domain::money::Money;
use domain::test_send::TESTS_MAX;
use scheduler::{Launched, SchedulerError};
use store::campaign::Campaign;
use store::tester::{TestSend, Tester};

use super::Finished;
use crate::desk::Desk;
use crate::error::Error;
use crate::friends::name_or_dash;
use crate::state::ConsoleState;

/// Tests of a draft that are shown, the latest first.
const TESTS_SHOWN: u32 = 5;

pub struct TestCard {
    pub testers: Vec<TesterChoice>,
    pub sent: Vec<SentTest>,
    /// Where testers are registered, for whoever may.
    pub register: Option<String>,
}

pub struct TesterChoice {
    pub id: UserId,
    pub name: String,
    pub key: String,
}

/// One test, with the way to its sends.
pub struct SentTest {
    pub path: String,
    pub time: String,
    /// How many of them got it.
    pub came: String,
}

impl TestCard {
    pub async fn of(desk: &Desk, campaign: &Campaign) -> Result<Self, Error> {
        let (testers, sent) = tokio::try_join!(
            desk.store.testers(desk.account.id),
            desk.store.tests_of(campaign.id, TESTS_SHOWN),
        )?;
        let choice = |tester: Tester| TesterChoice {
            id: tester.id,
            name: name_or_dash(&tester.display_name, &desk.words),
            key: tester.key.as_str().to_owned(),
        };
        let may_register = desk.may(Permission::ManageSettings);
        Ok(Self {
            testers: testers.into_iter().map(choice).collect(),
            sent: sent.iter().map(|test| SentTest::of(desk, test)).collect(),
            register: may_register.then(|| desk.at("/settings/testers")),
        })
    }
}

impl SentTest {
    fn of(desk: &Desk, test: &TestSend) -> Self {
        let came = desk
            .words
            .t("composer-test-came")
            .num("accepted", test.accepted)
            .num("testers", test.testers);
        Self {
            path: desk.at(&format!("/campaigns/{}/sends", test.id)),
            time: desk.words.time(test.created_at, &desk.zone),
            came: came.to_string(),
        }
    }
}

/// Sends what is finished to the testers that are ticked; why it was not, in the reader's words.
pub async fn send(
    state: &ConsoleState,
    desk: &Desk,
    draft: &Campaign,
    finished: &Finished,
    ticked: &[String],
) -> Result<Option<String>, Error> {
    let said = |key: &str| Ok(Some(desk.words.t(key).to_string()));
    let testers = desk.store.testers(desk.account.id).await?;
    let is_ticked = |tester: &&Tester| ticked.contains(&tester.id.to_string());
    let chosen: Vec<_> = testers
        .iter()
        .filter(is_ticked)
        .map(|tester| tester.number)
        .collect();
    let (business, account) = (desk.business.id, desk.account.id);
    let request = TestRequest {
        name: &finished.name,
        purpose: finished.purpose,
        messages: &finished.messages,
    };
    let begun = desk
        .directory
        .begin_test(business, account, draft.id, &request, &chosen, &state.rules)
        .await;
    let test = match begun {
        Ok(test) => test,
        Err(directory::Error::Refused { field: "tests", .. }) => {
            let words = desk.words.t("composer-test-too-many");
            return Ok(Some(words.num("count", TESTS_MAX).to_string()));
        }
        Err(directory::Error::Refused {
            field: "testers", ..
        }) => return said("composer-test-nobody"),
        Err(error) => return Err(error.into()),
    };
    // Dearer than nothing is refused.
    let nothing = Some(Money::zero(desk.business.currency));
    match desk.control.launch(business, test.id, nothing).await {
        Ok(Launched::Launched { .. }) => Ok(None),
        Ok(Launched::WaitsForFunds { .. }) => Err(Error::Broken(
            "a test that costs nothing waits for funds".into(),
        )),
        Err(error) => {
            desk.directory.discard(business, account, test.id).await?;
            match error {
                SchedulerError::NotPossible(why) => {
                    tracing::warn!(campaign = %test.id, %why, "a test was refused");
                    said("review-notice-refused")
                }
                error => Err(error.into()),
            }
        }
    }
}
