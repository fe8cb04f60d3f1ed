//! Replies: once, soon, by whom the event was told; and messages that are read by their tokens.

use domain::campaign::{CampaignKind, StandingOperation};
use domain::webhook::events::{Deed, FriendEvent, REPLY_TOKEN_BYTES, ReplyToken, WrittenMessage};
use domain::webhook::{EventId, EventKind};
use store::reply_token::{IssuedToken, USUALLY_VALID};
use store::webhook::MadeEvent;

use super::send::{KEY, hello, message, world_for};
use super::*;

testkit::on_both_engines![
    a_reply_is_sent_once_and_costs_nothing,
    of_two_replies_at_once_one_is_sent,
    tokens_that_are_not_good,
    a_refused_reply_leaves_its_token,
    whoever_went_is_not_sent_to,
    a_message_is_read_by_the_token_of_its_event,
];

const REPLY: &str = "/v2/bot/message/reply";
const BAD_TOKEN: &str = "Invalid reply token";
const MINUTE: Duration = Duration::from_secs(60);
const ONLY_ONE: [CampaignKind; 1] = [CampaignKind::Standing(StandingOperation::Reply)];

impl World {
    /// A friend wrote to an account; what its program is told.
    async fn written_to(&self, account: &Account, key: &str) -> Value {
        let mut bytes = [0; REPLY_TOKEN_BYTES];
        domain::id::SecretSource::fill(&*self.ids, &mut bytes);
        let token = ReplyToken::from_bytes(bytes);
        let key = UserKey::parse(key).unwrap();
        let mut write = self.store.write().await.unwrap();
        let numbers = write.number_users(self.ids.as_ref(), &[&key]).await;
        let number = numbers.unwrap()[&key].number;
        let users = write.users_by_keys(&[&key]).await.unwrap();
        let event = FriendEvent {
            id: EventId::from_bytes(self.ids.next_bytes()),
            user: users[&key].line_id,
            at: NOW,
            deed: Deed::Wrote(WrittenMessage::Text {
                text: "hello?".to_owned(),
            }),
        };
        let made = MadeEvent {
            id: event.id,
            account: account.id,
            kind: EventKind::Message,
            at: NOW,
            body: event.to_json(Some(token)),
        };
        let issued = IssuedToken {
            token,
            account: account.id,
            number,
            event: event.id,
        };
        let told = serde_json::from_str(&made.body).unwrap();
        write.add_webhook_events(&[made], NOW).await.unwrap();
        let made = write
            .issue_reply_tokens(&[issued], NOW, USUALLY_VALID)
            .await;
        made.unwrap();
        write.commit().await.unwrap();
        told
    }

    async fn reply(&self, token: &Value) -> Answer {
        let body = json!({"replyToken": token, "messages": hello()});
        self.ask(REPLY, &body).await
    }
}

