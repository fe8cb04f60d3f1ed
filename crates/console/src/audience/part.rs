//! The audience part of a draft: the audience where it is whole, and the form as it was typed.

use domain::audience::Audience;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::form::AudienceForm;
use super::tree::{self, Meaning};

/// What is stored: `{"expression":…,"limit":…,"form":…}`, the first two only where nothing is
/// missing.
pub fn to_content(form: &AudienceForm, meaning: &Meaning) -> String {
    let whole = meaning.audience.as_ref();
    let json = whole.and_then(|audience| serde_json::from_str(&audience.to_json()).ok());
    let mut content: Value = json.unwrap_or_else(|| json!({}));
    content["form"] = json!(form);
    content.to_string()
}

/// The form that a part holds. A part without one was written elsewhere: its audience is shown as a
/// form. What cannot be read at all is everybody, as a draft without this part is.
pub fn form_of(content: Option<&str>, zone: &TimeZone) -> AudienceForm {
    let Some(content) = content else {
        return AudienceForm::default();
    };
    let mut value: Value = serde_json::from_str(content).unwrap_or_default();
    let form = value.get_mut("form").map(Value::take);
    if let Some(form) = form.and_then(|form| serde_json::from_value(form).ok()) {
        return form;
    }
    match Audience::parse(content) {
        Ok(audience) => tree::form_of(&audience, zone),
        Err(_) => AudienceForm::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::{Condition, Group, Who};
    use super::*;

    #[test]
    fn parts_come_back_finished_or_not() {
        let zone = domain::time::zone("Asia/Seoul").unwrap();
        let unfinished = AudienceForm {
            who: Who::Some,
            groups: vec![Group {
                conditions: vec![Condition::default()],
                ..Group::default()
            }],
            ..AudienceForm::default()
        };
        for (form, is_whole) in [(AudienceForm::default(), true), (unfinished, false)] {
            let content = to_content(&form, &tree::meaning(&form, &zone));
            assert_eq!(form_of(Some(&content), &zone), form);
            let value: Value = serde_json::from_str(&content).unwrap();
            assert_eq!(value.get("expression").is_some(), is_whole);
        }
        let elsewhere =
            r#"{"expression":{"tag":"vip"},"limit":{"count":5,"method":"user_number"}}"#;
        let form = form_of(Some(elsewhere), &zone);
        assert_eq!(form.groups[0].conditions[0].values, ["vip"]);
        assert!(form.limit.is_on);
        for nothing in [None, Some(""), Some("{"), Some("[]"), Some(r#"{"form":7}"#)] {
            assert_eq!(
                form_of(nothing, &zone),
                AudienceForm::default(),
                "{nothing:?}"
            );
        }
    }
}
