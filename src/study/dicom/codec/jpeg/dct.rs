//! DCT coefficients of sequential and progressive scans (T.81 annexes F and G).

use super::bits::{Bits, Huffman};
use super::header::{Frame, NATURAL, Process, Scan, Segments};
use crate::study::dicom::fault::{Fault, Outcome};

/// Dequantised coefficients of one component, a block of 64 after the other.
pub(super) struct Plane {
    pub coefficients: Vec<i32>,
    /// Blocks in a row, whole minimum coded units.
    pub across: usize,
    pub down: usize,
    /// Blocks that the component's own size needs.
    own_across: usize,
    own_down: usize,
}

/// Decodes all scans; gives also whether the data sufficed.
pub(super) fn decode(bytes: &[u8], segments: &Segments) -> Outcome<(Vec<Plane>, bool)> {
    let frame = &segments.frame;
    let mut planes = planes(frame);
    let mut complete = true;
    for scan in &segments.scans {
        complete &= Decoder::new(bytes.get(scan.data..).unwrap_or_default(), frame, scan)?.scan(&mut planes);
    }
    for (plane, component) in planes.iter_mut().zip(&frame.components) {
        let Some(table) = &segments.quantisation[component.table] else {
            return Err(Fault::damaged("its JPEG image lacks a quantisation table"));
        };
        for block in plane.coefficients.chunks_exact_mut(64) {
            for (coefficient, &step) in block.iter_mut().zip(table) {
                *coefficient = coefficient.saturating_mul(i32::from(step));
            }
        }
    }
    Ok((planes, complete))
}

fn planes(frame: &Frame) -> Vec<Plane> {
    let (most_across, most_down) = frame.most();
    let units_across = frame.columns.div_ceil(8 * most_across);
    let units_down = frame.rows.div_ceil(8 * most_down);
    let plane = |component: &super::header::Component| {
        let (across, down) = (units_across * component.across, units_down * component.down);
        Plane {
            coefficients: vec![0; across * down * 64],
            across,
            down,
            own_across: (frame.columns * component.across).div_ceil(8 * most_across),
            own_down: (frame.rows * component.down).div_ceil(8 * most_down),
        }
    };
    frame.components.iter().map(plane).collect()
}

struct Decoder<'a> {
    bits: Bits<'a>,
    frame: &'a Frame,
    scan: &'a Scan,
    progressive: bool,
    /// Spectral band.
    first: usize,
    last: usize,
    /// DC predictions by place in the scan.
    predictions: [i32; 4],
    /// Blocks left in a run of empty bands.
    empty_run: u32,
}

impl<'a> Decoder<'a> {
    fn new(data: &'a [u8], frame: &'a Frame, scan: &'a Scan) -> Outcome<Self> {
        let progressive = frame.process == Process::Progressive;
        let (first, last) = if progressive { (usize::from(scan.first), usize::from(scan.last)) } else { (0, 63) };
        let band = first <= last && last < 64 && (first == 0) == (last == 0 || !progressive);
        if !band || progressive && (first > 0 && scan.components.len() > 1 || scan.low > 13) {
            return Err(Fault::damaged(format!("its JPEG image has a scan of coefficients {first} to {last}")));
        }
        let needs_dc = first == 0 && (!progressive || scan.high == 0);
        let needs_ac = last > 0;
        for &(_, dc, ac) in &scan.components {
            if needs_dc && scan.dc[dc].is_none() || needs_ac && scan.ac[ac].is_none() {
                return Err(Fault::damaged("its JPEG image lacks a code table"));
            }
        }
        Ok(Self { bits: Bits::new(data), frame, scan, progressive, first, last, predictions: [0; 4], empty_run: 0 })
    }