async fn a_reply_is_sent_once_and_costs_nothing(engine: Engine) {
    let world = world_for(engine, 0).await;
    let told = world.written_to(&world.account, KIM).await;
    world.clock.advance(MINUTE - Duration::from_millis(1));
    let sent = world.reply(&told["replyToken"]).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let messages = sent.body["sentMessages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[0]["id"].is_string() && messages[0]["quoteToken"].is_string());
    let again = world.reply(&told["replyToken"]).await;
    assert_eq!((again.status, message(&again)), (400, BAD_TOKEN));
    assert_eq!(why(&again), "The reply token has been used");
    assert_eq!(world.accepted().await, ONLY_ONE);
}

/// What is wrong with the token.
fn why(answer: &Answer) -> &str {
    let detail = &answer.body["details"][0];
    assert_eq!(detail["property"], "replyToken");
    detail["message"].as_str().unwrap()
}

async fn of_two_replies_at_once_one_is_sent(engine: Engine) {
    let world = world_for(engine, 0).await;
    let told = world.written_to(&world.account, KIM).await;
    let token = &told["replyToken"];
    let (first, second) = tokio::join!(world.reply(token), world.reply(token));
    let mut both = [first.status, second.status];
    both.sort_unstable();
    assert_eq!(both, [200, 400], "{} {}", first.body, second.body);
    assert_eq!(world.accepted().await, ONLY_ONE);
}

async fn tokens_that_are_not_good(engine: Engine) {
    let world = world_for(engine, 0).await;
    let late = world.written_to(&world.account, KIM).await;
    world.clock.advance(MINUTE);
    let theirs = world.written_to(&world.other, KIM).await;
    let (over, unknown) = (
        "The reply token has expired",
        "The reply token is not known to this channel",
    );
    let tokens = [
        (late["replyToken"].clone(), over),
        (theirs["replyToken"].clone(), unknown),
        (json!("0".repeat(32)), unknown),
        (json!("A".repeat(32)), unknown),
        (json!("x"), unknown),
        (json!(""), unknown),
    ];
    for (token, words) in tokens {
        let answer = world.reply(&token).await;
        assert_eq!(
            (answer.status, message(&answer)),
            (400, BAD_TOKEN),
            "{token}"
        );
        assert_eq!(why(&answer), words, "{token}");
    }
    let missing = world.reply(&Value::Null).await;
    let expected = json!([{"message": "May not be empty", "property": "replyToken"}]);
    assert_eq!((missing.status, &missing.body["details"]), (400, &expected));
    assert_eq!(world.reply(&json!(7)).await.status, 400);
    assert_eq!(world.accepted().await, []);
}

async fn a_refused_reply_leaves_its_token(engine: Engine) {
    let world = world_for(engine, 0).await;
    let told = world.written_to(&world.account, KIM).await;
    let token = &told["replyToken"];
    let text = json!({"type": "text", "text": "hello"});
    let six = json!([text, text, text, text, text, text]);
    for messages in [json!([]), six, json!([{"type": "text"}]), json!(null)] {
        let body = json!({"replyToken": token, "messages": messages});
        let answer = world.ask(REPLY, &body).await;
        assert_eq!(answer.status, 400, "{messages}: {}", answer.body);
        assert!(message(&answer).contains("error(s)"), "{}", answer.body);
    }
    let body = json!({"replyToken": token, "messages": hello()});
    let with_key = world.ask_by_key(REPLY, KEY, &body).await;
    let words = "The 'X-Line-Retry-Key' header is not supported by this API";
    assert_eq!((with_key.status, message(&with_key)), (400, words));
    assert_eq!(world.accepted().await, []);
    let quiet = json!({"replyToken": token, "messages": hello(), "notificationDisabled": true});
    assert_eq!(world.ask(REPLY, &quiet).await.status, 200);
    assert_eq!(world.accepted().await, ONLY_ONE);
}

async fn whoever_went_is_not_sent_to(engine: Engine) {
    let world = world_for(engine, 0).await;
    let told = world.written_to(&world.account, KIM).await;
    world.tell(KIM, Fact::Blocked).await;
    let sent = world.reply(&told["replyToken"]).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let again = world.reply(&told["replyToken"]).await;
    assert_eq!((again.status, message(&again)), (400, BAD_TOKEN));
}

async fn a_message_is_read_by_the_token_of_its_event(engine: Engine) {
    let world = world(engine).await;
    let ours = world.written_to(&world.account, KIM).await;
    let theirs = world.written_to(&world.other, KIM).await;
    let read = async |told: &Value| {
        let token = &told["message"]["markAsReadToken"];
        let body = json!({ "markAsReadToken": token });
        world.ask("/v2/bot/chat/markAsRead", &body).await
    };
    // It never ends.
    world.clock.advance(MINUTE * 60);
    for _ in 0..2 {
        let answer = read(&ours).await;
        assert_eq!((answer.status, answer.body), (200, json!({})));
    }
    let refused = read(&theirs).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(message(&refused).contains("Invalid markAsReadToken"));
}
