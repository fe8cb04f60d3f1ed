//! Forms read, and what their buttons do.

use super::*;

/// The form that the page makes of a content, in the order of its fields.
fn form(content: &Content) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("name".to_owned(), content.name.clone()),
        ("purpose".to_owned(), content.purpose.name().to_owned()),
        ("sequence".to_owned(), content.sequence.to_string()),
    ];
    let mut add = |name: String, value: &str| pairs.push((name, value.replace('\n', "\r\n")));
    let buttons = |at: &str, buttons: &[Button], add: &mut dyn FnMut(String, &str)| {
        for (index, button) in buttons.iter().enumerate() {
            add(format!("{at}[{index}].label"), &button.label);
            add(format!("{at}[{index}].kind"), button.kind.name());
            add(format!("{at}[{index}].value"), &button.value);
        }
    };
    for (index, card) in content.cards.iter().enumerate() {
        let at = format!("cards[{index}]");
        add(format!("{at}.kind"), card.kind.name());
        for (field, value) in [
            ("text", &card.text),
            ("title", &card.title),
            ("image", &card.image),
            ("preview", &card.preview),
            ("alt", &card.alt),
            ("video", &card.video),
            ("package", &card.package),
            ("sticker", &card.sticker),
            ("json", &card.json),
            ("last", &card.last),
        ] {
            add(format!("{at}.{field}"), value);
        }
        buttons(&format!("{at}.buttons"), &card.buttons, &mut add);
        for (index, column) in card.columns.iter().enumerate() {
            let at = format!("{at}.columns[{index}]");
            add(format!("{at}.title"), &column.title);
            add(format!("{at}.text"), &column.text);
            add(format!("{at}.image"), &column.image);
            buttons(&format!("{at}.buttons"), &column.buttons, &mut add);
        }
    }
    buttons("quick", &content.quick, &mut add);
    pairs
}

fn sample() -> Content {
    let mut content = Content::begun("이불".to_owned());
    "첫 줄\n둘째 줄 🛏️".clone_into(&mut content.cards[0].text);
    for kind in Kind::ALL {
        content.cards.push(Card::of(kind));
    }
    content.quick.push(Button {
        label: "시간".to_owned(),
        kind: Action::Message,
        value: "몇 시?".to_owned(),
    });
    content.sequence = 7;
    content
}

#[test]
fn what_is_shown_is_what_is_read() {
    let content = sample();
    let sent = read(&form(&content)).unwrap();
    assert_eq!(sent.content, content);
    let again = Content::parse(&content.to_json()).unwrap();
    assert_eq!(again, content);
}

#[test]
fn what_is_no_field_is_refused() {
    for (name, value) in [
        ("nonsense", "x"),
        ("cards", "x"),
        ("cards[0]", "x"),
        ("cards[0].nonsense", "x"),
        ("cards[x].text", "x"),
        ("cards[-1].text", "x"),
        ("cards[20].text", "x"),
        ("cards[99999999999999999999].text", "x"),
        ("cards[0].kind", "hologram"),
        ("cards[0].buttons[20].label", "x"),
        ("cards[0].buttons[0].kind", "fly"),
        ("cards[0].columns[0].columns[0].text", "x"),
        ("cards[0].text.text", "x"),
        ("quick[0].buttons[0].label", "x"),
        ("quick[20].label", "x"),
        ("purpose", "spam"),
        ("version", "-1"),
        ("version", "x"),
        ("sequence", "99999999999999999999999"),
    ] {
        let pairs = [(name.to_owned(), value.to_owned())];
        assert!(read(&pairs).is_err(), "{name}={value}");
    }
    let long = format!("cards[0].{}", "x".repeat(500));
    assert!(read(&[(long, String::new())]).is_err());
}

#[test]
fn buttons_change_what_they_name() {
    let mut content = Content::begun(String::new());
    assert_eq!(act(&mut content, "add buttons"), Some(1));
    assert_eq!(act(&mut content, "add cards[1].buttons"), Some(1));
    assert_eq!(content.cards[1].buttons.len(), 2);
    assert_eq!(act(&mut content, "up cards[1]"), Some(0));
    assert_eq!(content.cards[0].kind, Kind::Buttons);
    assert_eq!(act(&mut content, "up cards[0]"), None);
    assert_eq!(act(&mut content, "copy cards[0]"), Some(1));
    assert_eq!(act(&mut content, "remove cards[1].buttons[0]"), Some(1));
    assert_eq!(content.cards[1].buttons.len(), 1);
    assert_eq!(act(&mut content, "add carousel"), Some(3));
    assert_eq!(
        act(&mut content, "add cards[3].columns[0].buttons"),
        Some(3)
    );
    assert_eq!(act(&mut content, "add cards[3].columns"), Some(3));
    // Columns of one carousel look alike.
    assert_eq!(content.cards[3].columns[2].buttons.len(), 2);
    assert_eq!(act(&mut content, "down cards[3].columns[0]"), Some(3));
    let gone = act(&mut content, "remove cards[3].columns[1].buttons[1]");
    assert_eq!(gone, Some(3));
    assert_eq!(act(&mut content, "add quick"), Some(3));
    assert_eq!(act(&mut content, "remove quick[0]"), Some(3));
    assert_eq!(act(&mut content, "remove cards[3]"), Some(2));
    assert_eq!(content.cards.len(), 3);
}

#[test]
fn buttons_that_mean_nothing_change_nothing() {
    let content = sample();
    for words in [
        "",
        "save",
        "next",
        "keep 3",
        "add",
        "add nothing",
        "add cards[99].buttons",
        "remove cards[99]",
        "remove cards[0].text",
        "up quick[9]",
        "explode cards[0]",
        "remove cards",
        "copy quick[0].buttons[0]",
    ] {
        let mut changed = content.clone();
        let act = act(&mut changed, words);
        assert_eq!((act, &changed), (None, &content), "{words}");
    }
}
