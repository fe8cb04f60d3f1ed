//! Audience groups through LINE's paths: of ids in a request and in a file, added to, of who saw
//! and who clicked a broadcast; and a server that is killed while it fills one goes on with it.

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::http::{self, Answer};
use chingu_tests::messenger::Accepted;
use chingu_tests::platform::Platform;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait;
use domain::id::{BusinessId, CampaignId};
use serde_json::{Value, json};
use store::Store;
use store::receipt::CampaignLink;
use tokio::runtime::Runtime;

use crate::stage::{self, SOON, now, tell, wait_for_shown};
use crate::v1::Client;

const FRIENDS: u64 = 60;
const UPLOAD: &str = "/v2/bot/audienceGroup/upload";
const BY_FILE: &str = "/v2/bot/audienceGroup/upload/byFile";
const BOUNDARY: &str = "of-the-audience";
/// Nobody's.
const STRANGER: &str = "U00000000000000000000000000000001";
const FIRST_LINK: &str = "https://hanok.example/1";
const SECOND_LINK: &str = "https://hanok.example/2";

#[test]
fn audiences_of_ids_files_and_what_friends_did() {
    made().unwrap();
}

#[test]
fn a_killed_server_goes_on_filling() {
    killed().unwrap();
}

/// A brand's program, and the ids of the brand's friends.
struct Asking {
    client: Client,
    friends: Vec<String>,
    program: Program,
    recipe: Recipe,
    // Dropped last: its folder is the program's.
    platform: Platform,
}

fn made() -> Result<()> {
    let asking = Asking::start("audiences", 93)?;
    of_ids(&asking)?;
    of_a_file(&asking)?;
    wrong_line(&asking)?;
    of_a_broadcast(&asking)?;
    asking.ends_clean()
}

fn of_ids(asking: &Asking) -> Result<()> {
    let friends = &asking.friends;
    let body = json!({"description": "of a request", "audiences": ids(&friends[..5])});
    let group = asking.group("POST", UPLOAD, &body)?;
    asking.until_ready(group, 5)?;
    // Two of them are in it already, and one is nobody.
    let more: Vec<String> = [&friends[3..8], &[STRANGER.to_owned()]].concat();
    let body = json!({"audienceGroupId": group, "uploadDescription": "more",
        "audiences": ids(&more)});
    asking.accepted("PUT", UPLOAD, &body)?;
    let shown = asking.until_ready(group, 8)?;
    let jobs = shown["jobs"].as_array().context("uploads")?;
    ensure!(jobs.len() == 2, "{shown}");
    // A file can be added as well.
    let number = group.to_string();
    let fields = [("audienceGroupId", &*number)];
    let answer = asking.send("PUT", &fields, &lines(&friends[6..12], "\n"))?;
    ensure!(answer.status == 202, "{answer:?}");
    asking.until_ready(group, 12)?;
    Ok(())
}

fn of_a_file(asking: &Asking) -> Result<()> {
    let text = format!(
        "\u{feff}{}\r\n\r\n{STRANGER}",
        lines(&asking.friends, "\r\n")
    );
    let fields = [("description", "of a file"), ("uploadDescription", "all")];
    let answer = asking.send("POST", &fields, &text)?;
    ensure!(answer.status == 202, "{answer:?}");
    let made: Value = serde_json::from_str(&answer.body)?;
    ensure!(made["type"] == "UPLOAD", "{made}");
    let group = made["audienceGroupId"].as_u64().context("a number")?;
    let shown = asking.until_ready(group, FRIENDS)?;
    ensure!(shown["jobs"][0]["description"] == "all", "{shown}");
    ensure!(shown["jobs"][0]["jobStatus"] == "FINISHED", "{shown}");
    Ok(())
}

/// One wrong line refuses the whole file, by its number, and nothing is made of it.
fn wrong_line(asking: &Asking) -> Result<()> {
    let before = asking.groups()?;
    let text = format!("{}kim\n{STRANGER}\n", lines(&asking.friends[..2], "\n"));
    let answer = asking.send("POST", &[("description", "wrong")], &text)?;
    ensure!(answer.status == 400, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body)?;
    let word = &body["details"][0]["message"];
    ensure!(
        *word == "UPLOAD_AUDIENCE_GROUP_INVALID_AUDIENCE_ID_FORMAT",
        "{body}"
    );
    let message = body["message"].as_str().context("words")?;
    ensure!(message.contains("number 3"), "{body}");
    ensure!(asking.groups()? == before, "something was made of it");
    Ok(())
}

