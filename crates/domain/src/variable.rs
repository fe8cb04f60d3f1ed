//! What differs per friend in a message: `{{name}}`, or `{{name|fallback}}` with what stands there
//! for whoever has none. A text message (v2) has braces of its own and no variables.

use serde_json::Value;

/// The friend's display name, in the words of each language of the console.
pub const DISPLAY_NAME: [&str; 3] = ["name", "이름", "名前"];

/// A piece of a text, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Words(&'a str),
    Variable { name: &'a str, fallback: &'a str },
}

/// The pieces of `text`; put together again they say the same. Braces that are no variable are
/// words.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    Pieces { rest: text }
}

/// Which words for the display name the messages use, so that each can be sent under its own.
pub fn display_names_used(messages: &str) -> Vec<&'static str> {
    let Ok(messages) = serde_json::from_str(messages) else {
        return Vec::new();
    };
    let mut used = [false; DISPLAY_NAME.len()];
    each_text(&messages, &mut |text| {
        for piece in pieces(text) {
            let Piece::Variable { name, .. } = piece else {
                continue;
            };
            for (used, known) in used.iter_mut().zip(DISPLAY_NAME) {
                *used |= name == known;
            }
        }
    });
    let known = DISPLAY_NAME.into_iter().zip(used);
    known
        .filter_map(|(name, used)| used.then_some(name))
        .collect()
}

fn each_text(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, found)),
        Value::Object(members) => {
            let has_own_braces = members.get("type").is_some_and(|kind| kind == "textV2");
            for (name, value) in members {
                if !(has_own_braces && name == "text") {
                    each_text(value, found);
                }
            }
        }
        _ => {}
    }
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = self.rest[from..].find("{{") {
            let at = from + at;
            let Some(inside) = self.rest[at + 2..].split_once("}}") else {
                break;
            };
            let (inside, after) = inside;
            if inside.contains(['{', '\n']) || inside.trim().is_empty() {
                // The brace may open a variable further on.
                from = at + 1;
                continue;
            }
            if at > 0 {
                let (words, rest) = self.rest.split_at(at);
                self.rest = rest;
                return Some(Piece::Words(words));
            }
            self.rest = after;
            let (name, fallback) = inside.split_once('|').unwrap_or((inside, ""));
            return Some(Piece::Variable {
                name: name.trim(),
                fallback: fallback.trim(),
            });
        }
        Some(Piece::Words(std::mem::take(&mut self.rest)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let variable = |name, fallback| Piece::Variable { name, fallback };
        for (text, expected) in [
            ("", vec![]),
            ("words", vec![Piece::Words("words")]),
            ("{{name}}", vec![variable("name", "")]),
            (
                "Hi {{ name | friend }}!",
                vec![
                    Piece::Words("Hi "),
                    variable("name", "friend"),
                    Piece::Words("!"),
                ],
            ),
            (
                "{{{name}}}",
                vec![Piece::Words("{"), variable("name", ""), Piece::Words("}")],
            ),
            ("{{}} {{name", vec![Piece::Words("{{}} {{name")]),
            ("{name} }}{{", vec![Piece::Words("{name} }}{{")]),
            ("{{na\nme}}", vec![Piece::Words("{{na\nme}}")]),
            (
                "{{이름|고객}}{{b}}",
                vec![variable("이름", "고객"), variable("b", "")],
            ),
        ] {
            assert_eq!(pieces(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn only_what_is_known_and_used_is_asked_for() {
        for (messages, expected) in [
            (
                r#"[{"type":"text","text":"{{name|you}} and {{city}}"}]"#,
                vec!["name"],
            ),
            (
                r#"[{"type":"flex","contents":{"a":[{"text":"{{ 名前 }}"}]}},{"text":"{{이름}}"}]"#,
                vec!["이름", "名前"],
            ),
            // Escaped as another writer may.
            (r#"[{"text":"\u007b{name}}"}]"#, vec!["name"]),
            (r#"[{"text":"{name} {{Name}}"}]"#, vec![]),
            (
                r#"[{"type":"textV2","text":"{{name}}","quickReply":{"text":"{{이름}}"}}]"#,
                vec!["이름"],
            ),
            ("no JSON {{name}}", vec![]),
        ] {
            assert_eq!(display_names_used(messages), expected, "{messages}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_panics(text in "[{}|a가\n ]{0,40}") {
            let mut rest = text.as_str();
            for piece in pieces(&text) {
                match piece {
                    Piece::Words(words) => rest = rest.strip_prefix(words).unwrap(),
                    Piece::Variable { name, .. } => {
                        let (inside, after) =
                            rest.strip_prefix("{{").unwrap().split_once("}}").unwrap();
                        prop_assert!(inside.trim().starts_with(name) && !name.contains('|'));
                        rest = after;
                    }
                }
            }
            prop_assert_eq!(rest, "");
        }
    }
}
