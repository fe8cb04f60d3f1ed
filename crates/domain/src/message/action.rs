//! What happens when a friend taps: actions, and the place that decides which are allowed.

use serde::Serialize;

use super::limits::{
    ACTION_TEXT_GRAPHEMES_MAX, CLIPBOARD_LENGTH_MAX, FLEX_LABEL_GRAPHEMES_MAX,
    IMAGE_CAROUSEL_LABEL_GRAPHEMES_MAX, LABEL_GRAPHEMES_MAX, PICKER_YEARS,
    POSTBACK_DATA_LENGTH_MAX, RICH_MENU_ALIAS_ID_LENGTH_MAX,
};
use super::link::{LinkWalk, action_uri};
use super::node::Node;
use super::reader::{MUST_BE_SPECIFIED, MUST_NOT_BE_SPECIFIED, Object, Reader};
use super::value::{Unit, keyword, length, string, text};

/// An action object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Action {
    Postback(PostbackAction),
    Message(MessageAction),
    Uri(UriAction),
    DatetimePicker(DatetimePickerAction),
    Clipboard(ClipboardAction),
    Camera(CameraAction),
    CameraRoll(CameraRollAction),
    Location(LocationAction),
    RichMenuSwitch(RichMenuSwitchAction),
}

shape! {
    /// Sends `data` to the account; shows `displayText` as if the friend had written it.
    PostbackAction ["postback"] with place: Place {
        required {
            data "data": String = text(Unit::Utf16, 0, POSTBACK_DATA_LENGTH_MAX);
        }
        optional {
            label "label": String = label(place);
            display_text "displayText": String = shown_text;
            text "text": String = shown_text;
            input_option "inputOption": InputOption = keyword;
            fill_in_text "fillInText": String = shown_text;
        }
    }
}

shape! {
    /// Sends `text` as the friend's message.
    MessageAction ["message"] with place: Place {
        required {
            text "text": String = shown_text;
        }
        optional {
            label "label": String = label(place);
        }
    }
}

shape! {
    /// Opens a page, a LINE feature or the telephone.
    UriAction ["uri"] with place: Place {
        required {
            uri "uri": String = action_uri;
        }
        optional {
            label "label": String = label(place);
            alt_uri "altUri": AltUri = AltUri::read;
        }
    }
}

shape! {
    /// Another URI for desktop computers.
    AltUri {
        optional {
            desktop "desktop": String = action_uri;
        }
    }
}

shape! {
    /// Asks for a date, a time or both. The values have no time zone.
    DatetimePickerAction ["datetimepicker"] with place: Place {
        required {
            data "data": String = text(Unit::Utf16, 0, POSTBACK_DATA_LENGTH_MAX);
            mode "mode": PickerMode = keyword;
        }
        optional {
            label "label": String = label(place);
            initial "initial": String = moment(mode);
            max "max": String = moment(mode);
            min "min": String = moment(mode);
        }
    }
}

shape! {
    /// Copies a text.
    ClipboardAction ["clipboard"] with place: Place {
        required {
            clipboard_text "clipboardText": String = text(Unit::Utf16, 1, CLIPBOARD_LENGTH_MAX);
        }
        optional {
            label "label": String = label(place);
        }
    }
}

shape! {
    /// Opens the camera; in quick replies only, as the next two actions.
    CameraAction ["camera"] with place: Place {
        optional {
            label "label": String = label(place);
        }
    }
}

shape! {
    /// Opens the pictures on the device.
    CameraRollAction ["cameraRoll"] with place: Place {
        optional {
            label "label": String = label(place);
        }
    }
}

shape! {
    /// Opens the map.
    LocationAction ["location"] with place: Place {
        optional {
            label "label": String = label(place);
        }
    }
}

shape! {
    /// Shows another rich menu and sends `data` to the account; in rich menus only.
    RichMenuSwitchAction ["richmenuswitch"] with place: Place {
        required {
            rich_menu_alias_id "richMenuAliasId": RichMenuAliasId = RichMenuAliasId::read;
            data "data": String = text(Unit::Utf16, 0, POSTBACK_DATA_LENGTH_MAX);
        }
        optional {
            label "label": String = label(place);
        }
    }
}

