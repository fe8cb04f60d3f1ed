//! The OpenAPI document of these routes, out of their own handlers and types, and a page that a
//! person can read. Both are made once, when the router is.

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Ref, RefOr, Required, Response as ResponseObject, ResponseBuilder,
};
use utoipa::{Modify, OpenApi};

use super::once::KEY_CHARS_MAX;
use super::problem::{KINDS, Kind, PROBLEM_JSON, Problem};

/// Posts that do nothing: a key would be for nothing.
const WITHOUT_EFFECT: [&str; 2] = ["estimateAudience", "testWebhook"];
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// What the document says before any route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chingu for brands' programs",
        version = "1",
        description = "Campaigns, friends, audiences and figures of one official account, by the \
            channel access tokens that LINE's paths take as well. Amounts are decimal digits in \
            texts. Times are RFC 3339 in UTC. Lists come in pages: `cursor` is `next` of the page \
            before, and `next` is null at the end. What a POST does is done once per \
            `Idempotency-Key`, for 24 hours. `RateLimit` and `RateLimit-Policy` tell what is left.",
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("bearer" = [])),
    tags(
        (name = "campaigns", description = "Written, scheduled, launched, stopped."),
        (name = "figures", description = "How far, to whom, at what price, and what came of it."),
        (name = "friends", description = "Who they are and what they agreed to."),
        (name = "audiences", description = "How many an expression reaches."),
        (name = "webhook", description = "Where events go, and which were taken."),
    ),
)]
pub struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("bearer", scheme);
    }
}

/// The document and its page, as they are served.
pub struct Served {
    json: Bytes,
    page: Result<Bytes, askama::Error>,
}

impl Served {
    /// Adds what every operation has in common.
    pub fn of(mut document: utoipa::openapi::OpenApi) -> Arc<Self> {
        for item in document.paths.paths.values_mut() {
            let all = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.delete,
            ];
            for operation in all.into_iter().flatten() {
                let problem = RefOr::T(problem());
                let responses = &mut operation.responses.responses;
                responses.insert("default".to_owned(), problem);
            }
            if let Some(post) = item.post.as_mut().filter(|post| has_effect(post)) {
                let parameters = post.parameters.get_or_insert_with(Vec::new);
                parameters.push(RefOr::T(key()));
            }
        }
        // Maps with text keys always serialize.
        let value = serde_json::to_value(&document).unwrap_or_default();
        Arc::new(Self {
            json: Bytes::from(value.to_string()),
            page: Page::of(&value).render().map(Bytes::from),
        })
    }

    pub fn json(&self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], self.json.clone()).into_response()
    }

    pub fn page(&self) -> Response {
        let html = match &self.page {
            Ok(html) => html.clone(),
            Err(error) => {
                tracing::error!(%error, "the page of the API could not be made");
                return super::Refusal::Broken.into_response();
            }
        };
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(assets::PAGE_POLICY),
            ),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("same-origin"),
            ),
        ];
        (headers, html).into_response()
    }
}

fn has_effect(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    !WITHOUT_EFFECT.contains(&id)
}

fn problem() -> ResponseObject {
    let schema = Some(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(schema).build();
    ResponseBuilder::new()
        .description("Why it is not answered as it was asked")
        .content(PROBLEM_JSON, content)
        .build()
}

fn key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_CHARS_MAX))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "By it a request that is made again is known for 24 hours: answered as before, and \
             done once",
        ))
        .schema(Some(schema))
        .build()
}

#[derive(Template)]
#[template(path = "api/docs.html")]
struct Page {
    title: String,
    introduction: Vec<String>,
    groups: Vec<Group>,
    kinds: [Kind; KINDS.len()],
    schemas: Vec<Object>,
}

struct Group {
    name: String,
    description: String,
    operations: Vec<Shown>,
}

struct Shown {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<String>,
    rows: Vec<Row>,
}

struct Object {
    name: String,
    description: Vec<String>,
    rows: Vec<Row>,
}

/// A parameter, a body, an answer, a property.
struct Row {
    name: String,
    /// Where a parameter stands; the type of a property.
    place: String,
    words: String,
    /// The object that it is, where it is one.
    schema: String,
}

impl Page {
    fn of(document: &Value) -> Self {
        let empty = Vec::new();
        let tags = document["tags"].as_array().unwrap_or(&empty);
        let groups = tags.iter().map(|tag| Group {
            name: text(&tag["name"]),
            description: text(&tag["description"]),
            operations: operations(document, &text(&tag["name"])),
        });
        let schemas = entries(&document["components"]["schemas"]);
        Self {
            title: text(&document["info"]["title"]),
            introduction: lines(&document["info"]["description"]),
            groups: groups.collect(),
            kinds: KINDS,
            schemas: schemas.map(|(name, schema)| object(name, schema)).collect(),
        }
    }
}

fn operations(document: &Value, tag: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            let operation = &item[method];
            if operation["tags"][0] == *tag {
                found.push(operation_of(path, method, operation));
            }
        }
    }
    found
}

fn operation_of(path: &str, method: &str, operation: &Value) -> Shown {
    let mut rows = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        rows.push(Row {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            words: text(&parameter["description"]),
            schema: String::new(),
        });
    }
    for (kind, content) in entries(&operation["requestBody"]["content"]) {
        let schema = named(&content["schema"]);
        rows.push(Row {
            name: if schema.is_empty() {
                kind.to_owned()
            } else {
                schema.clone()
            },
            place: "body".to_owned(),
            words: kind.to_owned(),
            schema,
        });
    }
    for (status, response) in entries(&operation["responses"]) {
        for (kind, content) in entries(&response["content"]) {
            let schema = named(&content["schema"]);
            rows.push(Row {
                name: if schema.is_empty() {
                    kind.to_owned()
                } else {
                    schema.clone()
                },
                place: status.to_owned(),
                words: text(&response["description"]),
                schema,
            });
        }
    }
    Shown {
        id: text(&operation["operationId"]),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: lines(&operation["description"]),
        rows,
    }
}

fn object(name: &str, schema: &Value) -> Object {
    let rows = entries(&schema["properties"]).map(|(name, property)| Row {
        name: name.to_owned(),
        place: kind_of(property),
        words: text(&property["description"]),
        schema: named(property),
    });
    Object {
        name: name.to_owned(),
        description: lines(&schema["description"]),
        rows: rows.collect(),
    }
}

/// The name of the object that a schema refers to, by itself, in a list, or as one of several.
fn named(schema: &Value) -> String {
    let inside = [&schema["items"]["$ref"], &schema["$ref"]];
    let mut all = inside.into_iter().cloned().collect::<Vec<Value>>();
    for key in ["oneOf", "anyOf", "allOf"] {
        let several = schema[key].as_array().into_iter().flatten();
        all.extend(several.map(|one| one["$ref"].clone()));
    }
    let found = all.iter().find_map(Value::as_str);
    let name = found.and_then(|reference| reference.rsplit('/').next());
    name.unwrap_or_default().to_owned()
}

fn kind_of(property: &Value) -> String {
    let name = named(property);
    if !name.is_empty() {
        return name;
    }
    match &property["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn lines(value: &Value) -> Vec<String> {
    let text = value.as_str().unwrap_or_default();
    let lines = text.split("\n\n").map(|line| line.replace('\n', " "));
    lines.filter(|line| !line.is_empty()).collect()
}
