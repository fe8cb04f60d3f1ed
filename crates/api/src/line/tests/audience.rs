//! Audience groups as LINE's libraries ask for them: made, filled, listed, and refused in LINE's
//! words.

use domain::audience_group::{LIVES_FOR, REQUEST_IDS_MAX};

use super::*;

testkit::on_both_engines![
    a_group_of_ids_is_made_filled_and_deleted,
    a_group_of_a_file_is_made_filled_and_added_to,
    what_is_wrong_is_told_in_lines_codes,
    files_that_are_refused,
    lists_are_pages_of_what_is_asked_for,
    the_groups_of_another_account_are_not_there,
];

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";
const UPLOAD: &str = "/v2/bot/audienceGroup/upload";
const BY_FILE: &str = "/v2/bot/audienceGroup/upload/byFile";
const NOBODY: &str = "U00000000000000000000000000000000";

impl World {
    async fn put(&self, path: &str, content_type: &str, body: String) -> Answer {
        let request = self.request("PUT", path).header(CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path).body(Body::empty()).unwrap())
            .await
    }

    /// Makes a group of these ids; its number.
    async fn group(&self, description: &str, ids: &[&str]) -> i64 {
        let ids: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({"description": description, "audiences": ids});
        let made = self.post(UPLOAD, JSON, body.to_string()).await;
        assert_eq!(made.status, 202, "{}", made.body);
        made.body["audienceGroupId"].as_i64().unwrap()
    }

    async fn fill(&self) {
        while self.state.audiences.step().await.unwrap() {}
    }

    async fn friend(&self, key: &str) {
        let added = Fact::Added {
            source: None,
            profile: None,
        };
        self.tell(key, added).await;
    }
}

