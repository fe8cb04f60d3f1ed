//! Days are sealed once they are over, and every hand that is laid on the books afterwards is named
//! at its place.

use billing::{Invariant, Verification};
use domain::ledger::ChainHash;
use domain::seal::{Seal, SealDay};
use domain::time::Timestamp;
use store::Store;
use store::seal::RecordedSeal;
use testkit::database::{Engine, Raw, TestDatabase};

use crate::world::{MIDWAY, NOW, STEPS, Story, blob, run};

testkit::on_both_engines![
    a_day_is_sealed_once_it_is_over_and_rolled_up,
    who_settles_late_is_under_the_next_seal,
    every_hand_laid_on_the_books_is_named,
    a_chain_that_is_written_anew_is_not_the_one_that_was_sealed,
    faults_past_the_list_are_counted,
];

/// The day of the story, and the days that were sealed with it.
const DAYS: u32 = 3;

fn day() -> SealDay {
    SealDay::of(NOW)
}

fn after_days(days: u32) -> Timestamp {
    let last = (1..days).fold(day(), |day, _| day.next());
    last.end() + domain::seal::SEAL_DELAY
}

/// Seals whatever can be sealed at a moment.
async fn seal_until(store: &Store, now: Timestamp) -> Vec<RecordedSeal> {
    let mut sealed = Vec::new();
    while let Some(day) = billing::seal::read_day(store, now).await.unwrap() {
        let mut write = store.write().await.unwrap();
        let seal = billing::seal::seal(&mut write, day, now).await.unwrap();
        write.commit().await.unwrap();
        sealed.push(seal);
    }
    sealed
}

async fn verified(store: &Store) -> Verification {
    billing::verify(store, None).await.unwrap()
}

async fn a_day_is_sealed_once_it_is_over_and_rolled_up(engine: Engine) {
    let story = Story::until(engine, 3).await;
    let store = &story.world.store;
    let over = after_days(1);
    assert!(
        billing::seal::read_day(store, over)
            .await
            .unwrap()
            .is_none()
    );
    story.world.roll_up().await;
    let early = Timestamp::from_millis(over.as_millis() - 1);
    assert!(
        billing::seal::read_day(store, early)
            .await
            .unwrap()
            .is_none()
    );
    let sealed = seal_until(store, over).await;
    assert_eq!(sealed.len(), 1);
    let seal = sealed[0].seal;
    assert_eq!((seal.day, seal.previous), (day(), Seal::GENESIS));
    // The second chunk moved two of its six to another round.
    assert_eq!((seal.chunks, seal.sends, seal.heads), (2, 12, 1));
    let found = verified(store).await;
    assert!(found.clean, "{found}");
    assert_eq!((found.seals, found.chunks), (1, 2));
    assert_eq!(found.sealed_until, Some(day().to_string()));

    // Days on which nothing happened are sealed, too: so none can be taken out.
    let later = seal_until(store, after_days(DAYS)).await;
    assert_eq!(later.len(), 2);
    assert_eq!(later[0].seal.previous, sealed[0].hash);
    assert_eq!(later[1].seal.previous, later[0].hash);
    assert!(
        later
            .iter()
            .all(|one| one.seal.chunks == 0 && one.seal.heads == 0)
    );
    let found = verified(store).await;
    assert!(found.clean, "{found}");
    assert_eq!(found.seals, 3);
    let words = found.to_string();
    assert!(words.ends_with("nothing was changed"), "{words}");
    let one = billing::verify(store, Some(story.world.business))
        .await
        .unwrap();
    assert_eq!((one.clean, one.chains.len(), one.seals), (true, 1, 0));
    assert!(
        billing::verify(store, Some(story.world.fresh()))
            .await
            .is_err()
    );
}

async fn who_settles_late_is_under_the_next_seal(engine: Engine) {
    let story = Story::until(engine, MIDWAY).await;
    let world = &story.world;
    world.roll_up().await;
    let first = seal_until(&world.store, after_days(1)).await;
    assert_eq!(first[0].seal.chunks, 3);
    for step in MIDWAY + 1..STEPS {
        story.step(step).await;
    }
    // Settled on a day that is sealed, by a clock that was set back.
    let late = "UPDATE chunk SET sequence = (SELECT mark FROM day_seal) WHERE number >= 65536";
    assert_eq!(run(&world.raw, late).await, 2);
    let found = verified(&world.store).await;
    assert!(found.clean, "{found}");
    let second = seal_until(&world.store, after_days(2)).await;
    assert_eq!(second[0].seal.chunks, 2);
    let found = verified(&world.store).await;
    assert!(found.clean, "{found}");
    assert_eq!((found.seals, found.chunks), (2, 5));
}