/// Seven friends open a broadcast, three of them click in it, one of those the second link.
fn of_a_broadcast(asking: &Asking) -> Result<()> {
    let platform = &asking.platform;
    let request = asking.broadcast()?;
    let reachable = platform.brand.reachable;
    platform.wait_for_accepted(reachable, SOON)?;
    let log = platform.messenger.log()?;
    let campaign = log.first().context("somebody got it")?.campaign.clone();
    wait_for_shown(platform, &campaign, "all of it is recorded", |shown| {
        shown["accepted"] == reachable
    })?;
    let links = links(platform, &campaign)?;
    let urls: Vec<&str> = links.iter().map(|link| &*link.url).collect();
    ensure!(urls == [FIRST_LINK, SECOND_LINK], "{links:?}");
    let opened = log.iter().take(7);
    let mut events: Vec<Value> = opened
        .map(|one| asking.event("message.opened", one))
        .collect();
    for (one, link) in log.iter().zip([&links[0], &links[0], &links[1]]) {
        let mut click = asking.event("link.clicked", one);
        click["link"] = json!(link.id.to_string());
        click["message"] = json!(link.message);
        events.push(click);
    }
    let answer = tell(asking.client.address, &events)?;
    ensure!(answer["accepted"] == events.len(), "{answer}");
    for (path, click_url, count) in [
        ("imp", None, 7),
        ("click", None, 3),
        ("click", Some(FIRST_LINK), 2),
        ("click", Some(SECOND_LINK), 1),
    ] {
        let path = format!("/v2/bot/audienceGroup/{path}");
        let mut body = json!({"description": "of a broadcast", "requestId": request});
        if let Some(url) = click_url {
            body["clickUrl"] = json!(url);
        }
        let group = asking.group("POST", &path, &body)?;
        let shown = asking.until_ready(group, count)?;
        let group = &shown["audienceGroup"];
        ensure!(group["requestId"] == *request, "{shown}");
        ensure!(shown["jobs"] == json!([]), "{shown}");
        let again = asking.client.ask("POST", &path, None, &body)?;
        let is_known = again.body.contains("AUDIENCE_GROUP_REQUESTID_DUPLICATE");
        ensure!(again.status == 400 && is_known, "{again:?}");
    }
    Ok(())
}

/// Killed once it took the file to fill from, and again in the middle of writing: whoever comes
/// next begins the file anew, and nobody is in the group twice.
fn killed() -> Result<()> {
    let Asking {
        mut client,
        friends,
        program,
        recipe,
        platform,
    } = Asking::start("killed audiences", 97)?;
    program.stop()?;
    let (pausing, file) = recipe.pausing_at("audience:taken");
    let mut program = pausing.spawn()?;
    program.wait_until_ready()?;
    let form = form(&[("description", "filled")], &lines(&friends, "\n"));
    let sender = Client {
        address: program.address(),
        token: client.token.clone(),
    };
    let sending = std::thread::spawn(move || post(&sender, "POST", &form));
    program.wait_until_paused(&file, SOON)?;
    program.kill()?;
    // Whether it heard anything is not what counts.
    let _ = sending.join();
    // The file is taken again when the one that was killed said nothing for long enough.
    let (pausing, file) = recipe.pausing_at("audience:block");
    let mut program = pausing.spawn()?;
    program.wait_until_paused(&file, SOON)?;
    program.kill()?;
    let program = recipe.clone().start()?;
    client.address = program.address();
    let asking = Asking {
        client,
        friends,
        program,
        recipe,
        platform,
    };
    let listed = asking.groups()?;
    let [group] = listed.as_slice() else {
        anyhow::bail!("one group: {listed:?}")
    };
    let number = group["audienceGroupId"].as_u64().context("a number")?;
    let shown = asking.until_ready(number, FRIENDS)?;
    ensure!(shown["jobs"][0]["jobStatus"] == "FINISHED", "{shown}");
    ensure!(shown["jobs"][0]["audienceCount"] == FRIENDS, "{shown}");
    asking.ends_clean()
}

impl Asking {
    fn start(name: &str, seed: u64) -> Result<Self> {
        let mut draw = Draw::seeded(name, seed);
        let platform = stage::platform(FRIENDS, &[], &mut draw)?;
        let recipe = platform.recipe.clone();
        let recipe = recipe.with("CHINGU_API__RATE_LIMITS__AUDIENCE", "off");
        let program = recipe.clone().start()?;
        let (data, handle) = (&platform.brand.data, &*platform.brand.handle);
        let issued = admin(data, &["token", "issue", "--account", handle])?;
        let client = Client {
            address: program.address(),
            token: text(&issued, "token")?.to_owned(),
        };
        let page = client.get("/v2/bot/followers/ids?limit=1000")?;
        let friends: Vec<String> = serde_json::from_value(page["userIds"].clone())?;
        ensure!(friends.len() as u64 == FRIENDS, "{page}");
        Ok(Self {
            client,
            friends,
            program,
            recipe,
            platform,
        })
    }

