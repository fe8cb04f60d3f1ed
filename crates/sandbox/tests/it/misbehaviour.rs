//! Every fault, and the words to ask for them.

use std::time::Duration;

use connector::Connector;
use domain::answer::{AskAnswer, CloseAnswer, NotProcessed, PushAnswer, UnknownReason};
use domain::capability::{Capability, Guarantee};
use domain::outcome::RejectionCode;
use sandbox::FaultPlan;

use crate::world::{Chunk, World, results};

/// What a push meets, and whether it was processed all the same.
#[tokio::test]
async fn faults_strike_before_or_after_processing() {
    let pause = Some(Duration::from_secs(4));
    let not_processed = |reason, retry_after| PushAnswer::NotProcessed {
        reason,
        retry_after,
    };
    let unknown = PushAnswer::Unknown;
    let cases = [
        ("5xx=1", unknown(UnknownReason::ServerError(500)), false),
        (
            "429=1,retry_after=4s",
            not_processed(NotProcessed::Throttled, pause),
            false,
        ),
        (
            "503=1,retry_after=4s",
            not_processed(NotProcessed::Unavailable, pause),
            false,
        ),
        (
            "401=1",
            not_processed(NotProcessed::Unauthorized, None),
            false,
        ),
        ("400=1", PushAnswer::Rejected { status: 400 }, false),
        ("down", unknown(UnknownReason::ConnectionLost), false),
        (
            "5xx_after=1",
            unknown(UnknownReason::ServerError(500)),
            true,
        ),
        (
            "drop_answer=1",
            unknown(UnknownReason::ConnectionLost),
            true,
        ),
        ("truncate=1", unknown(UnknownReason::ConnectionLost), true),
        ("wrong=1", unknown(UnknownReason::BadAnswer), true),
    ];
    let world = World::start(&[]).await;
    for (number, (fault, expected, processed)) in (1u8..).zip(cases) {
        let chunk = Chunk::of(number, 4);
        world.switch(&[fault]).await;
        assert_eq!(world.push(&chunk).await, expected, "{fault}");
        let name = fault.split(['=', ',']).next().unwrap();
        assert_eq!(world.struck(name).await, 1, "{fault}");
        world.switch(&[]).await;
        let again = results(world.push(&chunk).await);
        assert_eq!((again.accepted, again.replayed), (4, processed), "{fault}");
    }
    assert_eq!(world.log().await.len(), 40, "each was accepted once");
}

#[tokio::test]
async fn questions_meet_faults_too() {
    let world = World::start(&["drop_answer=1"]).await;
    let chunk = Chunk::of(1, 4);
    assert_eq!(world.close(&chunk).await, CloseAnswer::Unknown);
    assert_eq!(world.ask(&chunk).await, AskAnswer::Unknown);
    world.switch(&[]).await;
    assert_eq!(
        world.push(&chunk).await,
        PushAnswer::Closed,
        "closed before the answer was cut"
    );
}

