//! Packets: which code blocks have how many bytes and passes in each (ISO/IEC 15444-1 annex B.9 and B.10).

use std::ops::Range;

/// Bits of packet headers; a byte after 0xFF has seven.
struct HeaderBits<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    left: u32,
}

impl HeaderBits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.left = if self.byte == 0xFF { 7 } else { 8 };
            self.byte = *self.data.get(self.at)?;
            self.at += 1;
        }
        self.left -= 1;
        Some(u32::from(self.byte) >> self.left & 1)
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// Where the header ends: at a whole byte, and not at one of 0xFF.
    fn end(mut self) -> Option<usize> {
        if self.byte == 0xFF {
            self.left = 0;
            self.bit()?;
        }
        Some(self.at)
    }
}

/// A tag tree (B.10.2): the least of each four values, level by level.
#[derive(Debug)]
struct TagTree {
    /// Columns of each level and where it begins, the leaves first.
    levels: Vec<(usize, usize)>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// What the value is at least, or is.
    least: u32,
    known: bool,
}

impl TagTree {
    fn new(columns: usize, rows: usize) -> Self {
        let (mut levels, mut count) = (Vec::new(), 0);
        let (mut columns, mut rows) = (columns, rows);
        loop {
            levels.push((columns, count));
            count += columns * rows;
            if columns * rows <= 1 {
                break;
            }
            (columns, rows) = (columns.div_ceil(2), rows.div_ceil(2));
        }
        TagTree { levels, nodes: vec![Node { least: 0, known: false }; count] }
    }

    /// The value of a leaf, or the threshold if it is not less, which is as far as bits are read.
    fn up_to(&mut self, (column, row): (usize, usize), threshold: u32, bits: &mut HeaderBits<'_>) -> Option<u32> {
        let mut value = 0;
        for (level, &(columns, start)) in self.levels.iter().enumerate().rev() {
            let node = &mut self.nodes[start + (row >> level) * columns + (column >> level)];
            node.least = node.least.max(value);
            while !node.known && node.least < threshold {
                if bits.bit()? == 1 {
                    node.known = true;
                } else {
                    node.least += 1;
                }
            }
            value = node.least;
        }
        Some(value.min(threshold))
    }
}

/// What all packets so far say of a code block.
#[derive(Debug, Clone, Default)]
pub(super) struct Contribution {
    /// Bit-planes above the first that is coded; none before the block is in a packet.
    pub zero_planes: Option<u32>,
    pub passes: u32,
    length_bits: u32,
    /// Its bytes within the tile's data.
    pub pieces: Vec<Range<usize>>,
}

/// The code blocks of a subband, which are in one packet a layer.
#[derive(Debug)]
pub(super) struct Blocks {
    pub columns: usize,
    pub coded: Vec<Contribution>,
    inclusion: TagTree,
    zero_planes: TagTree,
}

impl Blocks {
    pub fn new(columns: usize, rows: usize) -> Self {
        Blocks {
            columns,
            coded: vec![Contribution::default(); columns * rows],
            inclusion: TagTree::new(columns, rows),
            zero_planes: TagTree::new(columns, rows),
        }
    }

    /// Reads what a packet's header says of the subband; gives the lengths of what is in its body.
    fn header(&mut self, layer: u32, bits: &mut HeaderBits<'_>) -> Option<Vec<(usize, usize)>> {
        let mut lengths = Vec::new();
        for at in 0..self.coded.len() {
            let place = (at % self.columns, at / self.columns);
            let block = &mut self.coded[at];
            let included = if block.zero_planes.is_some() {
                bits.bit()? == 1
            } else {
                self.inclusion.up_to(place, layer + 1, bits)? <= layer
            };
            if !included {
                continue;
            }
            if block.zero_planes.is_none() {
                // No subband has more bit-planes than an exponent of 31 and 7 guard bits make.
                let planes = self.zero_planes.up_to(place, 38, bits)?;
                (planes < 38).then_some(())?;
                block.zero_planes = Some(planes);
                block.length_bits = 3;
            }
            let passes = passes(bits)?;
            while bits.bit()? == 1 {
                block.length_bits += 1;
            }
            let width = block.length_bits + passes.ilog2();
            if width > 31 {
                return None;
            }
            block.passes += passes;
            // With more, the coder would begin anew.
            (block.passes <= MOST_PASSES).then_some(())?;
            lengths.push((at, bits.bits(width)? as usize));
        }
        Some(lengths)
    }
}

/// Coding passes of a block at most: three for each of 37 bit-planes but the first, which has one.
const MOST_PASSES: u32 = 109;

/// Number of coding passes (table B.4).
fn passes(bits: &mut HeaderBits<'_>) -> Option<u32> {
    if bits.bit()? == 0 {
        return Some(1);
    }
    if bits.bit()? == 0 {
        return Some(2);
    }
    let more = bits.bits(2)?;
    if more < 3 {
        return Some(3 + more);
    }
    let more = bits.bits(5)?;
    if more < 31 {
        return Some(6 + more);
    }
    Some(37 + bits.bits(7)?)
}

/// Reads the packet at `at`, of the subbands of one resolution and component; gives where the next one begins. `marked`
/// tells whether there are markers before it and behind its header.
pub(super) fn packet(data: &[u8], mut at: usize, marked: [bool; 2], layer: u32, bands: &mut [Blocks]) -> Option<usize> {
    if marked[0] && data.get(at..at + 2) == Some(&[0xFF, 0x91]) {
        at += 6;
    }
    let mut bits = HeaderBits { data, at, byte: 0, left: 0 };
    let mut lengths = Vec::new();
    if bits.bit()? == 1 {
        for band in bands.iter_mut() {
            lengths.push(band.header(layer, &mut bits)?);
        }
    }
    at = bits.end()?;
    if marked[1] && data.get(at..at + 2) == Some(&[0xFF, 0x92]) {
        at += 2;
    }
    for (band, lengths) in bands.iter_mut().zip(lengths) {
        for (block, length) in lengths {
            let piece = at..at.checked_add(length)?;
            data.get(piece.clone())?;
            at = piece.end;
            band.coded[block].pieces.push(piece);
        }
    }
    Some(at)
}