    fn accepted(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.client.ask(method, path, None, body)?;
        ensure!(answer.status == 202, "{method} {path}: {answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    }

    /// The number of a group that is made.
    fn group(&self, method: &str, path: &str, body: &Value) -> Result<u64> {
        let made = self.accepted(method, path, body)?;
        made["audienceGroupId"].as_u64().context("a number")
    }

    /// A file with fields beside it.
    fn send(&self, method: &str, fields: &[(&str, &str)], text: &str) -> Result<Answer> {
        post(&self.client, method, &form(fields, text))
    }

    fn groups(&self) -> Result<Vec<Value>> {
        let list = self
            .client
            .get("/v2/bot/audienceGroup/list?page=1&size=40")?;
        Ok(serde_json::from_value(list["audienceGroups"].clone())?)
    }

    /// Waits until a group is ready and has so many people, and no upload of it waits.
    fn until_ready(&self, group: u64, count: u64) -> Result<Value> {
        let path = format!("/v2/bot/audienceGroup/{group}");
        let ended = |job: &Value| job["jobStatus"] == "FINISHED";
        let found = wait::until_state(
            &format!("an audience of {count} is ready"),
            SOON,
            || self.client.get(&path),
            |found| {
                let group = &found["audienceGroup"];
                let mut jobs = found["jobs"].as_array().into_iter().flatten();
                group["status"] == "READY" && group["audienceCount"] == count && jobs.all(ended)
            },
        );
        found.map_err(|error| error.context(self.program.recipe().log_end()))
    }

    /// A broadcast with two links; the id of its request.
    fn broadcast(&self) -> Result<String> {
        let link = |label: &str, uri: &str| json!({"type": "uri", "label": label, "uri": uri});
        let body = json!({"messages": [{"type": "template", "altText": "(광고) 새 소식",
            "template": {"type": "buttons", "text": "(광고) 새 소식",
                "actions": [link("첫째", FIRST_LINK), link("둘째", SECOND_LINK)]}}]});
        let bearer = format!("Bearer {}", self.client.token);
        let page = Browser::open(self.client.address)?.post_body_with(
            "/v2/bot/message/broadcast",
            "application/json",
            body.to_string().into_bytes(),
            &[("authorization", &*bearer)],
        )?;
        ensure!(page.status == 200, "{page:?}");
        Ok(page.header("x-line-request-id").to_owned())
    }

    /// What somebody did with the broadcast.
    fn event(&self, kind: &str, one: &Accepted) -> Value {
        json!({"id": format!("{kind}-{}", one.user_key), "type": kind, "at": now().to_string(),
            "account": self.platform.brand.handle, "user": one.user_key,
            "pushKey": one.push_key, "message": 0})
    }

    fn ends_clean(self) -> Result<()> {
        let data = self.platform.brand.data.clone();
        self.program.stop()?;
        let found = violations(&reconcile(&data)?)?;
        ensure!(found.is_empty(), "{found:?}");
        Ok(())
    }
}

fn ids(friends: &[String]) -> Value {
    let one = |id: &String| json!({ "id": id });
    friends.iter().map(one).collect()
}

fn lines(friends: &[String], end: &str) -> String {
    friends.iter().map(|id| format!("{id}{end}")).collect()
}

fn form(fields: &[(&str, &str)], text: &str) -> Vec<u8> {
    let mut form = String::new();
    for (name, value) in fields {
        form.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    form.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ids.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n"
    ));
    form.into_bytes()
}

fn post(client: &Client, method: &str, form: &[u8]) -> Result<Answer> {
    let bearer = format!("Bearer {}", client.token);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("Authorization", &*bearer), ("Content-Type", &*kind)];
    http::request_bytes(client.address, method, BY_FILE, &headers, form)
}

fn links(platform: &Platform, campaign: &str) -> Result<Vec<CampaignLink>> {
    let business: BusinessId = platform.brand.business.parse()?;
    let campaign: CampaignId = campaign.parse()?;
    Runtime::new()?.block_on(async {
        let store = Store::open(&engine::database(&platform.recipe.data)).await?;
        let links = store.links_of_campaign(business, campaign).await?;
        store.close().await?;
        Ok(links)
    })
}
