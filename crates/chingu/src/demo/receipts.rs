//! What friends did with the broadcasts of the past: most opened, some tapped, soon after they came.
//!
//! The same friends do the same in every demo: who does what follows from their number and the
//! broadcast's place.

use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::receipt::{Receipt, ReceiptKind};
use domain::user::UserNumber;
use store::Store;
use store::campaign::Campaign;

/// Chunks of which friends are read at once.
const CHUNKS_PER_PAGE: u32 = 64;
/// Of a hundred who got it.
const OPENED: u64 = 66;
const CLICKED: u64 = 17;
/// The last who open do it so many seconds later; half do it within an eighth of it.
const OPENED_WITHIN_SECONDS: u64 = 20 * 3_600;

/// Lets those whom a broadcast reached open it and tap its links.
pub async fn tell(store: &Store, campaign: &Campaign, place: u64) -> anyhow::Result<()> {
    let links = store
        .links_of_campaign(campaign.business, campaign.id)
        .await?;
    let mut receipts = Vec::new();
    for number in reached(store, campaign).await? {
        let chance = mixed(u64::from(number.0) << 8 | place);
        if chance % 100 >= OPENED {
            continue;
        }
        // A cube: many at once, few in the evening.
        let part = (chance >> 16) % 1_000;
        let opened = 8 + OPENED_WITHIN_SECONDS * part * part * part / 1_000_000_000;
        let receipt = |kind, link, second: u64| Receipt {
            number,
            kind,
            link,
            second: u32::try_from(second).unwrap_or(u32::MAX),
        };
        receipts.push(receipt(ReceiptKind::Opened, None, opened));
        if chance % 100 < CLICKED {
            // Two in three take the first link.
            let first = u64::from((chance >> 32) % 3 == 0);
            let link = links.get((first as usize).min(links.len().saturating_sub(1)));
            let clicked = opened + 3 + (chance >> 40) % 40;
            let link = link.map(|link| link.place);
            receipts.push(receipt(ReceiptKind::Clicked, link, clicked));
        }
    }
    receipts.sort_unstable();
    let mut write = store.write().await?;
    write.take_receipts(campaign.id, &receipts).await?;
    Ok(write.commit().await?)
}

/// Whom the messenger accepted.
async fn reached(store: &Store, campaign: &Campaign) -> anyhow::Result<Vec<UserNumber>> {
    let mut reached = Vec::new();
    let snapshot = store.snapshot().await?;
    let record = snapshot
        .recorded_campaign(campaign.business, campaign.id)
        .await?;
    let id: CampaignId = record.id;
    let mut after = None;
    while let Some(month) = record.month {
        let page = snapshot
            .record_page(month, id, record.currency, after, CHUNKS_PER_PAGE)
            .await?;
        let Some(last) = page.chunks.last() else {
            break;
        };
        after = Some(last.id.number);
        for chunk in &page.chunks {
            let outcomes = chunk.outcomes()?.unwrap_or_default();
            let each = chunk.numbers()?.into_iter().zip(outcomes);
            let accepted = each.filter(|(_, outcome)| *outcome == Outcome::Accepted);
            reached.extend(accepted.map(|(number, _)| number));
        }
    }
    snapshot.end().await?;
    Ok(reached)
}

/// SplitMix64: neighbours become strangers.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
