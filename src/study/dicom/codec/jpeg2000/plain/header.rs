//! What a code stream's markers say (ISO/IEC 15444-1 annex A), as far as it is plain.

use std::ops::Range;

/// A code stream of one tile, coded alike in all components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coding {
    pub columns: usize,
    pub rows: usize,
    /// For each component whether its samples are signed.
    pub signed: Vec<bool>,
    /// Bits of a sample.
    pub precision: u32,
    /// Packets begin with a marker, and their headers end with one.
    pub marked: [bool; 2],
    pub progression: Progression,
    pub layers: u32,
    pub colour_transform: bool,
    pub levels: u32,
    /// Columns and rows of a code block, as exponents of two.
    pub block: (u32, u32),
    pub reversible: bool,
    pub guard_bits: u32,
    /// Exponent and mantissa of each subband's step size, from the lowest resolution on.
    pub steps: Vec<(u32, u32)>,
    /// The tile's parts within the stream.
    pub parts: Vec<Range<usize>>,
}

/// The order of packets (A.6.1), where each resolution is one precinct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progression {
    LayerResolutionComponent,
    ResolutionLayerComponent,
    ResolutionComponentLayer,
    ComponentResolutionLayer,
}

/// Big-endian numbers, one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u32> {
        self.bytes().map(|[byte]| u32::from(byte))
    }

    fn short(&mut self) -> Option<u32> {
        self.bytes().map(u16::from_be_bytes).map(u32::from)
    }

    fn long(&mut self) -> Option<usize> {
        self.bytes().map(|bytes| u32::from_be_bytes(bytes) as usize)
    }

    /// A segment's content, by the length that it begins with.
    fn segment(&mut self) -> Option<Reader<'a>> {
        let length = self.short()? as usize;
        let (segment, rest) = self.0.split_at_checked(length.checked_sub(2)?)?;
        self.0 = rest;
        Some(Reader(segment))
    }

    /// Goes past a marker segment, if it is one of those.
    fn skip(&mut self, marker: u32, skipped: &[u32]) -> Option<()> {
        skipped.contains(&marker).then_some(())?;
        let Reader(content) = self.segment()?;
        // The last byte of a list of packets' lengths ends a length.
        let goes_on = marker == PACKET_LENGTHS && content.last().is_some_and(|last| last >> 7 != 0);
        (!goes_on).then_some(())
    }

    /// Nothing is left.
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Comments and the lengths of tile parts and packets, which nothing here needs: in the main header, and in those of tile
/// parts.
const SKIPPED: [u32; 3] = [0xFF64, 0xFF55, 0xFF57];
const SKIPPED_OF_PART: [u32; 2] = [0xFF64, PACKET_LENGTHS];
const PACKET_LENGTHS: u32 = 0xFF58;

/// Layers are fewer: from so many on, readers differ in what an inclusion tree begins with.
const LAYERS: u32 = 999;

/// Reads the markers; none where one of them says something that is not plain, or is damaged.
pub(super) fn read(stream: &[u8]) -> Option<Coding> {
    let mut reader = Reader(stream);
    (reader.short()? == 0xFF4F && reader.short()? == 0xFF51).then_some(())?;
    let mut coding = size(reader.segment()?)?;
    let (mut style, mut steps) = (false, false);
    loop {
        match reader.short()? {
            0xFF52 => {
                coding.style(reader.segment()?)?;
                style = true;
            }
            0xFF5C => {
                coding.quantisation(reader.segment()?)?;
                steps = true;
            }
            0xFF90 => break,
            marker => reader.skip(marker, &SKIPPED)?,
        }
    }
    let bands = 3 * coding.levels as usize + 1;
    (style && steps && coding.steps.len() >= bands).then_some(())?;
    let mut count = 0;
    loop {
        let start = stream.len() - reader.0.len() - 2;
        let mut part = reader.segment()?;
        let (tile, length, number) = (part.short()?, part.long()?, part.byte()? as usize);
        // How many parts there are; one that doesn't know says 0.
        let told = part.byte()? as usize;
        part.end()?;
        (tile == 0 && number == coding.parts.len() && (told == 0 || count == 0 || told == count)).then_some(())?;
        count = count.max(told);
        loop {
            match reader.short()? {
                0xFF93 => break,
                marker => reader.skip(marker, &SKIPPED_OF_PART)?,
            }
        }
        let from = stream.len() - reader.0.len();
        // A length of 0 would mean all that is left.
        let to = start.checked_add(length)?;
        (to >= from && to <= stream.len()).then_some(())?;
        coding.parts.push(from..to);
        reader = Reader(&stream[to..]);
        match reader.short()? {
            0xFF90 => {}
            0xFFD9 => return (count == 0 || count == coding.parts.len()).then_some(coding),
            _ => return None,
        }
    }
}