#[tokio::test]
async fn shares_hold_and_follow_from_the_seed() {
    let mut runs = Vec::new();
    for seed in ["seed=3", "seed=3", "seed=4"] {
        let world = World::start(&["reject=0.1:blocked,rate_limited,uncertain=0.05", seed]).await;
        let answer = results(world.push(&Chunk::of(1, 1_000)).await);
        assert!(
            (50..200).contains(&answer.rejected.len()),
            "{}",
            answer.rejected.len()
        );
        assert!(
            (20..100).contains(&answer.uncertain.len()),
            "{}",
            answer.uncertain.len()
        );
        let codes = [RejectionCode::Blocked, RejectionCode::RateLimited];
        assert!(answer.rejected.iter().all(|(_, code)| codes.contains(code)));
        assert!(
            codes
                .iter()
                .all(|code| answer.rejected.iter().any(|(_, it)| it == code))
        );
        assert_eq!(world.log().await.len() as u32, answer.accepted);
        runs.push(answer);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn an_account_misbehaves_alone() {
    let world = World::start(&["latency=1ms", "account=@slow:5xx=1"]).await;
    let well = world.push(&Chunk::of_account(1, 2, "@hanok")).await;
    assert_eq!(results(well).accepted, 2);
    let failing = world.push(&Chunk::of_account(2, 2, "@slow")).await;
    assert_eq!(
        failing,
        PushAnswer::Unknown(UnknownReason::ServerError(500))
    );
    assert_eq!(
        world.struck("latency").await,
        2,
        "an account begins with the process's faults"
    );
}

#[tokio::test]
async fn latency_and_speed_take_their_time() {
    let world = World::start(&["latency=60ms", "speed=100"]).await;
    let connector = world.connector(Capability::gateway());
    let chunks = [Chunk::of(1, 5), Chunk::of(2, 5), Chunk::of(3, 5)];
    let pushes = chunks.iter().map(Chunk::push).collect::<Vec<_>>();
    let began = monotonic();
    let (first, second, third) = tokio::join!(
        connector.push(&pushes[0]),
        connector.push(&pushes[1]),
        connector.push(&pushes[2])
    );
    let took = monotonic() - began;
    for answer in [first, second, third] {
        assert_eq!(results(answer).accepted, 5);
    }
    // 60 ms of latency, then 15 recipients at 100 per second.
    assert!(took >= Duration::from_millis(210), "{took:?}");
}

/// How long something took can only be read from the machine.
#[allow(clippy::disallowed_methods)]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
fn specifications_are_read() {
    let plan = FaultPlan::parse(&[
        "account=@aa:reject=0.03:blocked,left,latency=2s,guarantee=N",
        " latency=50ms , speed=2000, batch=1,seed=9 ",
        "5xx=0.3,429=0.2,503=0.1,401=0.1,400=0.3",
    ])
    .unwrap();
    assert_eq!(plan.seed, 9);
    assert_eq!(plan.process.latency, Duration::from_millis(50));
    assert_eq!(
        (plan.process.speed, plan.process.batch_max),
        (Some(2_000), 1)
    );
    let account = plan.of("@aa");
    assert_eq!(
        account.reject_codes,
        [RejectionCode::Blocked, RejectionCode::Left]
    );
    assert_eq!(
        (account.latency, account.speed),
        (Duration::from_secs(2), Some(2_000))
    );
    assert_eq!(account.guarantee, Guarantee::Neither);
    assert_eq!(plan.of("@bb"), &plan.process);
    assert_eq!(
        FaultPlan::parse::<&str>(&[]).unwrap().process,
        sandbox::Faults::default()
    );
}

#[test]
fn specifications_that_cannot_be_followed_are_refused_in_words() {
    let cases = [
        ("latncy=50ms", "'latncy' is not known"),
        ("latency", "a duration"),
        ("latency=", "a duration"),
        ("latency=50", "a duration"),
        ("latency=-50ms", "a duration"),
        ("latency=1.5s", "a duration"),
        ("latency=2h", "a duration"),
        ("latency=3601s", "a duration"),
        ("retry_after=soon", "a duration"),
        ("settles=1", "a duration"),
        ("5xx=1.1", "a share from 0 to 1"),
        ("5xx=-0.1", "a share from 0 to 1"),
        ("5xx=NaN", "a share from 0 to 1"),
        ("5xx=inf", "a share from 0 to 1"),
        ("5xx=30%", "a share from 0 to 1"),
        ("5xx", "a share from 0 to 1"),
        ("429=", "a share from 0 to 1"),
        ("drop_answer=x", "a share from 0 to 1"),
        ("5xx=0.6,429=0.5", "more than 1"),
        ("drop_answer=0.6,wrong=0.5", "more than 1"),
        ("reject=0.6,uncertain=0.5", "more than 1"),
        ("reject=0.1:tired", "rejection codes"),
        ("reject=:blocked", "a share from 0 to 1"),
        ("reject=0.1:blocked,tired", "'tired' is not known"),
        ("blocked", "'blocked' is not known"),
        ("guarantee=k", "K, Q or N"),
        ("guarantee=", "K, Q or N"),
        ("batch=0", "a whole number from 1"),
        ("batch=many", "a whole number from 1"),
        ("speed=0", "a whole number from 1"),
        ("speed=1.5", "a whole number from 1"),
        ("down=yes", "down alone"),
        ("seed=x", "a whole number"),
        ("seed=-1", "a whole number"),
        ("account=@aa", "account=@handle:"),
        ("account=:latency=1s", "account=@handle:"),
        ("account=A B:latency=1s", "account=@handle:"),
        ("account=@aa:seed=1", "not of an account"),
        ("account=@aa:5xx=2", "a share from 0 to 1"),
        ("account=@aa:account=@bb:down", "'account' is not known"),
    ];
    for (spec, words) in cases {
        let error = FaultPlan::parse(&[spec]).unwrap_err().to_string();
        assert!(error.contains(words), "{spec}: {error}");
    }
    assert!(FaultPlan::parse(&["down"; 101]).is_err());
}
