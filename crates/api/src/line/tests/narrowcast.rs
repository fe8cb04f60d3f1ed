//! Narrowcasts, how far they are, and the small operations: what is accepted, what is refused, and
//! in which words.

use domain::campaign::CampaignKind;
use domain::id::RequestId;

use super::send::{DAY, KEY, LEE, NOBODY, hello, message, world_for};
use super::*;

testkit::on_both_engines![
    a_narrowcast_is_a_campaign_of_its_own,
    where_there_is_not_enough_it_goes_to_fewer_or_to_nobody,
    what_cannot_be_aimed_at_is_refused,
    progress_is_told_for_two_weeks,
    chats_are_answered_as_line_answers_them,
    figures_of_units_and_of_friends,
];

const NARROWCAST: &str = "/v2/bot/message/narrowcast";
const UNIT: &str = "/v2/bot/insight/message/event/aggregation?customAggregationUnit";

/// Everybody whose gender is not known to be male: both.
fn targeted(limit: Value) -> Value {
    let male = json!({"type": "gender", "oneOf": ["male"]});
    json!({
        "messages": hello(),
        "filter": {"demographic": {"type": "operator", "not": male}},
        "limit": limit,
    })
}

fn id_of(answer: &Answer) -> String {
    let id = answer.headers["x-line-request-id"].to_str();
    id.unwrap().to_owned()
}

impl World {
    async fn progress(&self, id: &str) -> Answer {
        let path = format!("/v2/bot/message/progress/narrowcast?requestId={id}");
        self.get(&path).await
    }

    /// Whom an accepted request is sent to.
    async fn recipients(&self, answer: &Answer) -> u32 {
        let id = RequestId::parse_uuid(&id_of(answer)).unwrap();
        let request = self.store.api_request(self.account.id, id).await.unwrap();
        request.unwrap().recipients
    }
}

async fn a_narrowcast_is_a_campaign_of_its_own(engine: Engine) {
    let world = world_for(engine, 100).await;
    let first = world
        .ask_by_key(NARROWCAST, KEY, &targeted(Value::Null))
        .await;
    assert_eq!((first.status, &first.body), (202, &json!({})));
    assert_eq!(world.recipients(&first).await, 2);
    let body = json!({"messages": hello()});
    let again = world.ask_by_key(NARROWCAST, KEY, &body).await;
    let accepted = &again.headers["x-line-accepted-request-id"];
    assert_eq!(accepted, &first.headers["x-line-request-id"]);
    let words = "The retry key is already accepted";
    assert_eq!((again.status, message(&again)), (409, words));
    assert_eq!(world.accepted().await, [CampaignKind::Broadcast]);
    // Nobody's gender is known, and what phones run neither.
    for filter in [
        json!({"type": "gender", "oneOf": ["male", "female"]}),
        json!({"type": "appType", "oneOf": ["ios", "android"]}),
    ] {
        let body = json!({"messages": hello(), "filter": {"demographic": filter}});
        let nobody = world.ask(NARROWCAST, &body).await;
        assert_eq!((nobody.status, world.recipients(&nobody).await), (202, 0));
    }
    let everybody = world.ask(NARROWCAST, &json!({"messages": hello()})).await;
    assert_eq!(world.recipients(&everybody).await, 2);
}

