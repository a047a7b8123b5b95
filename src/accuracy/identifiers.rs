//! Hardware identifiers (`iPhone16,1`, `Mac14,2`) as the products they belong to.
//!
//! The numbers of an identifier are not those of the name: `iPhone17,1` is an iPhone 16 Pro. So an identifier is never read
//! as a name: it stands in this table, or it says nothing. Phones and tablets agree with DeviceKit's
//! `Device.generated.swift`, Macs with an app's table after TelemetryDeck/AppleModelNames. Absent on purpose: devices older
//! than the catalogue's first, identifiers that only leaks name, and Macs whose chip is told in different ways or was not
//! checked (`Mac15,10`, `MacBookPro18,1`, `Mac16,5`): such a row is skipped, unless it states its chip.

/// Identifier, and the product in words that the catalogue is searched for.
const PRODUCTS: &[(&str, &str)] = &[
    ("iphone11,2", "iPhone XS"),
    ("iphone11,6", "iPhone XS Max"),
    ("iphone11,8", "iPhone XR"),
    ("iphone12,1", "iPhone 11"),
    ("iphone12,3", "iPhone 11 Pro"),
    ("iphone12,5", "iPhone 11 Pro Max"),
    ("iphone12,8", "iPhone SE (2nd generation)"),
    ("iphone13,1", "iPhone 12 mini"),
    ("iphone13,2", "iPhone 12"),
    ("iphone13,3", "iPhone 12 Pro"),
    ("iphone13,4", "iPhone 12 Pro Max"),
    ("iphone14,2", "iPhone 13 Pro"),
    ("iphone14,3", "iPhone 13 Pro Max"),
    ("iphone14,4", "iPhone 13 mini"),
    ("iphone14,5", "iPhone 13"),
    ("iphone14,6", "iPhone SE (3rd generation)"),
    ("iphone14,7", "iPhone 14"),
    ("iphone14,8", "iPhone 14 Plus"),
    ("iphone15,2", "iPhone 14 Pro"),
    ("iphone15,3", "iPhone 14 Pro Max"),
    ("iphone15,4", "iPhone 15"),
    ("iphone15,5", "iPhone 15 Plus"),
    ("iphone16,1", "iPhone 15 Pro"),
    ("iphone16,2", "iPhone 15 Pro Max"),
    ("iphone17,1", "iPhone 16 Pro"),
    ("iphone17,2", "iPhone 16 Pro Max"),
    ("iphone17,3", "iPhone 16"),
    ("iphone17,4", "iPhone 16 Plus"),
    ("iphone17,5", "iPhone 16e"),
    ("iphone18,1", "iPhone 17 Pro"),
    ("iphone18,2", "iPhone 17 Pro Max"),
    ("iphone18,3", "iPhone 17"),
    ("iphone18,4", "iPhone Air"),
    ("ipad13,4", "iPad Pro M1"),
    ("ipad13,8", "iPad Pro M1"),
    ("ipad13,16", "iPad Air M1"),
    ("ipad14,1", "iPad mini (6th generation)"),
    ("ipad14,3", "iPad Pro M2"),
    ("ipad14,5", "iPad Pro M2"),
    ("ipad14,8", "iPad Air M2"),
    ("ipad14,10", "iPad Air M2"),
    ("ipad15,3", "iPad Air M3"),
    ("ipad15,5", "iPad Air M3"),
    ("ipad16,1", "iPad mini (A17 Pro)"),
    ("ipad16,3", "iPad Pro M4"),
    ("ipad16,5", "iPad Pro M4"),
    ("macbookair10,1", "MacBook Air M1"),
    ("macbookpro17,1", "MacBook Pro M1"),
    ("macbookpro18,2", "MacBook Pro M1 Max"),
    ("macbookpro18,3", "MacBook Pro M1 Pro"),
    ("macbookpro18,4", "MacBook Pro M1 Max"),
    ("macmini9,1", "Mac mini M1"),
    ("imac21,1", "iMac M1"),
    ("imac21,2", "iMac M1"),
    ("mac13,1", "Mac Studio M1 Max"),
    ("mac13,2", "Mac Studio M1 Ultra"),
    ("mac14,2", "MacBook Air M2"),
    ("mac14,3", "Mac mini M2"),
    ("mac14,5", "MacBook Pro M2 Max"),
    ("mac14,6", "MacBook Pro M2 Max"),
    ("mac14,7", "MacBook Pro M2"),
    ("mac14,8", "Mac Pro M2 Ultra"),
    ("mac14,9", "MacBook Pro M2 Pro"),
    ("mac14,10", "MacBook Pro M2 Pro"),
    ("mac14,12", "Mac mini M2 Pro"),
    ("mac14,13", "Mac Studio M2 Max"),
    ("mac14,14", "Mac Studio M2 Ultra"),
    ("mac14,15", "MacBook Air M2"),
    ("mac15,3", "MacBook Pro M3"),
    ("mac15,4", "iMac M3"),
    ("mac15,5", "iMac M3"),
    ("mac15,6", "MacBook Pro M3 Pro"),
    ("mac15,7", "MacBook Pro M3 Pro"),
    ("mac15,8", "MacBook Pro M3 Max"),
    ("mac15,9", "MacBook Pro M3 Max"),
    ("mac15,11", "MacBook Pro M3 Max"),
    ("mac15,12", "MacBook Air M3"),
    ("mac15,13", "MacBook Air M3"),
    ("mac15,14", "Mac Studio M3 Ultra"),
    ("mac16,1", "MacBook Pro M4"),
    ("mac16,2", "iMac M4"),
    ("mac16,3", "iMac M4"),
    ("mac16,7", "MacBook Pro M4 Pro"),
    ("mac16,9", "Mac Studio M4 Max"),
    ("mac16,10", "Mac mini M4"),
    ("mac16,11", "Mac mini M4 Pro"),
    ("mac16,12", "MacBook Air M4"),
    ("mac16,13", "MacBook Air M4"),
];

/// What the first word of a device's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// An identifier of the table: the product's words.
    Product(&'static str),
    /// An identifier that the table does not have.
    Unlisted,
    /// No identifier: a name.
    Plain,
}

/// Reads the first word of a device's name.
pub(super) fn product(device: &str) -> Named {
    let word = device.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let Some((head, last)) = word.split_once(',') else { return Named::Plain };
    let family = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_number = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    if family.is_empty() || family == head || !is_number {
        return Named::Plain;
    }
    let found = PRODUCTS.iter().find(|(identifier, _)| *identifier == word);
    found.map_or(Named::Unlisted, |(_, product)| Named::Product(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_never_read_as_a_name() {
        let check = |device: &str, named| assert_eq!(product(device), named, "{device}");
        check("iPhone17,1", Named::Product("iPhone 16 Pro"));
        check("iPhone16,2 (iPhone 15 Pro Max)", Named::Product("iPhone 15 Pro Max"));
        check("Mac14,2", Named::Product("MacBook Air M2"));
        check("iPhone17,9", Named::Unlisted);
        check("iPhone 16 Pro", Named::Plain);
        check("MacBook Pro, 14 inch", Named::Plain);
        check("M4 Max,128GB", Named::Plain);
    }
}
