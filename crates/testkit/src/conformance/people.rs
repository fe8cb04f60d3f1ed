//! What people bring and look through: friends, audiences, imports, drafts, pictures.

use domain::audience::{Expression, TextAttribute};
use domain::campaign::Purpose;
use domain::friend::FriendState;
use domain::id::{ImportId, MemberId, UserListId};
use domain::time::Timestamp;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use store::draft::{DraftPart, Part};
use store::explore::Offer;
use store::friend_list::{FriendSearch, PageSize, StandingFilter};
use store::import::{Checkpoint, Import, Rejection};
use store::import_upload::ImportUpload;
use store::media::{Media, MediaUpload};
use store::session::Session;
use store::user_list::UserList;

use super::world::{NOW, Person, World};

const LATER: Timestamp = Timestamp::from_millis(1_795_000_060_000);
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

pub async fn audiences_and_friends_are_looked_through(world: World) {
    let mut people: Vec<Person> = (1..=4).map(Person::of).collect();
    people[0].language = Some("ko");
    people[1].language = Some("ja");
    people[1].tags = vec!["vip", "Z", "a"];
    people[2].promotion = false;
    people[3].state = FriendState::Blocked;
    world.befriend(&people).await;
    let named = "UPDATE friend SET display_name = 'ÉTÉ Kim' WHERE number = 2";
    world.raw.execute(named).await;
    let (store, account) = (&world.store, world.account);
    let vip = Expression::Tag("vip".into());
    let each = [vip.clone(), Expression::Not(Box::new(vip.clone()))];
    let whole = Expression::Source(vec!["case".into()]);
    let explored = store.explore_audience(account, &whole, &each, Purpose::Promotion);
    let explored = explored.await.unwrap();
    assert_eq!((explored.matched, explored.reachable), (4, 2));
    assert_eq!((explored.unwilling, explored.each), (1, vec![1, 1]));
    let alone = store.explore_audience(account, &vip, &[], Purpose::Information);
    assert_eq!(alone.await.unwrap().reachable, 1);
    let states = store.friend_states(account).await.unwrap();
    assert_eq!((states.active, states.blocked, states.left), (3, 1, 0));
    let tags = store.offered_values(account, Offer::Tag, 9).await.unwrap();
    let tags: Vec<&str> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags, ["Z", "a", "vip"], "by their bytes");
    let language = Offer::Attribute(TextAttribute::Language);
    assert_eq!(
        store
            .offered_values(account, language, 9)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        store
            .offered_values(account, Offer::Source, 9)
            .await
            .unwrap()[0]
            .1,
        4
    );
    let find = async |search: FriendSearch| {
        let page = store
            .friends_page(account, &search, None, PageSize::of(10))
            .await;
        page.unwrap().friends.len()
    };
    let text = |text: &str| FriendSearch {
        text: Some(text.to_owned()),
        ..FriendSearch::default()
    };
    assert_eq!(find(text("ÉTÉ k")).await, 1);
    assert_eq!(find(text("nobody")).await, 0);
    assert_eq!(find(text(people[2].key.as_str())).await, 1);
    for (standing, found) in [
        (StandingFilter::Active, 3),
        (StandingFilter::Reachable, 2),
        (StandingFilter::WithoutConsent, 1),
        (StandingFilter::Blocked, 1),
        (StandingFilter::Left, 0),
    ] {
        for tag in [None, Some("vip".to_owned())] {
            let search = FriendSearch {
                standing: Some(standing),
                tag: tag.clone(),
                ..FriendSearch::default()
            };
            let expected = match (&tag, standing) {
                (None, _) => found,
                (_, StandingFilter::Active | StandingFilter::Reachable) => 1,
                _ => 0,
            };
            assert_eq!(find(search).await, expected, "{standing:?} {tag:?}");
        }
    }
    let list = UserList {
        id: UserListId::from_bytes([6; 16]),
        account,
        name: "list".into(),
        created_at: NOW,
    };
    let mut write = store.write().await.unwrap();
    let numbers = [UserNumber(1), UserNumber(1), UserNumber(2)];
    write.insert_user_list(&list, &numbers).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.list_size(list.id).await.unwrap(), 2);
    assert_eq!(store.lists_of_account(account).await.unwrap(), [list]);
}

