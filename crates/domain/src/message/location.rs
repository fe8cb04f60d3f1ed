//! Location messages.

use serde::{Serialize, Serializer};

use super::limits::{LATITUDE_DEGREES_MAX, LOCATION_TEXT_LENGTH_MAX, LONGITUDE_DEGREES_MAX};
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, number_within, text};

shape! {
    /// A place with its name, for the map.
    LocationMessage ["location"] {
        required {
            title "title": String = text(Unit::Utf16, 1, LOCATION_TEXT_LENGTH_MAX);
            address "address": String = text(Unit::Utf16, 1, LOCATION_TEXT_LENGTH_MAX);
            latitude "latitude": Degrees = Degrees::within(LATITUDE_DEGREES_MAX);
            longitude "longitude": Degrees = Degrees::within(LONGITUDE_DEGREES_MAX);
        }
    }
}

/// An angle in billionths of a degree, a tenth of a millimetre on the ground: equal places are
/// equal messages, which fractions in binary would not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Degrees(i64);

const BILLIONTHS: f64 = 1e9;

impl Degrees {
    /// The nearest billionth of a degree.
    pub fn nearest(degrees: f64) -> Self {
        Self((degrees * BILLIONTHS).round() as i64)
    }

    fn within<'a>(most: f64) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Self> {
        move |reader, node| number_within(most)(reader, node).map(Self::nearest)
    }
}

impl Serialize for Degrees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / BILLIONTHS)
    }
}