/// The name under which actions find a rich menu: 1 to 32 of the characters a-z, 0-9, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RichMenuAliasId(String);

keywords! {
    /// What a postback does to the input area.
    InputOption {
        CloseRichMenu = "closeRichMenu",
        OpenRichMenu = "openRichMenu",
        OpenKeyboard = "openKeyboard",
        OpenVoice = "openVoice",
    }
}

keywords! {
    /// What a date picker picks.
    PickerMode {
        Date = "date",
        Time = "time",
        Datetime = "datetime",
    }
}

/// Where an action stands: it decides about its label and which types are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Template,
    ImageCarousel,
    QuickReply,
    RichMenu,
    FlexButton,
    Flex,
    FlexVideo,
}

impl Place {
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Template | Self::ImageCarousel | Self::FlexButton | Self::Flex => {
                &["postback", "message", "uri", "datetimepicker", "clipboard"]
            }
            Self::QuickReply => &[
                "postback",
                "message",
                "uri",
                "datetimepicker",
                "camera",
                "cameraRoll",
                "location",
                "clipboard",
            ],
            Self::RichMenu => &[
                "postback",
                "message",
                "uri",
                "datetimepicker",
                "richmenuswitch",
                "clipboard",
            ],
            Self::FlexVideo => &["uri"],
        }
    }

    fn label_is_required(self) -> bool {
        matches!(self, Self::Template | Self::QuickReply | Self::FlexButton)
    }

    fn label_graphemes_max(self) -> usize {
        match self {
            Self::Template | Self::QuickReply | Self::RichMenu => LABEL_GRAPHEMES_MAX,
            Self::ImageCarousel => IMAGE_CAROUSEL_LABEL_GRAPHEMES_MAX,
            Self::FlexButton | Self::Flex | Self::FlexVideo => FLEX_LABEL_GRAPHEMES_MAX,
        }
    }
}

impl Action {
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Postback(action) => action.label.as_deref(),
            Self::Message(action) => action.label.as_deref(),
            Self::Uri(action) => action.label.as_deref(),
            Self::DatetimePicker(action) => action.label.as_deref(),
            Self::Clipboard(action) => action.label.as_deref(),
            Self::Camera(action) => action.label.as_deref(),
            Self::CameraRoll(action) => action.label.as_deref(),
            Self::Location(action) => action.label.as_deref(),
            Self::RichMenuSwitch(action) => action.label.as_deref(),
        }
    }

    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        let Self::Uri(action) = self else { return };
        walk.uri("uri", &action.uri);
        let desktop = action.alt_uri.as_ref().and_then(|alt| alt.desktop.as_ref());
        if let Some(desktop) = desktop {
            walk.within("altUri", |walk| walk.uri("desktop", desktop));
        }
    }
}

/// Reads an action that stands in `place`.
pub(crate) fn action<'a>(
    place: Place,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Action> + Copy {
    move |reader, node| {
        reader.typed(node, place.types(), |reader, object, tag| {
            if place.label_is_required() && !object.has("label") {
                reader.report_at("label", MUST_BE_SPECIFIED);
            }
            Some(match tag {
                "postback" => {
                    let action = PostbackAction::fields(reader, object, place);
                    check_postback(reader, object);
                    Action::Postback(action?)
                }
                "message" => Action::Message(MessageAction::fields(reader, object, place)?),
                "uri" => Action::Uri(UriAction::fields(reader, object, place)?),
                "datetimepicker" => {
                    let action = DatetimePickerAction::fields(reader, object, place);
                    check_picker(reader, object);
                    Action::DatetimePicker(action?)
                }
                "clipboard" => Action::Clipboard(ClipboardAction::fields(reader, object, place)?),
                "camera" => Action::Camera(CameraAction::fields(reader, object, place)?),
                "cameraRoll" => {
                    Action::CameraRoll(CameraRollAction::fields(reader, object, place)?)
                }
                "location" => Action::Location(LocationAction::fields(reader, object, place)?),
                _ => {
                    let action = RichMenuSwitchAction::fields(reader, object, place);
                    Action::RichMenuSwitch(action?)
                }
            })
        })
    }
}