/// A form of these fields and a file.
fn form(fields: &[(&str, &str)], file_type: &str, file: &str) -> String {
    let part = |head: String, body: &str| {
        format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    let fields = fields
        .iter()
        .map(|(name, value)| part(format!("name=\"{name}\""), value));
    let head = format!("name=\"file\"; filename=\"ids.txt\"\r\ncontent-type: {file_type}");
    let fields: String = fields.collect();
    format!("{}{fields}--b--\r\n", part(head, file))
}

fn code(answer: &Answer) -> (u16, &str) {
    let code = answer.body["details"][0]["message"].as_str();
    (answer.status, code.unwrap_or_default())
}

async fn a_group_of_ids_is_made_filled_and_deleted(engine: Engine) {
    let world = world(engine).await;
    world.friend(KIM).await;
    let body = json!({
        "description": "봄", "uploadDescription": "first",
        "audiences": [{"id": KIM}, {"id": NOBODY}],
    });
    let made = world.post(UPLOAD, JSON, body.to_string()).await;
    assert_eq!(made.status, 202, "{}", made.body);
    let id = made.body["audienceGroupId"].as_i64().unwrap();
    let ends = (NOW + LIVES_FOR).as_seconds();
    let common = json!({
        "audienceGroupId": id, "createRoute": "MESSAGING_API", "type": "UPLOAD",
        "description": "봄", "created": NOW.as_seconds(), "permission": "READ_WRITE",
        "expireTimestamp": ends, "isIfaAudience": false,
    });
    assert_eq!(made.body, common);
    let path = format!("/v2/bot/audienceGroup/{id}");
    let waiting = world.get(&path).await;
    assert_eq!(waiting.body["audienceGroup"]["status"], "IN_PROGRESS");
    assert_eq!(waiting.body["jobs"][0]["jobStatus"], "QUEUED");
    world.fill().await;
    let ready = world.get(&path).await;
    let group = &ready.body["audienceGroup"];
    assert_eq!(
        (&group["status"], &group["audienceCount"]),
        (&json!("READY"), &json!(1))
    );
    let job = &ready.body["jobs"][0];
    assert_eq!(job["jobStatus"], "FINISHED");
    assert_eq!(
        (&job["description"], &job["failedType"]),
        (&json!("first"), &Value::Null)
    );
    assert_eq!(
        (&job["audienceCount"], &job["type"]),
        (&json!(1), &json!("DIFF_ADD"))
    );
    let body = json!({"audienceGroupId": id, "audiences": [{"id": KIM}]});
    let added = world.put(UPLOAD, JSON, body.to_string()).await;
    assert_eq!((added.status, &added.body), (202, &json!({})));
    let renamed = format!("{path}/updateDescription");
    let body = json!({"description": "Spring"}).to_string();
    let renamed = world.put(&renamed, JSON, body).await;
    assert_eq!((renamed.status, &renamed.body), (200, &json!({})));
    let again = world.get(&path).await;
    assert_eq!(again.body["audienceGroup"]["description"], "Spring");
    let shared = world
        .get(&format!("/v2/bot/audienceGroup/shared/{id}"))
        .await;
    assert_eq!(shared.body, again.body);
    let deleted = world.delete(&path).await;
    assert_eq!((deleted.status, &deleted.body), (202, &json!({})));
    let gone = world.get(&path).await;
    let words = json!({
        "message": "audience group not found",
        "details": [{"message": "AUDIENCE_GROUP_NOT_FOUND"}],
    });
    assert_eq!((gone.status, gone.body), (400, words));
    // Without ids it waits for some; of ids that name nobody it fails.
    let (empty, failed) = (
        world.group("empty", &[]).await,
        world.group("x", &[NOBODY]).await,
    );
    world.fill().await;
    for (id, status, failure) in [
        (empty, "IN_PROGRESS", Value::Null),
        (
            failed,
            "FAILED",
            json!("AUDIENCE_GROUP_AUDIENCE_INSUFFICIENT"),
        ),
    ] {
        let found = world.get(&format!("/v2/bot/audienceGroup/{id}")).await;
        let group = &found.body["audienceGroup"];
        assert_eq!(
            (&group["status"], &group["failedType"]),
            (&json!(status), &failure)
        );
    }
}

async fn a_group_of_a_file_is_made_filled_and_added_to(engine: Engine) {
    let world = world(engine).await;
    world.friend(KIM).await;
    let lee = "U0000000000000000000000000000000a";
    world.friend(lee).await;
    // The fields stand behind the file, as some libraries write them.
    let fields = [("description", "File"), ("isIfaAudience", "False")];
    let file = format!("{KIM}\r\n\r\n{NOBODY}\r\n");
    let made = world
        .post(
            BY_FILE,
            FORM,
            form(&fields, "text/plain; charset=utf-8", &file),
        )
        .await;
    assert_eq!(made.status, 202, "{}", made.body);
    let id = made.body["audienceGroupId"].to_string();
    world.fill().await;
    let fields = [
        ("audienceGroupId", id.as_str()),
        ("uploadDescription", "more"),
    ];
    let added = world
        .put(BY_FILE, FORM, form(&fields, "text/plain", lee))
        .await;
    assert_eq!((added.status, &added.body), (202, &json!({})));
    world.clock.advance(Duration::from_secs(1));
    world.fill().await;
    let found = world.get(&format!("/v2/bot/audienceGroup/{id}")).await;
    assert_eq!(found.body["audienceGroup"]["audienceCount"], 2);
    let said: Vec<&Value> = found.body["jobs"].as_array().unwrap().iter().collect();
    assert_eq!(said.len(), 2);
    assert!(said.iter().any(|job| job["description"] == "more"));
}

async fn what_is_wrong_is_told_in_lines_codes(engine: Engine) {
    let world = world(engine).await;
    let id = world.group("one", &[]).await;
    let many = vec![json!({"id": KIM}); REQUEST_IDS_MAX + 1];
    let name = |name: &str| json!({ "description": name });
    let ids = |ids: Value| json!({"description": "a", "audiences": ids});
    let table = [
        ("POST", UPLOAD, json!({}), "AUDIENCE_GROUP_NAME_EMPTY"),
        ("POST", UPLOAD, name("  "), "AUDIENCE_GROUP_NAME_EMPTY"),
        (
            "POST",
            UPLOAD,
            name(&"x".repeat(121)),
            "AUDIENCE_GROUP_NAME_SIZE_OVER",
        ),
        ("POST", UPLOAD, name("a\nb"), "AUDIENCE_GROUP_NAME_WRONG"),
        (
            "POST",
            UPLOAD,
            ids(json!([{"id": KIM}, {"id": "kim"}])),
            "UPLOAD_AUDIENCE_GROUP_INVALID_AUDIENCE_ID_FORMAT",
        ),
        (
            "POST",
            UPLOAD,
            ids(Value::Array(many)),
            "UPLOAD_AUDIENCE_GROUP_TOO_MANY_AUDIENCE_IDS",
        ),
        (
            "POST",
            UPLOAD,
            json!({"description": "a", "uploadDescription": "x".repeat(301),
                "audiences": [{"id": KIM}]}),
            "AUDIENCE_GROUP_UPLOAD_DESCRIPTION_SIZE_OVER",
        ),
        (
            "PUT",
            UPLOAD,
            json!({"audienceGroupId": id, "audiences": []}),
            "UPLOAD_AUDIENCE_GROUP_NO_VALID_AUDIENCE_IDS",
        ),
        (
            "PUT",
            UPLOAD,
            json!({"audienceGroupId": 7, "audiences": [{"id": KIM}]}),
            "AUDIENCE_GROUP_NOT_FOUND",
        ),
        (
            "POST",
            "/v2/bot/audienceGroup/click",
            json!({"description": "a", "requestId": "7"}),
            "REQUEST_NOT_FOUND",
        ),
        (
            "POST",
            "/v2/bot/audienceGroup/imp",
            json!({"description": "a", "requestId": "123e4567-e89b-12d3-a456-426614174000"}),
            "REQUEST_NOT_FOUND",
        ),
        (
            "PUT",
            "/v2/bot/audienceGroup/1000000000000/updateDescription",
            name("b"),
            "AUDIENCE_GROUP_NOT_FOUND",
        ),
    ];
    for (method, path, body, expected) in table {
        let answer = match method {
            "PUT" => world.put(path, JSON, body.to_string()).await,
            _ => world.post(path, JSON, body.to_string()).await,
        };
        assert_eq!(
            code(&answer),
            (400, expected),
            "{method} {path} {}",
            answer.body
        );
    }
    let wrong = ids(json!([{"id": KIM}, {"id": "kim"}])).to_string();
    let wrong = world.post(UPLOAD, JSON, wrong).await;
    assert_eq!(wrong.body["details"][0]["property"], "audiences[1].id");
    let ifa = json!({"description": "a", "isIfaAudience": true}).to_string();
    assert_eq!(world.post(UPLOAD, JSON, ifa).await.status, 403);
    let shape = json!({"description": "a", "audiences": [KIM]}).to_string();
    assert_eq!(world.post(UPLOAD, JSON, shape).await.status, 400);
    let path = format!("/v2/bot/audienceGroup/{id}");
    world.clock.advance(LIVES_FOR);
    let body = json!({"audienceGroupId": id, "audiences": [{"id": KIM}]});
    let expired = world.put(UPLOAD, JSON, body.to_string()).await;
    let words = "AUDIENCE_GROUP_CAN_NOT_UPLOAD_STATUS_EXPIRED";
    assert_eq!(code(&expired), (400, words));
    let found = world.get(&path).await;
    assert_eq!(found.body["audienceGroup"]["status"], "EXPIRED");
}

async fn files_that_are_refused(engine: Engine) {
    let world = world(engine).await;
    let named = [("description", "a")];
    let good = form(&named, "text/plain", KIM);
    for (content_type, body, status, words) in [
        (JSON, good.clone(), 415, "application/json"),
        (FORM, form(&named, "text/csv", KIM), 415, "text/csv"),
        (
            FORM,
            form(&named, "text/plain", &format!("{KIM}\nkim")),
            400,
            "number 2",
        ),
        (
            FORM,
            form(&named, "text/plain", "\n\n"),
            400,
            "no valid audience ids",
        ),
        (FORM, form(&[], "text/plain", KIM), 400, "name is empty"),
        (
            FORM,
            form(&[("file", "x"), named[0]], "text/plain", KIM),
            400,
            "file",
        ),
        (FORM, "--b\r\n\r\n".to_owned(), 400, ""),
        (FORM, "--b--\r\n".to_owned(), 400, "file"),
        ("multipart/form-data", good.clone(), 400, ""),
    ] {
        let answer = world.post(BY_FILE, content_type, body.clone()).await;
        let said = answer.body["message"].as_str().unwrap();
        assert_eq!(answer.status, status, "{body}: {said}");
        assert!(said.contains(words), "{body}: {said}");
    }
    let nothing = std::fs::read_dir(world.database.folder().join("imports"));
    assert_eq!(nothing.map_or(0, Iterator::count), 0);
}

async fn lists_are_pages_of_what_is_asked_for(engine: Engine) {
    let world = world(engine).await;
    for number in 1..=3 {
        world.group(&format!("Group {number}"), &[]).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let list = async |query: &str| {
        let answer = world.get(&format!("/v2/bot/audienceGroup/{query}")).await;
        let names = answer.body["audienceGroups"].as_array().map(|groups| {
            let names = groups.iter().map(|group| group["description"].to_string());
            names.collect::<Vec<String>>().join(" ").replace('"', "")
        });
        (answer.status, names.unwrap_or_default(), answer.body)
    };
    let (status, names, body) = list("list?page=1&size=2").await;
    assert_eq!((status, &*names), (200, "Group 3 Group 2"));
    assert_eq!(
        (&body["hasNextPage"], &body["totalCount"], &body["size"]),
        (&json!(true), &json!(3), &json!(2))
    );
    let (_, names, body) = list("list?page=2&size=2").await;
    assert_eq!((&*names, &body["hasNextPage"]), ("Group 1", &json!(false)));
    for (query, found) in [
        ("list?page=1&description=group%202", "Group 2"),
        ("list?page=1&status=READY", ""),
        ("list?page=1&status=INACTIVE", ""),
        ("list?page=1&createRoute=OA_MANAGER", ""),
        ("list?page=1&createRoute=AD_MANAGER", ""),
        (
            "list?page=1&createRoute=OA_MANAGER&includesExternalPublicGroups=False",
            "",
        ),
        (
            "list?page=1&includesExternalPublicGroups=False",
            "Group 3 Group 2 Group 1",
        ),
        ("shared/list?page=1", ""),
        (
            "shared/list?page=1&includesOwnedAudienceGroups=True",
            "Group 3 Group 2 Group 1",
        ),
    ] {
        let (status, names, body) = list(query).await;
        assert_eq!((status, &*names), (200, found), "{query}: {body}");
    }
    for (query, words) in [
        ("list", "page: must not be null"),
        ("list?page=0", "page: must be greater than or equal to 1"),
        (
            "list?page=1&size=41",
            "size: must be less than or equal to 40",
        ),
        ("list?page=1&status=SLEEPING", "'status'"),
        ("list?page=1&createRoute=LETTER", "'createRoute'"),
        ("list?page=one", "'page'"),
    ] {
        let (status, _, body) = list(query).await;
        let said = body["message"].as_str().unwrap();
        assert!(status == 400 && said.contains(words), "{query}: {body}");
    }
    let (_, _, body) = list("list?page=1&size=41").await;
    assert_eq!(body["details"], json!([{"message": "TOO_HIGH"}]));
}

async fn the_groups_of_another_account_are_not_there(engine: Engine) {
    let mut world = world(engine).await;
    let id = world.group("ours", &[]).await;
    let issued =
        world
            .channels
            .issue_long_lived(world.other.business, world.other.id, Duration::ZERO);
    world.token = issued.await.unwrap().token;
    let path = format!("/v2/bot/audienceGroup/{id}");
    let not_found = (400, "AUDIENCE_GROUP_NOT_FOUND");
    assert_eq!(code(&world.get(&path).await), not_found);
    assert_eq!(code(&world.delete(&path).await), not_found);
    let body = json!({"audienceGroupId": id, "audiences": [{"id": KIM}]});
    let added = world.put(UPLOAD, JSON, body.to_string()).await;
    assert_eq!(code(&added), not_found);
    let list = world.get("/v2/bot/audienceGroup/list?page=1").await;
    assert_eq!(list.body["totalCount"], 0);
}
