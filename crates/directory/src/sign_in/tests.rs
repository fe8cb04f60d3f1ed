//! Right and wrong passwords, sessions that end, guesses that run out.

use domain::money::Currency;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};

use super::*;
use crate::{Directory, Role};

testkit::on_both_engines![
    a_session_begins_and_ends,
    a_session_lasts_while_it_is_used,
    guesses_run_out_and_come_back,
    one_address_cannot_try_everybody,
    a_change_of_password_ends_the_other_sessions,
    short_long_and_foreign_passwords_are_refused,
    operators_have_a_way_in_of_their_own,
];

const PASSWORD: &str = "a long enough password";

struct World {
    sign_in: SignIn,
    directory: Directory,
    clock: Arc<ManualClock>,
    member: Member,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_000_000_000)));
    let ids = Arc::new(SeededIds::of(7));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let member = directory
        .add_member(business.id, "jiwoo@hanok.example", "이지우", Role::Owner)
        .await
        .unwrap();
    let sign_in = SignIn::of(store, clock.clone(), ids.clone(), ids);
    sign_in
        .set_password(business.id, member.id, PASSWORD, None)
        .await
        .unwrap();
    World {
        sign_in,
        directory,
        clock,
        member,
        _database: database,
    }
}

impl World {
    async fn try_password(&self, password: &str, address: &str) -> Result<String, SignInError> {
        let tried = self
            .sign_in
            .sign_in("Jiwoo@hanok.example ", password, address, "a browser");
        tried.await.map(|(token, _)| token)
    }
}

async fn a_session_begins_and_ends(engine: Engine) {
    let world = world(engine).await;
    let token = world.try_password(PASSWORD, "10.0.0.1").await.unwrap();
    let visit = world.sign_in.visit(&token).await.unwrap().unwrap();
    assert_eq!(visit.member, world.member);
    for wrong in ["", "zz", &token[2..], &"0".repeat(64)] {
        assert!(world.sign_in.visit(wrong).await.unwrap().is_none());
    }
    world.sign_in.sign_out(&visit.session).await.unwrap();
    assert!(world.sign_in.visit(&token).await.unwrap().is_none());
}

async fn a_session_lasts_while_it_is_used(engine: Engine) {
    let world = world(engine).await;
    let token = world.try_password(PASSWORD, "10.0.0.1").await.unwrap();
    for _ in 0..3 {
        world.clock.advance(SESSION_IDLE - Duration::from_secs(1));
        assert!(world.sign_in.visit(&token).await.unwrap().is_some());
    }
    world.clock.advance(SESSION_IDLE);
    assert!(world.sign_in.visit(&token).await.unwrap().is_none());
}

async fn guesses_run_out_and_come_back(engine: Engine) {
    let world = world(engine).await;
    for _ in 0..GUESSES_PER_EMAIL_MAX {
        let error = world.try_password("wrong", "10.0.0.1").await.unwrap_err();
        assert!(matches!(error, SignInError::Wrong), "{error}");
    }
    // The right one does not help any more, wherever it comes from.
    let error = world.try_password(PASSWORD, "10.0.0.2").await.unwrap_err();
    assert!(matches!(error, SignInError::TooMany { .. }), "{error}");
    world.clock.advance(GUESS_WINDOW + Duration::from_secs(1));
    world.try_password(PASSWORD, "10.0.0.2").await.unwrap();
}

async fn one_address_cannot_try_everybody(engine: Engine) {
    let world = world(engine).await;
    for number in 0..GUESSES_PER_ADDRESS_MAX {
        let email = format!("nobody{number}@hanok.example");
        let tried = world
            .sign_in
            .sign_in(&email, "wrong", "10.0.0.1", "a browser");
        assert!(matches!(tried.await, Err(SignInError::Wrong)));
    }
    let error = world.try_password(PASSWORD, "10.0.0.1").await.unwrap_err();
    assert!(matches!(error, SignInError::TooMany { .. }), "{error}");
    world.try_password(PASSWORD, "10.0.0.2").await.unwrap();
}

