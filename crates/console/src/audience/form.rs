//! The audience as a form: groups of conditions, as they were typed.
//!
//! A field is named after its place (`g0.c1.kind`), so that the form works without script: a button
//! sends the whole form with one change to make. What is unfinished or wrong is kept as it is.

use serde::{Deserialize, Serialize};

/// Groups of one form, and conditions of one group.
pub const GROUPS_MAX: usize = 10;
pub const CONDITIONS_MAX: usize = 12;
/// Values of one condition: what an expression may hold.
const VALUES_MAX: usize = domain::audience::VALUES_MAX;
/// Characters of one field; longer is cut, because nothing real is.
const FIELD_CHARS_MAX: usize = 200;
/// Characters of an audience that was written elsewhere.
const KEPT_CHARS_MAX: usize = domain::audience::AUDIENCE_BYTES_MAX;

/// Who gets it, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AudienceForm {
    pub who: Who,
    pub groups: Vec<Group>,
    pub limit: Limit,
    /// An expression of a shape this form cannot show, as JSON.
    pub kept: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Every friend who may be reached.
    #[default]
    All,
    /// Whoever the groups say.
    Some,
    /// Whoever an expression says that was written elsewhere.
    Kept,
}

/// Conditions that belong together. Friends of any group get the message, but not those of a group
/// that leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub leaves_out: bool,
    /// One condition is enough; otherwise all of them are needed.
    pub any: bool,
    pub conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    pub kind: Kind,
    pub is_not: bool,
    pub values: Vec<String>,
    pub from: String,
    pub to: String,
}

/// What a condition asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Tag,
    Region,
    Gender,
    BirthYear,
    Language,
    Country,
    TimeZone,
    Since,
    Source,
    List,
    AudienceGroup,
}

/// At most so many, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    pub is_on: bool,
    pub count: String,
    pub is_random: bool,
    /// What a random choice is drawn from; the same for as long as the draft lives.
    pub seed: String,
}

/// One change of the form's shape: what a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    AddGroup,
    AddLeftOut,
    AddCondition(usize),
    RemoveGroup(usize),
    RemoveCondition(usize, usize),
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Self::Tag,
        Self::Region,
        Self::Gender,
        Self::BirthYear,
        Self::Language,
        Self::Country,
        Self::TimeZone,
        Self::Since,
        Self::Source,
        Self::List,
        Self::AudienceGroup,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Region => "region",
            Self::Gender => "gender",
            Self::BirthYear => "birth_year",
            Self::Language => "language",
            Self::Country => "country",
            Self::TimeZone => "time_zone",
            Self::Since => "since",
            Self::Source => "source",
            Self::List => "list",
            Self::AudienceGroup => "audience_group",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Two ends instead of values.
    pub const fn is_range(self) -> bool {
        matches!(self, Self::BirthYear | Self::Since)
    }
}

impl AudienceForm {
    /// Reads the fields of a form. Whatever is not a field of it is passed over.
    pub fn of_fields(fields: &[(String, String)]) -> Self {
        let mut form = Self::default();
        for (name, value) in fields {
            let value: String = value.chars().take(FIELD_CHARS_MAX).collect();
            match name.as_str() {
                "who" => form.who = Who::from_name(&value),
                "limit" => form.limit.is_on = true,
                "limit_count" => form.limit.count = value,
                "limit_method" => form.limit.is_random = value == "random",
                "limit_seed" => form.limit.seed = value,
                "kept" => {}
                place => form.take(place, value),
            }
        }
        let kept = fields.iter().find(|(name, _)| name == "kept");
        if let Some((_, kept)) = kept {
            form.kept = kept.chars().take(KEPT_CHARS_MAX).collect();
        }
        for condition in form.groups.iter_mut().flat_map(|g| &mut g.conditions) {
            condition.values.sort();
            condition.values.dedup();
        }
        form
    }

