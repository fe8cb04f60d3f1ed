//! The header of a file of friends: which column stands where.

use crate::mapping::Mapping;
use crate::records::Cells;

/// The columns a file may have, by name, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    UserKey,
    DisplayName,
    Language,
    Country,
    Region,
    Gender,
    BirthYear,
    TimeZone,
    FriendSince,
    Source,
    Tags,
    AdConsent,
    AdConsentAt,
    ConsentWording,
    NightConsent,
}

/// Where each column stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    places: [Option<usize>; Column::ALL.len()],
    count: usize,
    /// As the file calls them, by place.
    names: Vec<String>,
    /// What holds for every row where the file has no such column.
    fixed: [Option<String>; Column::ALL.len()],
}

impl Column {
    pub const ALL: [Column; 15] = [
        Self::UserKey,
        Self::DisplayName,
        Self::Language,
        Self::Country,
        Self::Region,
        Self::Gender,
        Self::BirthYear,
        Self::TimeZone,
        Self::FriendSince,
        Self::Source,
        Self::Tags,
        Self::AdConsent,
        Self::AdConsentAt,
        Self::ConsentWording,
        Self::NightConsent,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::UserKey => "user_key",
            Self::DisplayName => "display_name",
            Self::Language => "language",
            Self::Country => "country",
            Self::Region => "region",
            Self::Gender => "gender",
            Self::BirthYear => "birth_year",
            Self::TimeZone => "time_zone",
            Self::FriendSince => "friend_since",
            Self::Source => "source",
            Self::Tags => "tags",
            Self::AdConsent => "ad_consent",
            Self::AdConsentAt => "ad_consent_at",
            Self::ConsentWording => "consent_wording",
            Self::NightConsent => "night_consent",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// A consent proves nothing without these columns beside it.
    pub const fn needs(self) -> &'static [Column] {
        match self {
            Self::AdConsent => &[Self::AdConsentAt, Self::ConsentWording],
            Self::NightConsent => &[Self::AdConsent],
            _ => &[],
        }
    }
}

impl Columns {
    /// Reads the header, or says in words what is wrong with it.
    pub fn read(header: &Cells) -> Result<Self, String> {
        let mut columns = Self::unnamed(header);
        for (place, cell) in header.iter().enumerate() {
            let name = std::str::from_utf8(cell)
                .map_err(|_| "the header is not UTF-8: save the file as CSV UTF-8".to_owned())?
                .trim();
            let column = Column::ALL.into_iter().find(|column| column.name() == name);
            let column = column.ok_or_else(|| unknown(name, header.len()))?;
            if columns.places[column as usize].replace(place).is_some() {
                return Err(format!("the header names the column {name} twice"));
            }
        }
        if columns.place(Column::UserKey).is_none() {
            return Err("the header has no column user_key".to_owned());
        }
        for column in Column::ALL
            .into_iter()
            .filter(|column| columns.has(*column))
        {
            if let Some(missing) = column.needs().iter().find(|needed| !columns.has(**needed)) {
                let (name, missing) = (column.name(), missing.name());
                return Err(format!(
                    "the header has {name} but not {missing}, which it needs"
                ));
            }
        }
        Ok(columns)
    }

    /// Reads the header of a file whose columns somebody named.
    pub fn mapped(header: &Cells, mapping: &Mapping) -> Result<Self, String> {
        if let Some(fault) = mapping.faults().first() {
            return Err(format!("the columns do not fit: {fault:?}"));
        }
        if mapping.columns.len() != header.len() {
            return Err("the file has other columns than those that were named".to_owned());
        }
        let mut columns = Self::unnamed(header);
        for place in 0..header.len() {
            if let Some(column) = mapping.column_at(place) {
                columns.places[column as usize] = Some(place);
            }
        }
        for column in Column::ALL {
            if !columns.has(column) {
                columns.fixed[column as usize] = mapping.fixed(column).map(str::to_owned);
            }
        }
        Ok(columns)
    }

    fn unnamed(header: &Cells) -> Self {
        let names = header
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).into_owned());
        Self {
            places: [None; Column::ALL.len()],
            count: header.len(),
            names: names.collect(),
            fixed: Default::default(),
        }
    }

    /// What a row says of a column where it has no cell for it.
    pub fn fixed(&self, column: Column) -> Option<&str> {
        self.fixed[column as usize].as_deref()
    }

    /// A column as the file calls it.
    pub fn name_in_file(&self, column: Column) -> &str {
        let name = self.place(column).and_then(|place| self.names.get(place));
        name.map_or(column.name(), String::as_str)
    }

    /// How many cells a row has.
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn has(&self, column: Column) -> bool {
        self.place(column).is_some()
    }

    pub fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }
}

fn unknown(name: &str, count: usize) -> String {
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    if count == 1 && name.contains([';', '\t']) {
        return "the columns are not separated by commas: save the file as CSV with commas".into();
    }
    let known: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
    format!(
        "the header names the unknown column '{shown}'; known are {}",
        known.join(", ")
    )
}
