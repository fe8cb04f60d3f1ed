//! Receipts as blobs: a log entry's, in the order of numbers, and a block's people.

use super::{People, Receipt, ReceiptKind, Times};
use crate::codec::{CorruptBlob, Reader, push_varint};
use crate::user::UserNumber;

const VERSION: u8 = 1;
/// The kind's code stands in the low bits of its byte; this bit says that a link follows.
const HAS_LINK: u8 = 0x80;

/// Packs receipts, which must be sorted: about five bytes each.
pub fn pack_receipts(receipts: &[Receipt]) -> Vec<u8> {
    debug_assert!(receipts.is_sorted(), "receipts are packed in order");
    let mut blob = Vec::with_capacity(receipts.len() * 6 + 1);
    blob.push(VERSION);
    let mut last = 0;
    for receipt in receipts {
        push_varint(&mut blob, receipt.number.0.wrapping_sub(last));
        last = receipt.number.0;
        match receipt.link {
            Some(link) => {
                blob.push(receipt.kind.code() | HAS_LINK);
                push_varint(&mut blob, link);
            }
            None => blob.push(receipt.kind.code()),
        }
        push_varint(&mut blob, receipt.second);
    }
    blob
}

pub fn unpack_receipts(blob: &[u8]) -> Result<Vec<Receipt>, CorruptBlob> {
    let mut reader = Reader::open(blob)?;
    let mut receipts = Vec::with_capacity(blob.len() / 5);
    let mut last = 0u32;
    while !reader.is_empty() {
        last = next_number(last, &mut reader)?;
        let code = reader.byte()?;
        let kind = ReceiptKind::from_code(code & !HAS_LINK);
        receipts.push(Receipt {
            number: UserNumber(last),
            kind: kind.ok_or(CorruptBlob::Impossible("a kind of receipt"))?,
            link: match code & HAS_LINK {
                0 => None,
                _ => Some(reader.varint()?),
            },
            second: reader.varint()?,
        });
    }
    Ok(receipts)
}

/// Packs the people of a block: number, a bit per kind, the second of each.
pub fn pack_people(people: &People) -> Vec<u8> {
    let mut blob = Vec::with_capacity(people.0.len() * 8 + 1);
    blob.push(VERSION);
    let mut last = 0;
    for (number, times) in people.iter() {
        push_varint(&mut blob, number.0.wrapping_sub(last));
        last = number.0;
        let known = ReceiptKind::ALL
            .into_iter()
            .filter(|kind| times.first(*kind).is_some())
            .fold(0u8, |bits, kind| bits | 1 << kind.code());
        blob.push(known);
        for second in ReceiptKind::ALL.into_iter().filter_map(|k| times.first(k)) {
            push_varint(&mut blob, second);
        }
    }
    blob
}

pub fn unpack_people(blob: &[u8]) -> Result<People, CorruptBlob> {
    let mut reader = Reader::open(blob)?;
    let mut people = Vec::with_capacity(blob.len() / 5);
    let mut last = 0u32;
    while !reader.is_empty() {
        let number = next_number(last, &mut reader)?;
        if number == last && !people.is_empty() {
            return Err(CorruptBlob::Impossible("a person twice"));
        }
        last = number;
        let known = reader.byte()?;
        let mut times = Times::default();
        for kind in ReceiptKind::ALL {
            if known & 1 << kind.code() != 0 {
                *times.first_mut(kind) = Some(reader.varint()?);
            }
        }
        people.push((UserNumber(number), times));
    }
    Ok(People(people))
}

fn next_number(last: u32, reader: &mut Reader<'_>) -> Result<u32, CorruptBlob> {
    last.checked_add(reader.varint()?)
        .ok_or(CorruptBlob::Impossible("a user number"))
}