    fn take(&mut self, place: &str, value: String) {
        let Some((group, field)) = place.split_once('.') else {
            return;
        };
        let Some(group) = index(group, 'g').filter(|index| *index < GROUPS_MAX) else {
            return;
        };
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, Group::default);
        }
        let group = &mut self.groups[group];
        let Some((condition, field)) = field.split_once('.') else {
            match field {
                "any" => group.any = value == "any",
                "leaves_out" => group.leaves_out = true,
                _ => {}
            }
            return;
        };
        if let Some(index) = index(condition, 'c').filter(|index| *index < CONDITIONS_MAX) {
            if group.conditions.len() <= index {
                group.conditions.resize_with(index + 1, Condition::default);
            }
            group.conditions[index].take(field, value);
        }
    }

    /// Makes a change; the id of what should have the focus afterwards.
    pub fn change(&mut self, change: Change) -> String {
        self.who = Who::Some;
        match change {
            Change::AddGroup | Change::AddLeftOut if self.groups.len() < GROUPS_MAX => {
                let leaves_out = change == Change::AddLeftOut;
                // Groups that leave out stand behind the others.
                let place = match leaves_out {
                    true => self.groups.len(),
                    false => self.groups.iter().filter(|g| !g.leaves_out).count(),
                };
                let group = Group {
                    leaves_out,
                    any: leaves_out,
                    conditions: vec![Condition::default()],
                };
                self.groups.insert(place, group);
                format!("g{place}c0")
            }
            Change::AddGroup | Change::AddLeftOut => "who-some".to_owned(),
            Change::AddCondition(group) => match self.groups.get_mut(group) {
                Some(found) if found.conditions.len() < CONDITIONS_MAX => {
                    found.conditions.push(Condition::default());
                    format!("g{group}c{}", found.conditions.len() - 1)
                }
                _ => format!("g{group}-add"),
            },
            Change::RemoveGroup(group) => {
                if group < self.groups.len() {
                    self.groups.remove(group);
                }
                "add-group".to_owned()
            }
            Change::RemoveCondition(group, condition) => {
                let Some(found) = self.groups.get_mut(group) else {
                    return "add-group".to_owned();
                };
                if condition < found.conditions.len() {
                    found.conditions.remove(condition);
                }
                match found.conditions.is_empty() {
                    true => self.change(Change::RemoveGroup(group)),
                    false => format!("g{group}-add"),
                }
            }
        }
    }

    /// Groups first that say who, then those that leave out; a form of conditions has one at least.
    pub fn arranged(mut self) -> Self {
        self.groups.retain(|group| !group.conditions.is_empty());
        self.groups.sort_by_key(|group| group.leaves_out);
        if self.who == Who::Some && self.groups.iter().all(|group| group.leaves_out) {
            self.change(Change::AddGroup);
        }
        self
    }
}

impl Condition {
    fn take(&mut self, field: &str, value: String) {
        match field {
            "kind" => self.kind = Kind::from_name(&value).unwrap_or_default(),
            "how" => self.is_not = value == "not",
            "from" => self.from = value.trim().to_owned(),
            "to" => self.to = value.trim().to_owned(),
            // What was typed may be several values; what was ticked is one.
            "more" => value.split(',').for_each(|value| self.add(value)),
            "value" => self.add(&value),
            // Another kind than the fields were made for: its values mean nothing now.
            "was" if Kind::from_name(&value) != Some(self.kind) => self.kind_changed(),
            _ => {}
        }
    }

    fn add(&mut self, value: &str) {
        let value = value.trim();
        if !value.is_empty() && self.values.len() < VALUES_MAX {
            self.values.push(value.to_owned());
        }
    }

    fn kind_changed(&mut self) {
        *self = Self {
            kind: self.kind,
            is_not: self.is_not,
            ..Self::default()
        };
    }
}

impl Who {
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Some => "some",
            Self::Kept => "kept",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "some" => Self::Some,
            "kept" => Self::Kept,
            _ => Self::All,
        }
    }
}

impl Change {
    /// The name a button has: `add-condition:0`.
    pub fn parse(text: &str) -> Option<Self> {
        let (verb, place) = text.split_once(':').unwrap_or((text, ""));
        let (group, condition) = place.split_once('.').unwrap_or((place, ""));
        let group = || group.parse().ok();
        match verb {
            "add-group" => Some(Self::AddGroup),
            "add-left-out" => Some(Self::AddLeftOut),
            "add-condition" => Some(Self::AddCondition(group()?)),
            "remove-group" => Some(Self::RemoveGroup(group()?)),
            "remove-condition" => Some(Self::RemoveCondition(group()?, condition.parse().ok()?)),
            _ => None,
        }
    }
}