/// SIZ (A.5.1): one tile from the origin on, components of one resolution and precision.
fn size(mut segment: Reader<'_>) -> Option<Coding> {
    segment.short()?;
    let (columns, rows) = (segment.long()?, segment.long()?);
    let origin = (segment.long()?, segment.long()?);
    let tile = (segment.long()?, segment.long()?);
    let tile_origin = (segment.long()?, segment.long()?);
    let components = segment.short()?;
    let mut signed = Vec::new();
    let mut precision = None;
    for _ in 0..components {
        let [bits, across, down] = segment.bytes()?;
        let same = *precision.get_or_insert(u32::from(bits & 0x7F) + 1) == u32::from(bits & 0x7F) + 1;
        (same && (across, down) == (1, 1)).then_some(())?;
        signed.push(bits >> 7 != 0);
    }
    segment.end()?;
    let one = origin == (0, 0) && tile_origin == (0, 0) && tile.0 >= columns && tile.1 >= rows;
    // Precincts are at most 32768 samples wide.
    let within = 1..=1 << 15;
    let precision = precision.filter(|bits| *bits <= 16)?;
    (one && within.contains(&columns) && within.contains(&rows)).then_some(Coding {
        columns,
        rows,
        signed,
        precision,
        marked: [false; 2],
        progression: Progression::LayerResolutionComponent,
        layers: 1,
        colour_transform: false,
        levels: 0,
        block: (6, 6),
        reversible: true,
        guard_bits: 0,
        steps: Vec::new(),
        parts: Vec::new(),
    })
}

impl Coding {
    /// COD (A.6.1), with the greatest precincts and none of the options of code blocks.
    fn style(&mut self, mut segment: Reader<'_>) -> Option<()> {
        let style = segment.byte()?;
        self.marked = [style & 2 != 0, style & 4 != 0];
        self.progression = match segment.byte()? {
            0 => Progression::LayerResolutionComponent,
            1 => Progression::ResolutionLayerComponent,
            2 => Progression::ResolutionComponentLayer,
            3 | 4 => Progression::ComponentResolutionLayer,
            _ => return None,
        };
        self.layers = segment.short()?;
        let transform = segment.byte()?;
        self.colour_transform = transform == 1;
        self.levels = segment.byte()?;
        self.block = (segment.byte()? + 2, segment.byte()? + 2);
        let options = segment.byte()?;
        self.reversible = match segment.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        if style & 1 != 0 {
            (0..=self.levels).try_for_each(|_| (segment.byte()? == 0xFF).then_some(()))?;
        }
        let (width, height) = self.block;
        segment.end()?;
        // Blocks of fewer than 256 samples would take more memory than what is in them.
        let fits = width <= 10 && height <= 10 && (8..=12).contains(&(width + height)) && self.levels <= 32;
        let transformed = !self.colour_transform || self.signed.len() >= 3;
        let known = style < 8 && transform < 2;
        (known && options == 0 && fits && transformed && (1..LAYERS).contains(&self.layers)).then_some(())
    }

    /// QCD (A.6.4), with a step size for each subband.
    fn quantisation(&mut self, mut segment: Reader<'_>) -> Option<()> {
        let style = segment.byte()?;
        self.guard_bits = style >> 5;
        self.steps.clear();
        while !segment.0.is_empty() {
            self.steps.push(match style & 31 {
                0 => (segment.byte()? >> 3, 0),
                2 => {
                    let step = segment.short()?;
                    (step >> 11, step & 0x7FF)
                }
                _ => return None,
            });
        }
        Some(())
    }
}
