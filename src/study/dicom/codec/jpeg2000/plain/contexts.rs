//! Which context a coefficient's bits are coded in, by what is known of its eight neighbours (ISO/IEC 15444-1, D.3).
//!
//! Neighbourhoods are nine bits: the row above, the own row, the row below, in each left, middle, right from the lowest
//! bit on; bit 4 is the coefficient itself.

/// Kinds of subbands: the first letter says how columns were filtered horizontally, the second vertically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Band {
    LowLow,
    HighLow,
    LowHigh,
    HighHigh,
}

/// Context of significance, for each neighbourhood of significant coefficients (table D.1).
pub(super) fn significance(band: Band) -> &'static [u8; 512] {
    match band {
        Band::LowLow | Band::LowHigh => &SIGNIFICANCE[0],
        Band::HighLow => &SIGNIFICANCE[1],
        Band::HighHigh => &SIGNIFICANCE[2],
    }
}

static SIGNIFICANCE: [[u8; 512]; 3] = {
    let mut tables = [[0; 512]; 3];
    let mut at = 0;
    while at < 512 {
        let beside = (at >> 3 & 1) + (at >> 5 & 1);
        let above = (at >> 1 & 1) + (at >> 7 & 1);
        let diagonal = (at & 1) + (at >> 2 & 1) + (at >> 6 & 1) + (at >> 8 & 1);
        tables[0][at] = low(beside, above, diagonal);
        tables[1][at] = low(above, beside, diagonal);
        tables[2][at] = high(beside + above, diagonal);
        at += 1;
    }
    tables
};

const fn low(first: usize, second: usize, diagonal: usize) -> u8 {
    match (first, second, diagonal) {
        (2, _, _) => 8,
        (1, 1.., _) => 7,
        (1, 0, 1..) => 6,
        (1, 0, 0) => 5,
        (_, 2, _) => 4,
        (_, 1, _) => 3,
        (_, _, 2..) => 2,
        (_, _, 1) => 1,
        _ => 0,
    }
}

const fn high(straight: usize, diagonal: usize) -> u8 {
    match (diagonal, straight) {
        (3.., _) => 8,
        (2, 1..) => 7,
        (2, 0) => 6,
        (1, 2..) => 5,
        (1, 1) => 4,
        (1, 0) => 3,
        (0, 2..) => 2,
        (0, 1) => 1,
        _ => 0,
    }
}

/// Context of a sign, and in bit 7 whether the coded bit is inverted (tables D.2 and D.3). The index has the significant
/// neighbours above, left, right and below in bits 1, 3, 5 and 7, and which of those are negative one bit lower each.
pub(super) static SIGN: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let beside = clamped(signed(at, 3) + signed(at, 5));
        let above = clamped(signed(at, 1) + signed(at, 7));
        let (beside, above, inverted) =
            if beside < 0 || (beside == 0 && above < 0) { (-beside, -above, 0x80) } else { (beside, above, 0) };
        table[at] = inverted
            | match (beside, above) {
                (1, 1) => 13,
                (1, 0) => 12,
                (1, _) => 11,
                (_, 1) => 10,
                _ => 9,
            };
        at += 1;
    }
    table
};

const fn signed(index: usize, bit: usize) -> i32 {
    if index >> bit & 1 == 0 {
        0
    } else if index >> (bit - 1) & 1 == 0 {
        1
    } else {
        -1
    }
}

const fn clamped(sum: i32) -> i32 {
    if sum > 1 {
        1
    } else if sum < -1 {
        -1
    } else {
        sum
    }
}