    /// Goes through the blocks; false where the data end early.
    fn scan(mut self, planes: &mut [Plane]) -> bool {
        let single = self.scan.components.len() == 1;
        let (index, _, _) = self.scan.components[0];
        let (most_across, most_down) = self.frame.most();
        let (units_across, units_down) = if single {
            (planes[index].own_across, planes[index].own_down)
        } else {
            (self.frame.columns.div_ceil(8 * most_across), self.frame.rows.div_ceil(8 * most_down))
        };
        for unit in 0..units_across * units_down {
            if self.scan.restart > 0 && unit > 0 && unit % self.scan.restart == 0 {
                self.predictions = [0; 4];
                self.empty_run = 0;
                if !self.bits.restart() {
                    return false;
                }
            }
            let (column, row) = (unit % units_across, unit / units_across);
            for place in 0..self.scan.components.len() {
                let (index, dc, ac) = self.scan.components[place];
                let component = &self.frame.components[index];
                let (wide, high) = if single { (1, 1) } else { (component.across, component.down) };
                for part in 0..wide * high {
                    let x = column * wide + part % wide;
                    let y = row * high + part / wide;
                    let at = (y * planes[index].across + x) * 64;
                    if let Some(block) = planes[index].coefficients.get_mut(at..at + 64) {
                        self.block(block, place, dc, ac);
                    }
                }
            }
            if self.bits.exhausted() && self.empty_run == 0 {
                return false;
            }
        }
        true
    }

    fn block(&mut self, block: &mut [i32], place: usize, dc: usize, ac: usize) {
        let scan = self.scan;
        if self.first == 0 {
            match (&scan.dc[dc], self.progressive && scan.high > 0) {
                (_, true) => {
                    if self.bits.bit() {
                        block[0] |= 1 << scan.low;
                    }
                }
                (Some(table), false) => {
                    let size = u32::from(self.bits.symbol(table)).min(16);
                    self.predictions[place] = self.predictions[place].wrapping_add(self.bits.signed(size));
                    let low = if self.progressive { scan.low } else { 0 };
                    block[0] = self.predictions[place] << low;
                }
                (None, false) => {}
            }
        }
        if let (Some(table), true) = (&scan.ac[ac], self.last > 0) {
            match (self.progressive, scan.high) {
                (false, _) => self.sequential(block, table),
                (true, 0) => self.first_pass(block, table),
                (true, _) => self.refine(block, table),
            }
        }
    }

    fn sequential(&mut self, block: &mut [i32], table: &Huffman) {
        let mut at = 1;
        while at < 64 {
            let symbol = self.bits.symbol(table);
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    return;
                }
                at += 16;
                continue;
            }
            at += zeros;
            let value = self.bits.signed(size);
            if let Some(&natural) = NATURAL.get(at) {
                block[natural] = value;
            }
            at += 1;
        }
    }

    fn first_pass(&mut self, block: &mut [i32], table: &Huffman) {
        if self.empty_run > 0 {
            self.empty_run -= 1;
            return;
        }
        let mut at = self.first;
        while at <= self.last {
            let symbol = self.bits.symbol(table);
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    self.empty_run = (1 << zeros) - 1 + self.bits.take(zeros as u32) as u32;
                    return;
                }
                at += 16;
                continue;
            }
            at += zeros;
            let value = self.bits.signed(size);
            if let Some(&natural) = NATURAL.get(at) {
                block[natural] = value << self.scan.low;
            }
            at += 1;
        }
    }

    /// T.81 G.1.2.3.
    fn refine(&mut self, block: &mut [i32], table: &Huffman) {
        let step = 1 << self.scan.low;
        let mut at = self.first;
        if self.empty_run == 0 {
            while at <= self.last {
                let symbol = self.bits.symbol(table);
                let (mut zeros, size) = (usize::from(symbol >> 4), symbol & 15);
                let mut fresh = 0;
                if size == 0 {
                    if zeros < 15 {
                        self.empty_run = (1 << zeros) + self.bits.take(zeros as u32) as u32;
                        break;
                    }
                } else {
                    fresh = if self.bits.bit() { step } else { -step };
                }
                while at <= self.last {
                    let coefficient = &mut block[NATURAL[at]];
                    at += 1;
                    if *coefficient != 0 {
                        correct(&mut self.bits, coefficient, step);
                    } else if zeros == 0 {
                        *coefficient = fresh;
                        break;
                    } else {
                        zeros -= 1;
                    }
                }
            }
        }
        if self.empty_run > 0 {
            for &natural in NATURAL.get(at..=self.last).unwrap_or_default() {
                if block[natural] != 0 {
                    correct(&mut self.bits, &mut block[natural], step);
                }
            }
            self.empty_run -= 1;
        }
    }
}

/// One more bit of a coefficient that is known not to be 0.
fn correct(bits: &mut Bits<'_>, coefficient: &mut i32, step: i32) {
    if bits.bit() && *coefficient & step == 0 {
        *coefficient += if *coefficient > 0 { step } else { -step };
    }
}
