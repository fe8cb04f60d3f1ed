//! Every send of a sealed day is proved by itself, and no proof serves for anything else.

use std::collections::BTreeMap;

use billing::proof::{NoProof, Sealing, SendProof};
use billing::sends::{SendFilter, SendLine};
use domain::merkle::TreeHash;
use domain::outcome::Outcome;
use domain::seal::{SEAL_DELAY, SealDay};
use store::campaign::Campaign;
use testkit::database::Engine;

use crate::world::{NOW, STEPS, Story, World, run};

testkit::on_both_engines![
    every_send_of_a_sealed_day_is_proved,
    a_day_that_is_not_sealed_proves_nothing,
];

async fn campaign_of(story: &Story) -> Campaign {
    let launch = "UPDATE campaign SET cut_sequence = 0, reach_mark = 0, not_after = 0";
    run(&story.world.raw, launch).await;
    story.world.store.campaign(story.campaign).await.unwrap()
}

async fn lines_of(world: &World, campaign: &Campaign) -> Vec<SendLine> {
    let (store, business) = (&world.store, campaign.business);
    let filter = SendFilter::default();
    let page = billing::sends::page(store, business, campaign.id, filter, None);
    let page = page.await.unwrap();
    assert!(page.next.is_none());
    page.lines
}

async fn seal(world: &World) {
    let over = SealDay::of(NOW).end() + SEAL_DELAY;
    let day = billing::seal::read_day(&world.store, over).await.unwrap();
    let mut write = world.store.write().await.unwrap();
    billing::seal::seal(&mut write, day.unwrap(), over)
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn every_send_of_a_sealed_day_is_proved(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let world = &story.world;
    seal(world).await;
    let campaign = campaign_of(&story).await;
    let lines = lines_of(world, &campaign).await;
    assert_eq!(lines.len(), 40);
    let mut proofs = Vec::new();
    let mut bookings = BTreeMap::new();
    for line in &lines {
        let evidence = billing::evidence(&world.store, &campaign, line).await;
        let evidence = evidence.unwrap();
        let proof = billing::prove(&world.store, &campaign, line).await.unwrap();
        let Some(chunk) = &line.chunk else {
            assert_eq!((evidence.sealing, proof), (Sealing::NotRecorded, None));
            continue;
        };
        let proof = proof.unwrap();
        let proved = proof.check().unwrap();
        assert!(matches!(evidence.sealing, Sealing::Sealed(seal) if seal.hash == proved.seal_hash));
        assert_eq!(proved.chunk.id, chunk.id);
        // What became known later is not under the seal; what the settle said is.
        match evidence.amendment {
            Some(_) => assert_eq!(proved.outcome, Outcome::Uncertain),
            None => assert_eq!(Some(proved.outcome), line.outcome),
        }
        let is_billable = line.outcome.is_some_and(Outcome::is_billable);
        assert_eq!(
            evidence.bookings.len(),
            usize::from(is_billable),
            "{line:?}"
        );
        for booking in evidence.bookings {
            let booked = booking.transaction.unwrap();
            *bookings.entry(booked.sequence).or_insert(0) += 1;
        }
        let pushes = usize::from(chunk.id.round) + 1;
        let unsent = line.outcome == Some(Outcome::Cancelled);
        assert_eq!(evidence.pushes.len(), if unsent { 0 } else { pushes });
        let json = serde_json::to_string(&proof).unwrap();
        assert_eq!(serde_json::from_str::<SendProof>(&json).unwrap(), proof);
        proofs.push(proof);
    }
    assert_eq!(proofs.len(), 24);
    // Two transactions of the roll-up: 8 + 2 of the first chunks, then 1, 5 and one told later.
    assert_eq!(bookings, BTreeMap::from([(3, 10), (4, 7)]));
    for (index, proof) in proofs.iter().enumerate() {
        let other = &proofs[(index + 1) % proofs.len()];
        no_proof_for_anything_else(proof, other);
    }
}

fn no_proof_for_anything_else(proof: &SendProof, other: &SendProof) {
    let bent = |bend: &dyn Fn(&mut SendProof)| {
        let mut bent = proof.clone();
        bend(&mut bent);
        bent.check()
    };
    let day = proof.seal.day;
    let wrong = [
        bent(&|proof| proof.version = 2),
        bent(&|proof| proof.record.clear()),
        bent(&|proof| proof.record.insert(0, '0')),
        bent(&|proof| proof.chunk += 7),
        bent(&|proof| proof.round += 7),
        bent(&|proof| proof.outcome_code = 0),
        bent(&|proof| proof.outcome_code = Outcome::WrittenOff.code()),
        bent(&|proof| proof.position += 1),
        bent(&|proof| proof.user_number = other.user_number),
        bent(&|proof| proof.recipient.path.push(TreeHash::empty())),
        bent(&|proof| proof.inclusion.index += 1),
        bent(&|proof| proof.inclusion.leaves += 1),
        bent(&|proof| proof.inclusion.path.clear()),
        bent(&|proof| proof.seal.root = TreeHash::empty()),
        bent(&|proof| proof.seal.sends += 1),
        bent(&|proof| proof.seal_hash = TreeHash::empty()),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        assert!(wrong.is_err(), "{number}: {wrong:?}");
    }
    let earlier = bent(&|proof| proof.seal.day = SealDay::from_number(day.number() - 1));
    assert!(
        matches!(earlier, Err(NoProof::AnotherDay { .. })),
        "{earlier:?}"
    );
}

async fn a_day_that_is_not_sealed_proves_nothing(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let world = &story.world;
    let campaign = campaign_of(&story).await;
    let lines = lines_of(world, &campaign).await;
    let proof = billing::prove(&world.store, &campaign, &lines[0]).await;
    assert_eq!(proof.unwrap(), None);
    let evidence = billing::evidence(&world.store, &campaign, &lines[0]).await;
    let sealing = evidence.unwrap().sealing;
    assert_eq!(sealing, Sealing::Open(SealDay::of(NOW)));
    seal(world).await;
    // Somebody was at it after it was sealed.
    run(&world.raw, "UPDATE chunk SET tariff = 2 WHERE number = 0").await;
    let evidence = billing::evidence(&world.store, &campaign, &lines[0]).await;
    assert!(matches!(evidence.unwrap().sealing, Sealing::Changed(_)));
    let proof = billing::prove(&world.store, &campaign, &lines[0]).await;
    let checked = proof.unwrap().unwrap().check();
    assert_eq!(checked, Err(NoProof::NotUnderRoot(SealDay::of(NOW))));
}
