//! Lossless JPEG (T.81 annex H): prediction from neighbours, Huffman-coded differences.

use super::bits::{Bits, Huffman};
use super::header::{Scan, Segments};
use crate::study::dicom::fault::{Fault, Outcome};

/// Decodes all scans into interleaved samples; gives also whether the data sufficed.
pub(super) fn decode(bytes: &[u8], segments: &Segments) -> Outcome<(Vec<u16>, bool)> {
    let frame = &segments.frame;
    if frame.components.iter().any(|component| (component.across, component.down) != (1, 1))
        && frame.components.len() > 1
    {
        return Err(Fault::unsupported("its lossless JPEG image has components of different size"));
    }
    let mut values = vec![0; frame.rows * frame.columns * frame.components.len()];
    let mut complete = true;
    for scan in &segments.scans {
        complete &= decode_scan(bytes.get(scan.data..).unwrap_or_default(), segments, scan, &mut values)?;
    }
    Ok((values, complete))
}

fn decode_scan(data: &[u8], segments: &Segments, scan: &Scan, values: &mut [u16]) -> Outcome<bool> {
    let frame = &segments.frame;
    let (columns, all) = (frame.columns, frame.components.len());
    if scan.first > 7 || scan.low >= frame.precision {
        return Err(Fault::damaged(format!("its lossless JPEG image asks for predictor {}", scan.first)));
    }
    let tables: Option<Vec<(usize, &Huffman)>> =
        scan.components.iter().map(|&(index, dc, _)| Some((index, scan.dc[dc].as_ref()?))).collect();
    let tables = tables.ok_or_else(|| Fault::damaged("its JPEG image lacks a code table"))?;
    let start = 1i32 << (frame.precision - scan.low - 1);
    let mut bits = Bits::new(data);
    // The row in which the last restart interval began: its first row is predicted from the left.
    let mut first_row = 0;
    let mut until_restart = scan.restart;
    let mut complete = true;
    'rows: for row in 0..frame.rows {
        for column in 0..columns {
            if scan.restart > 0 {
                if until_restart == 0 {
                    if !bits.restart() {
                        complete = false;
                        break 'rows;
                    }
                    until_restart = scan.restart;
                    first_row = row;
                }
                until_restart -= 1;
            }
            for &(index, table) in &tables {
                let at = (row * columns + column) * all + index;
                let above = at.wrapping_sub(columns * all);
                let sample = |at: usize| i32::from(values[at]);
                let prediction = match (row == first_row, column == 0) {
                    (true, true) => start,
                    (true, false) => sample(at - all),
                    (false, true) => sample(above),
                    (false, false) => predict(scan.first, sample(at - all), sample(above), sample(above - all)),
                };
                let difference = match u32::from(bits.symbol(table)) {
                    16 => 32768,
                    size => bits.signed(size.min(16)),
                };
                values[at] = prediction.wrapping_add(difference) as u16;
            }
        }
        if bits.exhausted() {
            complete = false;
            break;
        }
    }
    if scan.low > 0 {
        for &(index, _) in &tables {
            for value in values[index..].iter_mut().step_by(all) {
                *value <<= scan.low;
            }
        }
    }
    Ok(complete)
}

/// T.81 table H.1.
fn predict(selection: u8, left: i32, above: i32, corner: i32) -> i32 {
    match selection {
        1 => left,
        2 => above,
        3 => corner,
        4 => left + above - corner,
        5 => left + ((above - corner) >> 1),
        6 => above + ((left - corner) >> 1),
        7 => (left + above) >> 1,
        _ => 0,
    }
}