/// `g3` with the letter `g` is 3.
fn index(text: &str, letter: char) -> Option<usize> {
    text.strip_prefix(letter)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> AudienceForm {
        let owned = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        AudienceForm::of_fields(&owned.collect::<Vec<_>>())
    }

    #[test]
    fn fields_become_groups_wherever_they_stand() {
        let form = read(&[
            ("g1.c0.kind", "list"),
            ("who", "some"),
            ("g0.any", "any"),
            ("g0.c1.kind", "birth_year"),
            ("g0.c1.from", " 1990 "),
            ("g0.c0.kind", "tag"),
            ("g0.c0.was", "tag"),
            ("g0.c0.value", "vip"),
            ("g0.c0.more", "단골, vip ,, 새 친구"),
            ("g1.leaves_out", "yes"),
            ("limit_count", "500"),
        ]);
        assert_eq!((form.who, form.groups.len()), (Who::Some, 2));
        let [first, second] = &form.groups[..] else {
            panic!("two groups: {form:?}");
        };
        assert!(first.any && !first.leaves_out && second.leaves_out);
        assert_eq!(first.conditions[0].values, ["vip", "단골", "새 친구"]);
        assert_eq!(first.conditions[1].from, "1990");
        assert_eq!(second.conditions[0].kind, Kind::List);
        assert!(!form.limit.is_on && form.limit.count == "500");
    }

    #[test]
    fn another_kind_has_none_of_the_values() {
        let form = read(&[
            ("g0.c0.kind", "region"),
            ("g0.c0.how", "not"),
            ("g0.c0.value", "vip"),
            ("g0.c0.was", "tag"),
        ]);
        let condition = &form.groups[0].conditions[0];
        assert!(condition.values.is_empty() && condition.is_not);
    }

    #[test]
    fn what_is_no_field_is_passed_over() {
        let long = "x".repeat(10_000);
        let form = read(&[
            ("g10.c0.kind", "tag"),
            ("g0.c12.kind", "tag"),
            ("g18446744073709551616.c0.kind", "tag"),
            ("gx.c0.kind", "tag"),
            ("g0", "tag"),
            ("who", "nobody"),
            ("g0.c0.value", &long),
            ("g0.c0.kind", "<b>"),
        ]);
        assert_eq!(form.groups.len(), 1);
        assert_eq!(form.groups[0].conditions.len(), 1);
        let value = &form.groups[0].conditions[0].values[0];
        assert_eq!((form.who, value.len()), (Who::All, FIELD_CHARS_MAX));
    }

    #[test]
    fn buttons_change_the_shape() {
        let mut form = AudienceForm::default();
        let mut press = |text: &str| form.change(Change::parse(text).unwrap());
        assert_eq!(press("add-group"), "g0c0");
        assert_eq!(press("add-left-out"), "g1c0");
        assert_eq!(press("add-group"), "g1c0");
        assert_eq!(press("add-condition:1"), "g1c1");
        assert_eq!(press("remove-condition:1.0"), "g1-add");
        assert_eq!(press("remove-condition:1.0"), "add-group");
        assert_eq!(press("remove-condition:7.0"), "add-group");
        assert_eq!(press("add-condition:9"), "g9-add");
        assert_eq!(form.groups.len(), 2);
        assert!(form.groups[1].leaves_out && form.groups[1].any);
        for nothing in [
            "",
            "add-condition",
            "remove-condition:1",
            "launch",
            "add-condition:-1",
        ] {
            assert_eq!(Change::parse(nothing), None, "{nothing}");
        }
        for _ in 0..30 {
            form.change(Change::AddGroup);
            form.change(Change::AddCondition(0));
        }
        assert_eq!(form.groups.len(), GROUPS_MAX);
        assert_eq!(form.groups[0].conditions.len(), CONDITIONS_MAX);
    }

    #[test]
    fn conditions_were_asked_for_so_there_is_one() {
        let form = read(&[
            ("who", "some"),
            ("g0.leaves_out", "yes"),
            ("g0.c0.kind", "tag"),
        ]);
        let form = form.arranged();
        let leaves_out: Vec<bool> = form.groups.iter().map(|g| g.leaves_out).collect();
        assert_eq!(leaves_out, [false, true]);
        assert_eq!(AudienceForm::default().arranged(), AudienceForm::default());
    }
}