async fn where_there_is_not_enough_it_goes_to_fewer_or_to_nobody(engine: Engine) {
    // 30 KRW, and one who is aimed at costs 20.
    let world = world_for(engine, 2).await;
    let short = world.ask(NARROWCAST, &targeted(json!({}))).await;
    let words = "You have reached your monthly limit.";
    assert_eq!((short.status, message(&short)), (429, words));
    let all = json!({"upToRemainingQuota": true, "forbidPartialDelivery": true});
    let nobody = world.ask_by_key(NARROWCAST, KEY, &targeted(all)).await;
    assert_eq!((nobody.status, &nobody.body), (202, &json!({})));
    let progress = world.progress(&id_of(&nobody)).await;
    let why = progress.body["failedDescription"].as_str().unwrap();
    assert!(!why.is_empty());
    let expected = json!({"phase": "failed", "errorCode": 5, "failedDescription": why,
        "successCount": 0, "failureCount": 0, "targetCount": 0,
        "acceptedTime": NOW.to_string(), "completedTime": NOW.to_string()});
    assert_eq!((progress.status, &progress.body), (200, &expected));
    assert_eq!(world.accepted().await, []);
    // It was accepted all the same.
    let again = world
        .ask_by_key(NARROWCAST, KEY, &targeted(json!({})))
        .await;
    assert_eq!(again.status, 409);
    let some = json!({"upToRemainingQuota": true});
    let some = world.ask(NARROWCAST, &targeted(some)).await;
    assert_eq!((some.status, world.recipients(&some).await), (202, 1));

    let world = world_for(engine, 100).await;
    let limited = async |limit: Value| {
        let answer = world.ask(NARROWCAST, &targeted(limit)).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let progress = world.progress(&id_of(&answer)).await;
        let phase = progress.body["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (world.recipients(&answer).await, phase)
    };
    let whole =
        |max: u32| json!({"max": max, "upToRemainingQuota": true, "forbidPartialDelivery": true});
    assert_eq!(limited(json!({"max": 1})).await, (1, "waiting".into()));
    assert_eq!(limited(json!({"max": 5})).await, (2, "waiting".into()));
    assert_eq!(limited(whole(1)).await, (0, "failed".into()));
    assert_eq!(limited(whole(2)).await, (2, "waiting".into()));
}

async fn what_cannot_be_aimed_at_is_refused(engine: Engine) {
    let world = world_for(engine, 100).await;
    let to = |recipient: Value| json!({"messages": hello(), "recipient": recipient});
    let audience = to(json!({"type": "audience", "audienceGroupId": 1_234_567_890_123_u64}));
    let refused = world.ask(NARROWCAST, &audience).await;
    let words = "Invalid audience group id: 1234567890123";
    assert_eq!((refused.status, message(&refused)), (400, words));
    // One that is under way, one of another operation, one that never was.
    let under_way = id_of(&world.ask(NARROWCAST, &targeted(json!({}))).await);
    let broadcast = "/v2/bot/message/broadcast";
    let other = world.ask(broadcast, &json!({"messages": hello()})).await;
    for id in [under_way, id_of(&other), KEY.to_owned()] {
        let again = to(json!({"type": "redelivery", "requestId": id}));
        let refused = world.ask(NARROWCAST, &again).await;
        let words = format!("Invalid request id: {id}");
        assert_eq!((refused.status, message(&refused)), (400, words.as_str()));
    }
    let body = json!({"recipient": {}, "filter": {"demographic": {"type": "age"}},
        "limit": {"max": 0}});
    let refused = world.ask(NARROWCAST, &body).await;
    let details = json!([
        {"message": "May not be empty", "property": "messages"},
        {"message": "must be specified", "property": "recipient.type"},
        {"message": "At least one of [gte, lt] must be specified",
            "property": "filter.demographic"},
        {"message": "Must be greater than or equal to 1", "property": "limit.max"},
    ]);
    assert_eq!(message(&refused), "The request body has 4 error(s)");
    assert_eq!((refused.status, &refused.body["details"]), (400, &details));
    assert_eq!(world.accepted().await.len(), 2);
}

async fn progress_is_told_for_two_weeks(engine: Engine) {
    let world = world_for(engine, 100).await;
    let narrowcast = id_of(&world.ask(NARROWCAST, &targeted(json!({}))).await);
    let broadcast = "/v2/bot/message/broadcast";
    let broadcast = world.ask(broadcast, &json!({"messages": hello()})).await;
    let broadcast = id_of(&broadcast);
    let push = json!({"to": KIM, "messages": hello()});
    let push = id_of(&world.ask("/v2/bot/message/push", &push).await);
    let waiting = json!({"phase": "waiting", "acceptedTime": NOW.to_string()});
    for id in [&narrowcast, &broadcast] {
        let progress = world.progress(id).await;
        assert_eq!((progress.status, &progress.body), (200, &waiting));
    }
    for (id, status) in [(push.as_str(), 404), (KEY, 404), ("1", 400), ("", 400)] {
        let refused = world.progress(id).await;
        assert_eq!(refused.status, status, "{id}: {}", refused.body);
    }
    world.clock.advance(DAY * 14);
    let late = world.progress(&narrowcast).await;
    assert_eq!((late.status, message(&late)), (404, "Not found"));
}

async fn chats_are_answered_as_line_answers_them(engine: Engine) {
    let world = world_for(engine, 1).await;
    let one = |message: &str, property: &str| {
        (
            400,
            json!({"message": "The request body has 1 error(s)",
                "details": [{"message": message, "property": property}]}),
        )
    };
    let invalid = |property: &str| {
        let words = format!(
            "The property, {property}, in the request body is invalid (line: -, column: -)"
        );
        (400, json!({ "message": words }))
    };
    let only_users = "Only user id is acceptable, please confirm if there are any group/room ids \
                      or illegal ids.";
    let no_token = "Invalid markAsReadToken. Tokens must be used by the bot that received them \
                    via Webhook.";
    let loading = "/v2/bot/chat/loading/start";
    let (by_token, read) = ("/v2/bot/chat/markAsRead", "/v2/bot/message/markAsRead");
    let group = format!("C{}", "0".repeat(32));
    for (path, body, expected) in [
        (loading, json!({"chatId": KIM}), (202, json!({}))),
        (
            loading,
            json!({"chatId": KIM, "loadingSeconds": 60}),
            (202, json!({})),
        ),
        (loading, json!({}), one("May not be empty", "chatId")),
        (loading, json!({"chatId": group}), one(only_users, "chatId")),
        (
            loading,
            json!({"chatId": KIM, "loadingSeconds": 61}),
            one("Must be between 5 and 60", "loadingSeconds"),
        ),
        (
            loading,
            json!({"chatId": KIM, "loadingSeconds": 7}),
            one("must be a multiple of five", "loadingSeconds"),
        ),
        (
            by_token,
            json!({}),
            one("May not be empty", "markAsReadToken"),
        ),
        (
            by_token,
            json!({"markAsReadToken": "x"}),
            (400, json!({"message": no_token})),
        ),
        (read, json!({"chat": {"userId": KIM}}), (200, json!({}))),
        (read, json!({}), one("May not be empty", "chat")),
        (
            read,
            json!({"chat": {}}),
            one("May not be empty", "chat.userId"),
        ),
        (read, json!({"chat": {"userId": 7}}), invalid("chat.userId")),
    ] {
        let answer = world.ask(path, &body).await;
        assert_eq!((answer.status, answer.body), expected, "{path} {body}");
    }
    let link = async |user: &str| {
        let path = format!("/v2/bot/user/{user}/linkToken");
        let request = world.request("POST", &path);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let token = link(LEE).await;
    assert!(token.body["linkToken"].as_str().unwrap().len() >= 32);
    assert_ne!(token.body, link(LEE).await.body, "each is another one");
    assert_eq!(link(NOBODY).await.status, 404);
    assert_eq!(link("lee").await.status, 400);
    for part in ["", "/preview", "/transcoding"] {
        let path = format!("/v2/bot/message/461230966842064897/content{part}");
        let answer = world.get(&path).await;
        assert_eq!((answer.status, message(&answer)), (404, "not found"));
    }
}

async fn figures_of_units_and_of_friends(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = json!({"to": [KIM, LEE], "messages": hello(),
        "customAggregationUnits": ["spring"]});
    let multicast = "/v2/bot/message/multicast";
    assert_eq!(world.ask(multicast, &body).await.status, 200);
    let today = world.today();
    let figures = world
        .get(&format!("{UNIT}=spring&from=20261101&to={today}"))
        .await;
    assert_eq!(figures.body["overview"]["uniqueImpression"], 0);
    let seen = &figures.body["messages"][1];
    assert_eq!((&seen["seq"], &seen["impression"]), (&json!(2), &json!(0)));
    assert_eq!(figures.body["clicks"], json!([]));
    // A unit is told apart by the case of its letters.
    let none = world
        .get(&format!("{UNIT}=Spring&from={today}&to={today}"))
        .await;
    let unknown = json!({"uniqueImpression": null, "uniqueClick": null,
        "uniqueMediaPlayed": null, "uniqueMediaPlayed100Percent": null});
    let expected = json!({"overview": unknown, "messages": [], "clicks": []});
    assert_eq!((none.status, none.body), (200, expected));
    for query in [
        "".to_owned(),
        "=spring".to_owned(),
        format!("=spring&from={today}"),
        format!("=a-b&from={today}&to={today}"),
        "=spring&from=20261101&to=20261202".to_owned(),
        "=spring&from=20261102&to=20261101".to_owned(),
        "=spring&from=20261101&to=20261131".to_owned(),
    ] {
        let refused = world.get(&format!("{UNIT}{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.body);
    }
    let longest = "=spring&from=20261101&to=20261201";
    assert_eq!(world.get(&format!("{UNIT}{longest}")).await.status, 200);
    let friends = world.get("/v2/bot/insight/demographic").await;
    assert_eq!(friends.body["available"], true);
    let unknown = |kind: &str| json!([{ kind: "unknown", "percentage": 100.0 }]);
    assert_eq!(friends.body["genders"], unknown("gender"));
    assert_eq!(friends.body["ages"], unknown("age"));
    assert_eq!(friends.body["areas"], unknown("area"));
    let new = &friends.body["subscriptionPeriods"][0];
    let expected = json!({"subscriptionPeriod": "within7days", "percentage": 100.0});
    assert_eq!(new, &expected);
}