pub async fn imports_are_listed_with_what_they_refused(world: World) {
    let (store, account) = (&world.store, world.account);
    let id: ImportId = world.ids().next();
    let upload = ImportUpload {
        id,
        account,
        file_name: "friends.csv".into(),
        file_hash: [3; 32],
        bytes: 10,
        encoding: String::new(),
        uploaded_at: NOW,
        uploaded_by: MemberId::from_bytes([4; 16]),
        mapping: None,
        asked_at: None,
        import: None,
        failure: None,
        ended_at: None,
    };
    let import = |id, hash, at| Import {
        id,
        account,
        file_name: "friends.csv".into(),
        file_hash: hash,
        checkpoint: Checkpoint::default(),
        seen: RoaringBitmap::new(),
        started_at: at,
        finished_at: None,
    };
    let mut write = store.write().await.unwrap();
    write.insert_upload(&upload).await.unwrap();
    let ours = import(id, [3; 32], NOW);
    write.insert_import(&ours).await.unwrap();
    let shell = import(world.ids().next(), [2; 32], LATER);
    write.insert_import(&shell).await.unwrap();
    let again = import(world.ids().next(), [2; 32], NOW);
    let refused = write.insert_import(&again).await;
    assert!(refused.is_err(), "this file is taken in already");
    let reason = domain::friend::RejectReason::ALL[0];
    let rejection = |line| Rejection {
        line,
        reason,
        explanation: "why".into(),
        column: "name".into(),
        value: String::new(),
    };
    let rejections = [rejection(2), rejection(3)];
    let seen: RoaringBitmap = (1..100).collect();
    let to = Checkpoint {
        offset_bytes: 10,
        lines: 3,
        accepted: 0,
        rejected: 2,
    };
    let from = Checkpoint::default();
    write
        .advance_import(id, from, to, &seen, &rejections)
        .await
        .unwrap();
    write
        .keep_rejected_rows(id, &[(2, "a,b".into())])
        .await
        .unwrap();
    write.ask_for_upload(account, id, "{}", NOW).await.unwrap();
    write.commit().await.unwrap();
    let lines = store.imports_of_account(account, 10).await.unwrap();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (line.id, line.is_asked, line.is_failed, line.is_over))
        .collect();
    let expected = [(shell.id, true, false, false), (id, true, false, false)];
    assert_eq!(shown, expected);
    assert_eq!(lines[1].checkpoint, Some(to));
    assert_eq!(store.waiting_upload(None).await.unwrap().unwrap().id, id);
    let found = store
        .import_of_file(account, [3; 32])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.seen, seen);
    let counts = store.rejection_counts(&found).await.unwrap();
    assert_eq!(
        (counts[0].rows, &counts[0].first_lines[..]),
        (2, &[2, 3][..])
    );
    let page = store
        .rejections_page(id, (2, reason.as_str()), 10)
        .await
        .unwrap();
    assert_eq!(page, [rejection(3)]);
    assert_eq!(store.rejections_after(&found, None).await.unwrap().len(), 2);
    assert_eq!(store.rejected_rows(id, (1, 9)).await.unwrap().len(), 1);
    let mut write = store.write().await.unwrap();
    write.finish_import(id, LATER).await.unwrap();
    write.end_upload(id, Ok(id), LATER).await.unwrap();
    write.commit().await.unwrap();
    assert!(store.waiting_upload(None).await.unwrap().is_none());
    let again = ImportUpload {
        id: world.ids().next(),
        ..upload
    };
    assert_eq!(store.same_upload(&again).await.unwrap(), Some((id, LATER)));
}

pub async fn drafts_pictures_and_sessions_are_kept(world: World) {
    let (store, account) = (&world.store, world.account);
    let campaign = world.launch(1).await;
    let member = MemberId::from_bytes([4; 16]);
    let part = |version, content: &str| DraftPart {
        part: Part::Audience,
        version,
        content: content.to_owned(),
        writer: "window".into(),
        updated_at: NOW,
        updated_by: member,
    };
    let mut write = store.write().await.unwrap();
    write
        .save_draft_part(campaign, &part(1, "one"))
        .await
        .unwrap();
    write
        .save_draft_part(campaign, &part(2, "two"))
        .await
        .unwrap();
    let stale = write.save_draft_part(campaign, &part(2, "other")).await;
    assert!(stale.is_err(), "it was saved by somebody else meanwhile");
    let media = Media {
        hash: [8; 32],
        content_type: "image/png".into(),
        width: 1,
        height: 2,
        bytes: vec![0, 255, 0],
    };
    let upload = MediaUpload {
        account,
        hash: media.hash,
        preview: media.hash,
        uploaded_by: None,
        at: NOW,
        name: "a.png".into(),
    };
    for _ in 0..2 {
        write.keep_media(&media, NOW).await.unwrap();
        write.note_media_upload(&upload).await.unwrap();
    }
    write
        .insert_sign_in_failure("a@b", NOW, campaign)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.draft_parts(campaign).await.unwrap(), [part(2, "two")]);
    let snapshot = store.snapshot().await.unwrap();
    let drafts = snapshot.listed_drafts(&[campaign]).await.unwrap();
    assert_eq!(drafts[&campaign].audience.as_deref(), Some("two"));
    snapshot.end().await.unwrap();
    assert_eq!(store.media(&media.hash).await.unwrap(), Some(media));
    assert_eq!(store.media_count(account).await.unwrap(), 1);
    let failures = store.sign_in_failures("a@b", LONG_AGO).await.unwrap();
    assert_eq!(failures, (1, Some(NOW)));
    assert_eq!(store.sign_in_failures("c@d", NOW).await.unwrap(), (0, None));
    let session = Session {
        token_hash: [1; 32],
        member,
        created_at: NOW,
        last_seen_at: NOW,
        expires_at: LATER,
        user_agent: "a browser".into(),
    };
    let mut write = store.write().await.unwrap();
    let refused = write.insert_session(&session).await.unwrap_err();
    assert!(
        matches!(refused, store::StoreError::Invariant(_)),
        "there is no such member"
    );
    write.roll_back().await.unwrap();
}