async fn a_change_of_password_ends_the_other_sessions(engine: Engine) {
    let world = world(engine).await;
    let here = world.try_password(PASSWORD, "10.0.0.1").await.unwrap();
    let there = world.try_password(PASSWORD, "10.0.0.2").await.unwrap();
    let visit = world.sign_in.visit(&here).await.unwrap().unwrap();
    let kept = Some(visit.session.token_hash);
    let (business, member) = (world.member.business, world.member.id);
    world
        .sign_in
        .set_password(business, member, "another long password", kept)
        .await
        .unwrap();
    assert!(world.sign_in.visit(&here).await.unwrap().is_some());
    assert!(world.sign_in.visit(&there).await.unwrap().is_none());
    let old = world.try_password(PASSWORD, "10.0.0.1").await;
    assert!(matches!(old, Err(SignInError::Wrong)));
}

async fn short_long_and_foreign_passwords_are_refused(engine: Engine) {
    let world = world(engine).await;
    let (business, member) = (world.member.business, world.member.id);
    for password in ["short", &"x".repeat(PASSWORD_BYTES_MAX + 1)] {
        let error = world
            .sign_in
            .set_password(business, member, password, None)
            .await
            .unwrap_err();
        assert!(matches!(
            error,
            Error::Refused {
                field: "password",
                ..
            }
        ));
    }
    let elsewhere = BusinessId::from_bytes([9; 16]);
    let error = world
        .sign_in
        .set_password(elsewhere, member, PASSWORD, None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
}

async fn operators_have_a_way_in_of_their_own(engine: Engine) {
    let world = world(engine).await;
    let operators = world.sign_in.of_operators();
    assert!(operators.is_first_run().await.unwrap());
    // Of the same address as the member.
    let operator = world
        .directory
        .add_operator("jiwoo@hanok.example", "Jiwoo", "Asia/Seoul")
        .await
        .unwrap();
    let other = "another long password";
    operators
        .set_password(operator.id, other, None)
        .await
        .unwrap();
    assert!(!operators.is_first_run().await.unwrap());
    let enter = async |password| {
        operators
            .sign_in("JIWOO@hanok.example", password, "10.0.0.1", "a browser")
            .await
    };
    let theirs = world.try_password(PASSWORD, "10.0.0.1").await.unwrap();
    assert!(operators.visit(&theirs).await.unwrap().is_none());
    let token = enter(other).await.unwrap();
    assert!(world.sign_in.visit(&token).await.unwrap().is_none());
    let visit = operators.visit(&token).await.unwrap().unwrap();
    assert_eq!(visit.operator, operator);
    for _ in 0..GUESSES_PER_EMAIL_MAX {
        assert!(matches!(enter(PASSWORD).await, Err(SignInError::Wrong)));
    }
    assert!(matches!(
        enter(other).await,
        Err(SignInError::TooMany { .. })
    ));
    // The member of that address is not kept out.
    world.try_password(PASSWORD, "10.0.0.2").await.unwrap();
    world.clock.advance(operators::OPERATOR_SESSION_IDLE);
    assert!(operators.visit(&token).await.unwrap().is_none());
    world.clock.advance(GUESS_WINDOW);
    let token = enter(other).await.unwrap();
    let elsewhere = enter(other).await.unwrap();
    let wrong = operators.confirm(&operator, PASSWORD, "10.0.0.1").await;
    assert!(matches!(wrong, Err(SignInError::Wrong)));
    operators
        .confirm(&operator, other, "10.0.0.1")
        .await
        .unwrap();
    let kept = operators.visit(&token).await.unwrap().unwrap();
    let kept = Some(kept.session.token_hash);
    operators
        .set_password(operator.id, PASSWORD, kept)
        .await
        .unwrap();
    assert!(operators.visit(&elsewhere).await.unwrap().is_none());
    assert!(operators.visit(&token).await.unwrap().is_some());
    operators
        .set_password(operator.id, other, None)
        .await
        .unwrap();
    assert!(operators.visit(&token).await.unwrap().is_none());
}