/// What somebody does behind the back of the program, and where it has to be named.
struct Tampered {
    what: &'static str,
    sql: String,
    /// Each stands in one fault; together they are the place.
    places: Vec<String>,
    /// Whether `chingu reconcile` names it as well.
    reconcile: Option<Invariant>,
}

fn tampered(
    what: &'static str,
    places: &[&str],
    reconcile: Option<Invariant>,
    sql: impl Into<String>,
) -> Tampered {
    Tampered {
        what,
        sql: sql.into(),
        places: places.iter().map(|place| (*place).to_owned()).collect(),
        reconcile,
    }
}

fn of_the_ledger() -> Vec<Tampered> {
    let broken = Some(Invariant::ChainUnbroken);
    let gone = |sequence: &str| {
        format!(
            "DELETE FROM ledger_entry WHERE ledger_transaction IN
               (SELECT id FROM ledger_transaction WHERE sequence {sequence});
             DELETE FROM ledger_transaction WHERE sequence {sequence}"
        )
    };
    vec![
        tampered(
            "booked at another time",
            &["transaction 2 ", "(hold:cmp_", "its hash is"],
            broken,
            "UPDATE ledger_transaction SET booked_at = booked_at + 1 WHERE sequence = 2",
        ),
        tampered(
            "another amount, balanced",
            &["transaction 3 ", "(capture:biz_", "its hash is"],
            broken,
            "UPDATE ledger_entry SET amount = amount * 2 WHERE ledger_transaction IN
               (SELECT id FROM ledger_transaction WHERE sequence = 3)",
        ),
        tampered(
            "an entry that does not balance",
            &["transaction 1 ", "(topup:bank-1)", "that sum to"],
            Some(Invariant::TransactionsBalance),
            "UPDATE ledger_entry SET amount = amount - 1 WHERE position = 0
               AND ledger_transaction IN
               (SELECT id FROM ledger_transaction WHERE sequence = 1)",
        ),
        tampered(
            "another key",
            &["transaction 1 ", "(topup:bank-2)", "its hash is"],
            broken,
            "UPDATE ledger_transaction SET idempotency_key = 'topup:bank-2' WHERE sequence = 1",
        ),
        tampered(
            "one in the middle is gone",
            &["transaction 4 ", "the 1 before it, from 3 on, are missing"],
            broken,
            gone("= 3"),
        ),
        tampered(
            "two changed places",
            &["transaction 2 ", "it follows", "transaction 3 "],
            broken,
            "UPDATE ledger_transaction SET sequence = 99 WHERE sequence = 2;
             UPDATE ledger_transaction SET sequence = 2 WHERE sequence = 3;
             UPDATE ledger_transaction SET sequence = 3 WHERE sequence = 99",
        ),
        tampered(
            "the last one is gone",
            &["the ledger ends with 4", "saw 5", "the last 1 are missing"],
            broken,
            gone("= 5"),
        ),
        tampered(
            "the last three are gone, and the wallet was made to fit",
            &["the ledger ends with 2", "saw 5", "the last 3 are missing"],
            broken,
            format!(
                "{}; UPDATE wallet SET available = 640000000, held = 360000000",
                gone("> 2")
            ),
        ),
        tampered(
            "the whole ledger is gone",
            &["the ledger ends with 0", "the last 5 are missing"],
            broken,
            gone("> 0"),
        ),
        tampered(
            "the hash of the one before",
            &["transaction 4 ", "it follows 0000"],
            broken,
            format!(
                "UPDATE ledger_transaction SET previous_hash = {} WHERE sequence = 4",
                blob(&[0; 32])
            ),
        ),
        tampered(
            "a kind there is not",
            &["what comes after 3 cannot be read", "ledger_transaction"],
            None,
            "UPDATE ledger_transaction SET kind = 99 WHERE sequence = 4",
        ),
        tampered(
            "money from nowhere",
            &["the wallet of biz_"],
            Some(Invariant::WalletIsLedger),
            "UPDATE wallet SET available = available + 1",
        ),
    ]
}

