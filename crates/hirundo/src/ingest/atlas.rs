//! Lets the lake ask our databases where a source is.

use hirundo_lake::names::{Atlas, Place};

use crate::intel::{self, Intel, region};

impl Atlas for Intel {
    fn place_v4(&self, day: i64, address: u32) -> Place {
        place(self.on(day_number(day)).place_v4(address))
    }

    fn place_v6(&self, day: i64, address: &[u8; 16]) -> Place {
        place(self.on(day_number(day)).place_v6(address))
    }

    fn region_name(&self, region: u16) -> String {
        region::code_text(region).to_owned()
    }

    fn scanner_name(&self, scanner: u16) -> String {
        Intel::scanner_name(self, scanner).to_owned()
    }
}

fn place(place: intel::Place) -> Place {
    Place {
        region: place.region,
        asn: place.asn,
        scanner: place.scanner,
    }
}

fn day_number(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}
