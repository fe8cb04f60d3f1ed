//! The document is of the routes, and the routes are of the document.

use super::*;

testkit::on_both_engines![
    every_documented_operation_is_there_and_no_other,
    tokens_that_are_none_open_nothing,
];

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

impl World {
    async fn document(&self) -> Value {
        let request = Request::get("/v1/openapi.json").body(Body::empty());
        let answer = self.send(request.unwrap()).await;
        assert_eq!(answer.status, 200);
        answer.body
    }
}

/// Every path of the document with something in its placeholders, and its methods.
fn operations(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().unwrap();
    let one = |(path, item): (&String, &Value)| {
        let filled = path
            .replace("{campaign}", "cmp_00000000000000000000000001")
            .replace("{friend}", KIM)
            .replace("{purpose}", "night")
            .replace("{event}", "01FZ74A0TDDPYRVKNK77XKC3ZR");
        assert!(!filled.contains('{'), "{path}: what is that?");
        let methods = item.as_object().unwrap().keys();
        (filled, methods.map(|name| name.to_uppercase()).collect())
    };
    paths.iter().map(one).collect()
}

async fn every_documented_operation_is_there_and_no_other(engine: Engine) {
    let world = world(engine).await;
    let document = world.document().await;
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    let all = operations(&document);
    let count: usize = all.iter().map(|(_, methods)| methods.len()).sum();
    assert!(count >= 26, "{count} operations");
    let mut ids = BTreeSet::new();
    for (path, methods) in &all {
        for method in METHODS {
            let request = Request::builder().method(method).uri(path);
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            let expected = match methods.contains(method) {
                true => 401,
                false => 405,
            };
            assert_eq!(answer.status, expected, "{method} {path}");
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            let problem = &operation["responses"]["default"]["content"][problem::PROBLEM_JSON];
            assert_eq!(
                problem["schema"]["$ref"], "#/components/schemas/Problem",
                "{id}"
            );
            let parameters = operation["parameters"].as_array();
            let parameters = parameters.map(Vec::as_slice).unwrap_or_default();
            let takes_key = parameters
                .iter()
                .any(|one| one["name"] == "Idempotency-Key");
            let does_nothing = ["estimateAudience", "testWebhook"].contains(&id);
            let has_effect = method == "post" && !does_nothing;
            assert_eq!(takes_key, has_effect, "{method} {path}");
        }
    }
    // The other way round: nothing is routed but by what is documented.
    let source = include_str!("../mod.rs");
    let plain = source.matches(".route(").count();
    assert_eq!(plain, 5, "the document, its page, and what is not there");
    bodies_are_documented_as_they_are_read(&document);
    world.page_is_readable(&document).await;
}

fn bodies_are_documented_as_they_are_read(document: &Value) {
    for (name, properties) in [
        ("CampaignBody", &super::super::campaigns::PROPERTIES[..]),
        ("ScheduleBody", &steps::SCHEDULE_PROPERTIES[..]),
        ("LaunchBody", &steps::LAUNCH_PROPERTIES[..]),
        ("CancelBody", &steps::CANCEL_PROPERTIES[..]),
        ("TestBody", &steps::TEST_PROPERTIES[..]),
        ("ConsentBody", &consents::PROPERTIES[..]),
        ("EstimateBody", &audiences::PROPERTIES[..]),
        ("WebhookBody", &crate::v1::webhook::PROPERTIES[..]),
        ("WebhookTestBody", &crate::v1::webhook::TEST_PROPERTIES[..]),
    ] {
        let schema = &document["components"]["schemas"][name]["properties"];
        let documented = schema.as_object().unwrap_or_else(|| panic!("{name}"));
        let documented: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
        let read: BTreeSet<&str> = properties.iter().copied().collect();
        assert_eq!(documented, read, "{name}");
    }
}

impl World {
    async fn page_is_readable(&self, document: &Value) {
        let request = Request::get("/v1/docs").body(Body::empty());
        let answer = self.send(request.unwrap()).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, Some(assets::PAGE_POLICY));
        let html = answer.body.as_str().unwrap();
        for forbidden in ["<script", "style=", "http://", "https://"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(html.contains(path.as_str()), "{path}");
        }
        for kind in problem::KINDS {
            assert!(
                html.contains(&format!("id=\"{}\"", kind.name)),
                "{}",
                kind.name
            );
        }
        for name in document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
        {
            assert!(html.contains(&format!("id=\"{name}\"")), "{name}");
        }
    }
}

async fn tokens_that_are_none_open_nothing(engine: Engine) {
    let world = world(engine).await;
    let document = world.document().await;
    let good = &world.tokens[0];
    let bad: Vec<Vec<String>> = vec![
        vec![],
        vec![String::new()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![good.clone()],
        vec![format!("Basic {good}")],
        vec![format!("Bearer {good}x")],
        vec![format!("Bearer {}", &good[1..])],
        vec![format!("Bearer {}", good.to_uppercase())],
        vec!["Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()],
        vec![format!("Bearer {good}"), format!("Bearer {good}")],
    ];
    for (path, methods) in operations(&document) {
        for method in &methods {
            for headers in &bad {
                let mut request = Request::builder().method(&**method).uri(&path);
                for header in headers {
                    request = request.header(AUTHORIZATION, header);
                }
                let answer = world.send(request.body("{}".into()).unwrap()).await;
                let came = (answer.status, answer.problem());
                assert_eq!(
                    came,
                    (401, "unauthenticated"),
                    "{method} {path} {headers:?}"
                );
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
        }
    }
}