fn of_the_record(engine: Engine) -> Vec<Tampered> {
    use domain::outcome::{Outcome, RejectionCode};
    let mut outcomes = [Outcome::Accepted; 8];
    outcomes[3] = Outcome::Failed(RejectionCode::Blocked);
    let changed = "what was sealed of it is";
    vec![
        tampered(
            "an outcome, with the counts",
            &["/0.0", changed],
            Some(Invariant::CapturesArePrices),
            format!(
                "UPDATE chunk SET outcomes = {}, accepted = 7, failed = 1 WHERE number = 0",
                engine.outcomes(&outcomes)
            ),
        ),
        tampered(
            "an outcome, with all that follows from it",
            &["/0.0", changed],
            None,
            format!(
                "UPDATE chunk SET outcomes = {}, accepted = 7, failed = 1 WHERE number = 0;
                 UPDATE capture SET units = 7, amount = 7 * unit_price WHERE number = 0",
                engine.outcomes(&outcomes)
            ),
        ),
        tampered(
            "somebody else got it",
            &["/1.1", changed],
            Some(Invariant::MovedIsNextRound),
            format!(
                "UPDATE chunk SET numbers = {} WHERE round = 1",
                engine.numbers(&[13, 15])
            ),
        ),
        tampered(
            "another message",
            &["/65536.0", changed],
            None,
            format!(
                "UPDATE chunk SET content_hash = {} WHERE number = 65536",
                blob(&[0xcd; 32])
            ),
        ),
        tampered(
            "a capture is gone",
            &["/0.0", changed],
            Some(Invariant::AcceptedIsCaptured),
            "DELETE FROM capture WHERE number = 0",
        ),
        tampered(
            "a capture at another price",
            &["/1.0", changed],
            Some(Invariant::CapturesArePrices),
            "UPDATE capture SET unit_price = 1, amount = units WHERE number = 1 AND round = 0",
        ),
        tampered(
            "a chunk is gone",
            &["/0.0", "it was sealed and is not in the record"],
            Some(Invariant::NoOrphans),
            "DELETE FROM chunk WHERE number = 0",
        ),
        tampered(
            "a chunk of another day",
            &[
                "/0.0",
                "it was sealed and is not in the record",
                "was not sealed",
            ],
            None,
            "UPDATE chunk SET settled_at = settled_at + 86400000 WHERE number = 0",
        ),
        tampered(
            "a chunk of another hour",
            &["/0.0", changed],
            None,
            "UPDATE chunk SET settled_at = settled_at - 3600000 WHERE number = 0",
        ),
        tampered(
            "a chunk that nobody sent",
            &["/0.9", "was not sealed"],
            Some(Invariant::MovedIsNextRound),
            "UPDATE chunk SET round = 9 WHERE number = 0",
        ),
        tampered(
            "the whole campaign is gone",
            &[
                "/0.0",
                "/1.0",
                "/1.1",
                "/65536.0",
                "/65537.0",
                "is not in the record",
            ],
            None,
            "DELETE FROM chunk; DELETE FROM capture; DELETE FROM campaign",
        ),
    ]
}

fn of_the_seals() -> Vec<Tampered> {
    let first = format!("the seal of {}", day());
    let last = format!("the seal of {}", day().next().next());
    let (number, second) = (day().number(), day().next().number());
    vec![
        tampered(
            "a seal says something else",
            &[&first, "its hash is"],
            None,
            format!("UPDATE day_seal SET sends = sends + 1 WHERE day = {number}"),
        ),
        tampered(
            "a seal is gone",
            &[&last, "are missing"],
            None,
            format!("DELETE FROM day_seal WHERE day = {second}"),
        ),
        tampered(
            "a seal under another hash",
            &[&last, "it follows the seal"],
            None,
            format!(
                "UPDATE day_seal SET hash = {} WHERE day = {second}",
                blob(&[0; 32])
            ),
        ),
        tampered(
            "the stored leaves are gone",
            &[&first, "/0.0", "was not sealed"],
            None,
            "DELETE FROM day_seal_leaves",
        ),
        tampered(
            "a head is gone",
            &[&first, "1 heads of ledgers were sealed", "0 stand there"],
            None,
            "DELETE FROM day_seal_head",
        ),
        tampered(
            "a head says something else",
            &[&first, "heads of ledgers were sealed"],
            Some(Invariant::ChainUnbroken),
            format!("UPDATE day_seal_head SET hash = {}", blob(&[1; 32])),
        ),
    ]
}

/// The finished story, sealed, with two days after it.
async fn sealed_story(engine: Engine) -> TestDatabase {
    let story = Story::until(engine, STEPS - 1).await;
    let sealed = seal_until(&story.world.store, after_days(DAYS)).await;
    assert_eq!(sealed.len(), DAYS as usize);
    story.world.put_away().await
}