impl RichMenuAliasId {
    /// The id, or `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let fits = (1..=RICH_MENU_ALIAS_ID_LENGTH_MAX).contains(&text.len());
        (fits && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let text = string(reader, node)?;
        let text = length(reader, text, Unit::Utf16, 1, RICH_MENU_ALIAS_ID_LENGTH_MAX)?;
        let id = Self::parse(text);
        if id.is_none() {
            reader.report("Must contain only the characters a-z, 0-9, _ and -");
        }
        id
    }
}

impl AltUri {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

fn check_postback(reader: &mut Reader<'_>, object: &Object<'_>) {
    if object.has("text") && object.has("displayText") {
        reader.report_at("text", MUST_NOT_BE_SPECIFIED);
    }
    // A text can be filled in only where the keyboard is opened for it.
    let keyboard = match object.keyword::<InputOption>("inputOption") {
        Some(option) => option == InputOption::OpenKeyboard,
        None => object.has("inputOption"),
    };
    if object.has("fillInText") && !keyboard {
        reader.report_at("fillInText", MUST_NOT_BE_SPECIFIED);
    }
}

fn check_picker(reader: &mut Reader<'_>, object: &Object<'_>) {
    let Some(mode) = object.keyword::<PickerMode>("mode") else {
        return;
    };
    let value = |key| moment_of(mode, object.word(key)?);
    if let (Some(min), Some(max)) = (value("min"), value("max"))
        && max <= min
    {
        reader.report_at("max", "Must be greater than min");
    }
}

fn label<'a>(place: Place) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<String> {
    let min = usize::from(place.label_is_required());
    text(Unit::Graphemes, min, place.label_graphemes_max())
}

fn shown_text<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    text(Unit::Graphemes, 1, ACTION_TEXT_GRAPHEMES_MAX)(reader, node)
}

/// Reads a value of the picker. Where the mode was refused, any text passes: one error is enough.
fn moment<'a>(mode: Option<PickerMode>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<String> {
    move |reader, node| {
        let text = string(reader, node)?;
        let Some(mode) = mode else {
            return Some(text.to_owned());
        };
        if moment_of(mode, text).is_none() {
            reader.report(match mode {
                PickerMode::Date => "Must be a date like 2017-06-18 from 1900 to 2100",
                PickerMode::Time => "Must be a time like 06:15",
                PickerMode::Datetime => "Must be like 2017-06-18T06:15, from 1900 to 2100",
            });
            return None;
        }
        Some(text.to_owned())
    }
}

/// Year, month, day, hour, minute: comparable within one mode.
type Moment = (i16, i8, i8, i8, i8);

fn moment_of(mode: PickerMode, text: &str) -> Option<Moment> {
    match mode {
        PickerMode::Date => {
            let (year, month, day) = date_of(text)?;
            Some((year, month, day, 0, 0))
        }
        PickerMode::Time => {
            let (hour, minute) = time_of(text)?;
            Some((0, 0, 0, hour, minute))
        }
        PickerMode::Datetime => {
            let (date, time) = text.split_once(['T', 't'])?;
            let (year, month, day) = date_of(date)?;
            let (hour, minute) = time_of(time)?;
            Some((year, month, day, hour, minute))
        }
    }
}

fn date_of(text: &str) -> Option<(i16, i8, i8)> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    let day = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    if parts.next().is_some() || !PICKER_YEARS.contains(&year) {
        return None;
    }
    jiff::civil::Date::new(year, month, day).ok()?;
    Some((year, month, day))
}

fn time_of(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    let hour = i8::try_from(digits(hour, 2)?).ok()?;
    let minute = i8::try_from(digits(minute, 2)?).ok()?;
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    let all_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}