/// A copy of a database after somebody was at it.
async fn after(original: &TestDatabase, sql: &str) -> (Store, TestDatabase) {
    let copy = original.copy().await;
    let raw = copy.unchecked().await;
    run(&raw, sql).await;
    raw.close().await;
    (Store::open(&copy.config()).await.unwrap(), copy)
}

async fn every_hand_laid_on_the_books_is_named(engine: Engine) {
    let original = sealed_story(engine).await;
    let (store, _copy) = after(&original, "SELECT 1").await;
    let found = verified(&store).await;
    assert!(found.clean, "{found}");
    assert_eq!((found.transactions, found.seals, found.chunks), (5, 3, 5));
    store.close().await.unwrap();
    let all = [of_the_ledger(), of_the_record(engine), of_the_seals()];
    for tampered in all.into_iter().flatten() {
        let Tampered { what, sql, .. } = tampered;
        let (store, _copy) = after(&original, &sql).await;
        let found = verified(&store).await;
        let words = found.to_string();
        assert!(!found.clean, "{what} went unnoticed");
        for place in tampered.places {
            assert!(words.contains(&place), "{what}: not '{place}' in\n{words}");
        }
        if let Some(invariant) = tampered.reconcile {
            let found = billing::reconcile(&store).await.unwrap();
            let check = &found.checks[invariant as usize];
            assert!(!check.violations.is_empty(), "{what}: {found}");
        }
        store.close().await.unwrap();
    }
}

/// Who can write the table can compute the hashes as well: the chain is whole, and still it is not
/// the one that the seal saw.
async fn a_chain_that_is_written_anew_is_not_the_one_that_was_sealed(engine: Engine) {
    let original = sealed_story(engine).await;
    let halved = "UPDATE ledger_entry SET amount = amount / 2 WHERE ledger_transaction IN
        (SELECT id FROM ledger_transaction WHERE sequence IN (3, 5));
        UPDATE wallet SET available = 0, held = 0";
    let (store, copy) = after(&original, halved).await;
    let raw = copy.unchecked().await;
    write_chain_anew(&store, &raw).await;
    let found = verified(&store).await;
    let words = found.to_string();
    assert!(words.contains("transaction 5 "), "{words}");
    assert!(
        words.contains(&format!("the seal of {} saw", day())),
        "{words}"
    );
    assert!(!words.contains("what stands in it gives"), "{words}");
    // Without what the seals saw nothing of it would show but the wallet.
    run(&raw, "DELETE FROM day_seal_head").await;
    let one = billing::verify(&store, Some(found.chains[0].business))
        .await
        .unwrap();
    let places: Vec<String> = one.faults.iter().map(ToString::to_string).collect();
    assert!(
        places.iter().all(|place| place.contains("the wallet of")),
        "{places:?}"
    );
    raw.close().await;
    store.close().await.unwrap();
}

async fn write_chain_anew(store: &Store, raw: &Raw) {
    let snapshot = store.snapshot().await.unwrap();
    let business = snapshot.recorded_businesses().await.unwrap()[0].id;
    let chain = snapshot.ledger_page(business, 0, 100).await.unwrap();
    snapshot.end().await.unwrap();
    let mut previous = ChainHash::GENESIS;
    for booked in &chain {
        let hash = booked.hash_after(previous);
        let (before, after) = (blob(previous.as_bytes()), blob(hash.as_bytes()));
        let sequence = booked.sequence;
        run(
            raw,
            format!(
                "UPDATE ledger_transaction SET previous_hash = {before}, hash = {after}
                 WHERE sequence = {sequence}"
            ),
        )
        .await;
        previous = hash;
    }
}

async fn faults_past_the_list_are_counted(engine: Engine) {
    let original = sealed_story(engine).await;
    let hash = blob(&[7; 32]);
    let rows = (1..=300u128).map(|number| {
        let (id, sequence) = (blob(&number.to_be_bytes()), number + 5);
        let business = "(SELECT id FROM business)";
        format!("({id}, {business}, {sequence}, 1, 'k{number}', 0, {hash}, {hash})")
    });
    let rows: Vec<String> = rows.collect();
    let sql = format!(
        "INSERT INTO ledger_transaction
           (id, business, sequence, kind, idempotency_key, booked_at, previous_hash, hash)
         VALUES {}",
        rows.join(", ")
    );
    let (store, _copy) = after(&original, &sql).await;
    let found = verified(&store).await;
    assert_eq!(found.faults.len(), billing::verify::FAULTS_LISTED_MAX);
    assert!(found.unlisted > 100, "{}", found.unlisted);
    assert!(
        found
            .to_string()
            .contains(&format!("and {} more", found.unlisted))
    );
    store.close().await.unwrap();
}
